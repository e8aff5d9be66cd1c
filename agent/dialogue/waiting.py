"""Whoever waits is never left in silence: while nothing sounds, there is a soft sound every now and then.

Rules:
- Somebody waits from the end of the question until the turn is over, whoever is at work: recogniser, language model,
  tools, voice. Nobody waits for an announcement.
- Silence begins with the last word of the user, with an earcon, or when all that was to be said so far has been heard
  (`Paused`): a language model may stop in the middle of its answer, or write what cannot be spoken. It ends when speech
  is in the air (`Audible`, `Resumed`), not when words are written.
- It is computed after every event, like the volume (`agent.dialogue.loudness`): no way through a turn can forget it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.commands import Command, Earcon
from agent.dialogue.state import Speaking, State, Thinking, Transcribing
from agent.events import Audible, Endpoint, Event, Paused, Resumed

SHORTEST_S = 0.5  # between two sounds, whatever is configured


def heed(before: State, after: State, event: Event, commands: Sequence[Command]) -> State:
    """`after`, with the beginning of the silence as this event and what is done about it leave it."""
    return replace(after, silent_from=_silent_from(before, after, event, commands))


def due(state: State) -> float | None:
    """Monotonic seconds at which the silence has lasted long enough; None where nobody waits or something sounds."""
    return None if state.silent_from is None else state.silent_from + max(SHORTEST_S, state.rules.thinking_sound_after)


def _silent_from(before: State, after: State, event: Event, commands: Sequence[Command]) -> float | None:
    if not _owed(after):
        return None
    now = event.at.mono
    if any(isinstance(command, Earcon) and command.turn == after.turn for command in commands):
        return now
    match event:
        case Audible(turn=turn) | Resumed(turn=turn) if turn == after.turn:
            return None
        case Paused(turn=turn, since=since) if turn == after.turn:
            return since
        case Endpoint(audio_at=audio_at) if not _owed(before):
            return audio_at
        case _ if not _owed(before) or before.turn != after.turn:
            return now
        case _:
            return before.silent_from


def _owed(state: State) -> bool:
    return isinstance(state.activity, Transcribing | Thinking | Speaking) and state.talk.announcement is None
