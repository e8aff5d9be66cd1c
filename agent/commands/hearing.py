"""What the ear is to do."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events import Turn


@dataclass(frozen=True, slots=True)
class StartListening:
    """Feed the recogniser from `since` (monotonic seconds; None = from now) for this turn.

    With `since`, the ear replays its preroll from 200 ms before it and drops words that ended before the wake word did;
    where nobody was `woken`, no word did, and it replays what it has heard since then.
    `first_word_ms`: the agent has just spoken, and this is how long to wait for an answer; None: as configured.
    """

    turn: Turn
    since: float | None = None
    first_word_ms: int | None = None
    persona: str = ""
    woken: bool = True


@dataclass(frozen=True, slots=True)
class ListenOn:
    """The user has gone on speaking after the endpoint of the turn `of`: what was said in it, and what comes, is the
    utterance of `turn`."""

    turn: Turn
    of: Turn
    persona: str = ""


@dataclass(frozen=True, slots=True)
class SetPatience:
    """How much silence ends the utterance, as long as no more is said than what the recogniser has written.

    `heard_ms`: how much of the sound that it was given, the text is of (`agent.events.Partial`). Once more is said, the
    configured silence holds again.
    """

    turn: Turn
    silence_ms: int
    heard_ms: int


@dataclass(frozen=True, slots=True)
class StopListening:
    turn: Turn


@dataclass(frozen=True, slots=True)
class SetMute:
    """Close or open the hard gate in front of the wake word."""

    on: bool
