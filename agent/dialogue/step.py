"""The whole behaviour: `step(state, event) -> (state, commands)`, pure.

No clock, no thread, no I/O: what happens is decided by the state and the event alone. The daemon and the tests are two
drivers of the same function.
"""

from __future__ import annotations

from typing import assert_never

from agent.commands import ShowState
from agent.dialogue.actions import acted
from agent.dialogue.announcements import say_next
from agent.dialogue.calls import called
from agent.dialogue.confirmation import answered
from agent.dialogue.contest import hearing, met, woken
from agent.dialogue.deadlines import deadline, passed
from agent.dialogue.health import health
from agent.dialogue.interruption import overheard, settle, voice_over
from agent.dialogue.loudness import adjust
from agent.dialogue.panel import mute_switched, pressed
from agent.dialogue.replies import close
from agent.dialogue.requests import requested
from agent.dialogue.resumption import kept
from agent.dialogue.ringing import passing
from agent.dialogue.ringing import woken as waking
from agent.dialogue.settings import setting_changed
from agent.dialogue.state import State, Step
from agent.dialogue.timerkeeping import kept as timers_kept
from agent.dialogue.turn import replying, speaking
from agent.dialogue.waiting import heed
from agent.events import (
    Acted,
    AsrFailed,
    Audible,
    ClauseReady,
    ClockChanged,
    ConfirmDue,
    DeadlinePassed,
    Endpoint,
    Event,
    Final,
    Health,
    IntentCalled,
    LlmFailed,
    MuteSwitched,
    Partial,
    Paused,
    PeersChanged,
    Pressed,
    ReplyDelta,
    ReplyDone,
    Requested,
    Resumed,
    RivalClaimed,
    RivalWoke,
    SettingChanged,
    SpeechDone,
    SpeechFailed,
    SpeechResumed,
    SpeechStarted,
    TimersKept,
    ToolUsed,
    TtsFirst,
    Turn,
    VoiceOver,
    Wake,
)

__all__ = ["deadline", "step"]

TurnEvent = (
    SpeechStarted | Partial | Endpoint | SpeechResumed | Final | AsrFailed
    | ReplyDelta | ReplyDone | LlmFailed | ConfirmDue | ToolUsed | IntentCalled | Acted
    | SpeechDone | SpeechFailed | ClauseReady | TtsFirst | Audible | Paused | Resumed
)  # fmt: skip


def step(state: State, event: Event) -> Step:
    """The next state, and what has to be done. Stale events change nothing."""
    after, reacting = _react(state, event)
    after, ducking = settle(after)
    after, ringing = passing(after, event.at)
    after, saying = say_next(after, event.at)
    commands = (*reacting, *ducking, *ringing)
    after = heed(state, after, event, (*commands, *saying))
    after, commands = adjust(after, (*commands, *saying), event.at.wall)
    shown = () if (after.phase, after.turn) == (state.phase, state.turn) else (ShowState(after.phase, after.turn),)
    return after, (*commands, *shown)


def _react(state: State, event: Event) -> Step:
    match event:
        case Wake():
            after, commands = woken(state, event)
            hushed, hushing = waking(state, after, event.at)
            return hushed, (*commands, *hushing)
        case VoiceOver():
            return voice_over(state, event)
        case PeersChanged() | RivalWoke() | RivalClaimed():
            return met(state, event)
        case Requested():
            return requested(state, event)
        case SettingChanged() | Health() | Pressed() | MuteSwitched():
            return _of_device(state, event)
        case TimersKept() | ClockChanged() | DeadlinePassed():
            return _timed(state, event)
        case SpeechDone(turn=turn) | SpeechFailed(turn=turn) if (
            state.closing is not None and turn == state.closing.talk.turn
        ):
            return close(state, event.at.mono, event.heard)
        case _:
            return _in_turn(state, event) if event.turn == _meant(state, event) else (state, ())


def _of_device(state: State, event: SettingChanged | Health | Pressed | MuteSwitched) -> Step:
    match event:
        case SettingChanged():
            return setting_changed(state, event)
        case Health():
            return health(state, event)
        case Pressed():
            return pressed(state, event)
        case MuteSwitched():
            return mute_switched(state, event)


def _timed(state: State, event: TimersKept | ClockChanged | DeadlinePassed) -> Step:
    match event:
        case TimersKept():
            return timers_kept(state, event)
        case ClockChanged():
            return state, ()  # as after every event, `passing` looks at the clocks
        case DeadlinePassed():
            return passed(state, event.at.mono)


def _meant(state: State, event: TurnEvent) -> Turn:
    """The language model speaks of the turn in which it was asked, which goes on in another behind a confirmation."""
    thought = isinstance(event, ReplyDelta | ReplyDone | LlmFailed | ConfirmDue | ToolUsed | IntentCalled)
    return state.talk.thinker if thought and state.talk.thinker else state.turn


def _in_turn(state: State, event: TurnEvent) -> Step:
    match event:
        case Final() | AsrFailed() if state.duck.until is not None:
            return overheard(state, event)
        case Endpoint() | Final() | AsrFailed() if state.talk.question:
            return answered(state, event) or hearing(state, event)
        case SpeechStarted() | Partial() | Endpoint() | SpeechResumed() | Final() | AsrFailed():
            return hearing(state, event)
        case ReplyDelta() | ReplyDone() | LlmFailed() | ConfirmDue() | ToolUsed():
            return replying(state, event)
        case IntentCalled():
            return called(state, event)
        case Acted():
            return acted(state, event)
        case SpeechDone() | SpeechFailed():
            return speaking(state, event)
        case Audible():
            return kept(state), ()
        case ClauseReady() | TtsFirst() | Paused() | Resumed():
            # Measures for the receipt, and for `heed`.
            return state, ()
        case unknown:
            assert_never(unknown)
