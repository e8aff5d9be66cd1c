"""The vocabulary of timers and alarms, as dialogue, store and MQTT share it.

A timer that runs counts on the monotonic clock (`due_mono`), which nobody sets; an alarm, and a timer of an earlier
boot, whose monotonic clock is gone, are due when the clock on the wall says so (`due`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Kind = Literal["timer", "alarm"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Day = Literal["today", "tomorrow", "daily", "weekdays", "weekends", Weekday]

DAYS: tuple[Weekday, ...] = get_args(Weekday)
MAX_TIMERS = 50
MAX_SECONDS = 604_800
MAX_NAME = 64  # characters
MAX_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer or alarm.

    `name`, `message`: "" where none was said. `due`: aware, of a repeating alarm the next time. `due_mono`: monotonic
    seconds of this boot; None: `due` decides. `seconds`: how long it was set for, 0 for an alarm. `days`: on which an
    alarm repeats, 0 is Monday; `clock`: hour and minute of an alarm, which `due` misses in a night in which that hour
    does not exist. `persona`: who set it and announces it.
    """

    id: str
    kind: Kind
    name: str
    message: str
    due: datetime
    due_mono: float | None
    seconds: int
    days: tuple[int, ...]
    persona: str
    set_at: datetime
    clock: tuple[int, int] | None = None
