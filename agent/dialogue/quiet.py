"""Quiet hours: when they are, and what of the agent is kept down in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time


@dataclass(frozen=True, slots=True)
class Hours:
    """From one time on the wall clock up to another, over midnight where `end` comes before `start`."""

    start: time
    end: time

    def contain(self, moment: datetime) -> bool:
        """What the clock on the wall shows decides, so `moment` is local time. On the night in which an hour comes
        twice, it counts twice."""
        shown = moment.time()
        if self.start <= self.end:
            return self.start <= shown < self.end
        return shown >= self.start or shown < self.end
