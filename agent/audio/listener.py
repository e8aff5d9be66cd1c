"""Who follows the sound on its way out, and what of it is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agent.audio.pcm import Samples
from agent.events import Turn


class Listener(Protocol):
    """Told by the child's I/O thread; must not block and may call Playback."""

    def audible(self, turn: Turn, at: float) -> None:
        """The turn's first frame is in the air at `at` (monotonic seconds, device delay included; may be ahead)."""

    def played(self, turn: Turn, position: int, rate_hz: int, at: float) -> None:
        """At `at` so many frames, of the PCM as handed to `play`, have been heard; about every 0.1 s."""

    def drained(self, turn: Turn) -> None:
        """The end of the turn has left the device. Not told of a dropped turn."""

    def failed(self, turn: Turn, reason: str) -> None:
        """The rest of this turn will not be heard."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Since start. `underruns`: the device ran dry before the end of a turn."""

    underruns: int = 0
    restarts: int = 0


class OwnVoice(Protocol):
    """Whoever has to know what the agent itself says. Told by several threads; must not block."""

    def said(self, turn: Turn, pcm: Samples, rate_hz: int) -> None:
        """Sound that follows what the turn has to say so far; it will be heard later."""

    def sounded(self, turn: Turn, seconds: float, at: float) -> None:
        """So many seconds of the turn's sound had been heard at `at` (monotonic)."""

    def over(self, turn: Turn) -> None:
        """Nothing more of this turn and of older ones will be heard."""
