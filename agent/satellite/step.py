"""What a satellite does, as a pure function: `step(state, happening, now) -> (state, actions)`.

As wyoming-satellite with a local wake word and Home Assistant's integration (`components/wyoming/assist_satellite.py`)
do it:

    Home Assistant                             the satellite
    run-satellite                              (pipelines may be run; pause-satellite ends that)
                                               run-pipeline (asr to tts), audio-chunk …
    transcribe, voice-started, voice-stopped   audio-stop, where this device heard the end first
    transcript                                 (no more sound)
    synthesize, audio-start … audio-stop       (is played)
                                               played
    error: the pipeline ended otherwise; ping: pong

Rules:
- Sound outside of a turn is an announcement, and answered with "played", too. For one Home Assistant ends its pipeline,
  and tells nobody: sound that begins before the turn is understood, or is complete before its reply has a text, is one.
- A turn has deadlines, since Home Assistant does not say when a pipeline ends without sound: `LISTEN_S` of listening,
  `ANSWER_S` from there to each next thing that it says.
- What was sent of a turn that is dropped would be obeyed when it ends, and nothing says "never mind". But a pipeline
  ends the one before it: so one is run that hears nothing, and says "error" when it has ended. Home Assistant takes in
  no sound for a pipeline that was begun while another one ran (2026.2), so the next turn is held back until then, for
  `ENDING_S` at most.
- A turn that was dropped, or heard to its end before its sound was here, leaves the rest of its reply on the way: that
  is thrown away up to its "audio-stop", and said to be played. What has not begun to come is waited for.
- An "error" of `NOTHING_SAID` means that there is nothing to answer, for anybody.
- Once Home Assistant has sent a ping it is sent some as well, and is gone when it does not answer for `PONG_S`.
- No sound is longer than `LONGEST_S`: the rest is thrown away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from agent.events import Turn
from agent.satellite.happenings import (
    Action,
    Dropped,
    End,
    Ended,
    Failed,
    Gone,
    HangUp,
    Happening,
    Heard,
    Owner,
    Passed,
    Play,
    Played,
    Said,
    Says,
    Send,
    Serving,
    Understood,
    Woke,
)
from agent.satellite.state import LONGEST_S, Coming, State, Talk
from agent.satellite.timers import timer
from agent.wyoming.messages import BadMessage, Message
from agent.wyoming.sound import WIDTH, mono, sound

RATE_HZ = 16_000
LISTEN_S, ANSWER_S = 30.0, 30.0
ENDING_S, ENDED_S = 3.0, 0.1
PING_S, PONG_S = 2.0, 7.0
LONGEST_TEXT = 4000

NOTHING_SAID = frozenset({"stt-no-text-recognized", "duplicate_wake_up_detected"})

PIPELINE = Message("run-pipeline", {"start_stage": "asr", "end_stage": "tts", "restart_on_end": False})
STOP, PLAYED, PING = Message("audio-stop"), Message("played"), Message("ping")
INSTEAD = "Home Assistant has given it up for an announcement"

Step = tuple[State, tuple[Action, ...]]


def step(state: State, happening: Happening, now: float) -> Step:
    """`now`: monotonic seconds."""
    state, actions = _moved(state, happening, now)
    if state.held and now >= state.ending_until:
        state, actions = replace(state, held=()), (*actions, *state.held)
    return state, actions


def _moved(state: State, happening: Happening, now: float) -> Step:
    match happening:
        case Said(message):
            return _said(replace(state, ponged_at=now), message, now)
        case Woke(turn):
            return _woke(state, turn, now)
        case Heard(turn, pcm):
            talk = state.talk
            streams = talk is not None and talk.turn == turn and talk.streaming
            return _sent(state, now, sound(RATE_HZ, pcm)) if streams else (state, ())
        case Ended(turn):
            if state.talk is None or state.talk.turn != turn or not state.talk.streaming:
                return state, ()
            return _sent(replace(state, talk=replace(state.talk, streaming=False, until=now + ANSWER_S)), now, STOP)
        case Dropped(turn):
            return _never_mind(state, now) if state.talk and state.talk.turn == turn else (state, ())
        case Played(owner):
            return _played(state, owner, now)
        case Gone():
            return _gone(state)
        case Passed():
            return _passed(state, now)
        case unknown:
            assert_never(unknown)


def deadline(state: State) -> float | None:
    """When `Passed` is due next."""
    times = [state.talk.until] if state.talk else []
    times += [state.ending_until] if state.held else []
    if state.pinged_at is not None:
        times += [state.pinged_at + PING_S, state.ponged_at + PONG_S]
    return min(times, default=None)


def _sent(state: State, now: float, *messages: Message) -> Step:
    """Sent, or held back until the pipeline before has ended."""
    sends = tuple(map(Send, messages))
    waits = state.held or now < state.ending_until
    return (replace(state, held=(*state.held, *sends)), ()) if waits else (state, sends)


def _woke(state: State, turn: Turn, now: float) -> Step:
    if not state.serving:
        return state, (Failed(turn, "Home Assistant is not there"),)
    state, before = _never_mind(state, now)
    state, actions = _sent(replace(state, talk=Talk(turn, now + LISTEN_S)), now, PIPELINE)
    return state, (*before, *actions)


def _never_mind(state: State, now: float) -> Step:
    """Without the turn, whose pipeline is to end."""
    talk = state.talk
    if talk is not None and state.held:
        return replace(state, talk=None, held=()), ()  # Home Assistant has not heard of it
    state, actions = _dropped(state, now)
    if talk is None or talk.worded or talk.sounding:
        return state, actions  # there is nothing left to be obeyed
    state = replace(state, ending_until=now + ENDING_S, stray_until=now + ENDING_S)
    return state, (*actions, Send(PIPELINE), Send(STOP))


def _dropped(state: State, now: float) -> Step:
    """Without the turn; the rest of its reply is not wanted."""
    talk, coming = state.talk, state.coming
    if talk is None:
        return state, ()
    if coming is not None and coming.owner == talk.turn:
        coming = replace(coming, wanted=False)
    stray_until = state.stray_until if talk.sounding else now + ANSWER_S
    sent = (Send(PLAYED),) if talk.complete else ()
    return replace(state, talk=None, coming=coming, held=(), stray_until=stray_until), sent


def _played(state: State, owner: Owner, now: float) -> Step:
    if owner is None:
        return state, (Send(PLAYED),)
    if state.talk is None or state.talk.turn != owner:
        return state, ()
    return _dropped(state, now)


def _gone(state: State) -> Step:
    """What of a reply has come is complete, as far as that goes."""
    actions: list[Action] = [Serving(False)] if state.serving else []
    if state.coming is not None and state.coming.wanted:
        actions.append(End(state.coming.owner))
    if state.talk is not None:
        actions.append(Failed(state.talk.turn, "Home Assistant is gone"))
    return State(), tuple(actions)


def _passed(state: State, now: float) -> Step:
    if state.pinged_at is not None and now >= state.ponged_at + PONG_S:
        after, actions = _gone(state)
        return after, (HangUp(f"no answer for {PONG_S:g} s"), *actions)
    actions = ()
    if state.talk is not None and now >= state.talk.until:
        turn = state.talk.turn
        state, actions = _never_mind(state, now)
        actions = (*actions, Failed(turn, "Home Assistant did not answer in time"))
    if state.pinged_at is not None and now >= state.pinged_at + PING_S:
        state, actions = replace(state, pinged_at=now), (*actions, Send(PING))
    return state, actions


def _said(state: State, message: Message, now: float) -> Step:
    match message.type:
        case "ping":
            pong = Send(Message("pong", {"text": message.data["text"]} if "text" in message.data else {}))
            return replace(state, pinged_at=now if state.pinged_at is None else state.pinged_at), (pong,)
        case "run-satellite":
            return replace(state, serving=True), (() if state.serving else (Serving(True),))
        case "pause-satellite":
            return _paused(state, now)
        case "audio-start" | "audio-chunk" | "audio-stop":
            return _sounded(state, message, now)
        case "timer-started" | "timer-updated" | "timer-cancelled" | "timer-finished":
            return state, (timer(message),)
        case "error" if now < state.ending_until:
            return replace(state, ending_until=min(state.ending_until, now + ENDED_S)), ()
        case _ if now < state.ending_until:
            return state, ()
        case "error" if state.talk is None:
            return replace(state, stray_until=0.0), ()  # of a turn that nobody waits for no sound comes
        case _:
            return (state, ()) if state.talk is None else _of_turn(state, state.talk, message, now)


def _paused(state: State, now: float) -> Step:
    actions: tuple[Action, ...] = (Serving(False),) if state.serving else ()
    turn = state.talk.turn if state.talk else None
    state, dropped = _dropped(replace(state, serving=False), now)
    failed = () if turn is None else (Failed(turn, "Home Assistant paused this device"),)
    return state, (*actions, *dropped, *failed)


def _of_turn(state: State, talk: Talk, message: Message, now: float) -> Step:
    text = message.text()[:LONGEST_TEXT]
    match message.type:
        case "transcript":
            return _told(state, replace(talk, understood=True), now), (Understood(talk.turn, text),)
        case "synthesize":
            return _told(state, replace(talk, worded=True), now), (Says(talk.turn, text),)
        case "error":
            state, actions = _dropped(state, now)
            nothing = (Understood(talk.turn, ""),) if message.text("code") in NOTHING_SAID else ()
            failed = Failed(talk.turn, text or message.text("code") or "an error")
            return replace(state, stray_until=0.0), (*actions, *nothing, failed)
        case _:
            return state, ()  # what it only tells, or what later versions may say


def _told(state: State, talk: Talk, now: float) -> State:
    """It has said something of the turn; more is waited for."""
    return replace(state, talk=replace(talk, streaming=False, until=now + ANSWER_S))


def _sounded(state: State, message: Message, now: float) -> Step:
    actions: tuple[Action, ...] = ()
    if message.type == "audio-start" or state.coming is None:
        state, actions = _begun(state, now)
    talk, coming = state.talk, state.coming
    assert coming is not None
    if talk is not None and coming.owner == talk.turn:
        state = replace(state, talk=replace(talk, until=now + ANSWER_S))
    more: tuple[Action, ...] = ()
    if message.type == "audio-chunk":
        state, more = _chunk(state, coming, message)
    elif message.type == "audio-stop":
        state, more = _complete(replace(state, coming=None), coming, now)
    return state, (*actions, *more)


def _begun(state: State, now: float) -> Step:
    """Whose the sound is that begins."""
    talk, wanted = state.talk, now >= state.stray_until
    if talk is not None and talk.understood and not talk.sounding:
        return replace(state, talk=replace(talk, sounding=True), coming=Coming(talk.turn)), ()
    state = replace(state, coming=Coming(None, wanted), stray_until=0.0)
    if talk is None or talk.understood or state.held or not wanted:
        return state, ()
    return replace(state, talk=None), (Failed(talk.turn, INSTEAD),)


def _complete(state: State, coming: Coming, now: float) -> Step:
    """All of it is here."""
    talk = state.talk
    if not coming.wanted:
        return state, (Send(PLAYED),)
    if talk is None or coming.owner != talk.turn:
        return state, (End(coming.owner),)
    if not talk.worded:
        return replace(state, talk=None), (End(None), Failed(talk.turn, INSTEAD))
    # From here on the speaker counts, which is nobody's to wait for but ours.
    return replace(state, talk=replace(talk, complete=True, until=now + LONGEST_S)), (End(coming.owner),)


def _chunk(state: State, coming: Coming, message: Message) -> Step:
    try:
        rate_hz, pcm = mono(message)
    except BadMessage:
        return replace(state, coming=coming), ()
    left = coming.left - len(pcm) / WIDTH / rate_hz
    state = replace(state, coming=replace(coming, left=left))
    return state, ((Play(coming.owner, rate_hz, pcm),) if coming.wanted and left >= 0 and pcm else ())
