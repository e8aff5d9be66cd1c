"""Interruption: somebody speaks while the agent does.

    loud ─VoiceOver─▶ soft ─wake word, "stop"─▶ silent
                       └──nothing within HOLD──▶ loud

Rules:
- At the first sign of a voice the reply becomes softer: whoever wants something is understood better then, and has been
  noticed. What is not meant for the agent (a cough, a word to somebody else) costs a second of softness and no word.
- While the voice goes on it stays soft, for at most MOST. Then, and where nothing came of it, the next one has to wait:
  REST, and twice as long each time. A television must not keep an answer down.
- While it is soft the ear listens to what is said (`agent.hearing.stopword`). A whole "stop" ends what goes on, as the
  command would; anything else gives the reply its loudness back, and is neither shown nor kept.
- Where barge-in is not wanted nothing of this happens.
"""

from __future__ import annotations

from dataclasses import replace

from agent.commands import Command, Duck, ShowEvent
from agent.dialogue.duck import Ducking
from agent.dialogue.requests import requested
from agent.dialogue.state import Speaking, State, Step
from agent.events import AsrFailed, Final, Requested, VoiceOver
from agent.requests import StopRequest

HOLD = 1.3
MOST = 4.0
REST = 1.5


def voice_over(state: State, event: VoiceOver) -> Step:
    """Become softer, or stay so."""
    now, duck = event.at.mono, state.duck
    if event.turn != state.turn or not isinstance(state.activity, Speaking) or not state.rules.barge_in:
        return state, ()
    if duck.turn != state.turn:
        duck = Ducking(state.turn)
    if duck.until is not None:
        held = replace(duck, until=min(now + HOLD, duck.since + MOST))
        return replace(state, duck=held), ()
    if now < duck.rest_until:
        return state, ()
    softer = replace(duck, until=now + HOLD, since=now)
    return replace(state, duck=softer), (Duck(state.turn, True, state.talk.persona),)


def overheard(state: State, event: Final | AsrFailed) -> Step:
    """What was said over the reply."""
    if isinstance(event, Final) and event.intent is not None and event.intent.name == "stop":
        stopped, commands = requested(state, Requested(event.at, StopRequest()))
        return stopped, (*commands, ShowEvent("bargein", event.turn, {"word": "stop"}))
    if isinstance(event, Final) and not event.text.strip():
        return state, ()  # nothing yet, but perhaps the beginning of a wake word
    return restored(state, event.at.mono)


def restored(state: State, now: float) -> Step:
    """Nothing came of it."""
    rest = REST * 2**state.duck.tries
    loud = replace(state.duck, until=None, tries=state.duck.tries + 1, rest_until=now + rest)
    return replace(state, duck=loud), (Duck(state.turn, False, state.talk.persona),)


def due(state: State) -> float | None:
    return state.duck.until


def passed(state: State, now: float) -> Step:
    """Time has gone by."""
    if state.duck.until is None or state.duck.until > now:
        return state, ()
    return restored(state, now)


def settle(state: State) -> Step:
    """The end of the reply is the end of its softness, whatever came of it."""
    duck = state.duck
    if duck.until is None or (isinstance(state.activity, Speaking) and duck.turn == state.turn):
        return state, ()
    commands: tuple[Command, ...] = (Duck(duck.turn, False),)
    return replace(state, duck=Ducking()), commands
