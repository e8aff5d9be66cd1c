"""Whoever brings sound to the speaker, as the mouth sees it: what it is told, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agent.audio.pcm import Samples
from agent.events import Turn


class Player(Protocol):
    """Whoever brings sound to the speaker. No method blocks."""

    def play(self, turn: Turn, pcm: Samples, rate_hz: int) -> bool:
        """Append mono sound to the turn's; it begins to play at once. False where there is no room for it."""

    def end(self, turn: Turn) -> None:
        """The turn's sound is complete; `drained` is to be reported."""

    def drop(self, turn: Turn) -> None:
        """Silence at once everything of this turn and of older ones."""

    def earcon(self, pcm: Samples, rate_hz: int) -> None: ...

    def volume(self, percent: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Began:
    """The turn's first frame was in the air at `at` (monotonic seconds)."""

    turn: Turn
    at: float


@dataclass(frozen=True, slots=True)
class Played:
    """At `at` the frame `position` of the turn's sound was in the air."""

    turn: Turn
    position: int
    rate_hz: int
    at: float


@dataclass(frozen=True, slots=True)
class Drained:
    """All of the turn's sound has been heard."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class PlayingFailed:
    turn: Turn
    reason: str


PlayerReport = Began | Played | Drained | PlayingFailed
