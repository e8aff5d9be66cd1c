"""Home Assistant has started: it forgot what it was told, so tell it again.

Rules:
- Its birth message, `online` on `<prefix>/status`, makes everything retained go out again, `online` last.
- After a random pause of 0.5 to 5 seconds, so that a house full of devices does not shout at a system that is just
  starting; births during the pause change nothing, and two announcements are at least `APART_S` apart.

Pure: the time is an argument (monotonic seconds), chance is given.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.events import Instant
from agent.mqtt.happenings import Received

SOONEST_S, LATEST_S = 0.5, 5.0
APART_S = 10.0
BIRTH = b"online"


class Birth:
    """`prefix`: Home Assistant's, None where it is not to be heard. `random` gives numbers in [0, 1)."""

    def __init__(self, prefix: str | None, random: Callable[[], float]) -> None:
        self.filters: tuple[str, ...] = () if prefix is None else (f"{prefix}/status",)
        self.due_at: float | None = None
        self._random = random
        self._announced_at = float("-inf")

    def reads(self, topic: str) -> bool:
        return topic in self.filters

    def take(self, received: Received, at: Instant) -> tuple[()]:
        if received.payload == BIRTH and self.due_at is None:
            pause = SOONEST_S + (LATEST_S - SOONEST_S) * self._random()
            self.due_at = max(at.mono + pause, self._announced_at + APART_S)
        return ()

    def due(self, now: float) -> bool:
        """Whether everything is to be said again, now; once for each time that it is."""
        if self.due_at is None or now < self.due_at:
            return False
        self.announced(now)
        return True

    def announced(self, now: float) -> None:
        """Everything was said, for this or another reason."""
        self.due_at = None
        self._announced_at = now
