"""New timers out of what was asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.dialogue import alarms
from agent.events import Instant
from agent.requests import Intent
from agent.timers import MAX_MESSAGE, MAX_NAME, Timer


@dataclass(frozen=True, slots=True)
class Maker:
    """`taken`: the timers that there are; `persona`: who sets and will announce the new one."""

    at: Instant
    taken: Iterable[Timer]
    persona: str

    def timer(self, intent: Intent, seconds: int) -> Timer:
        name, message = text(intent, "name", MAX_NAME), text(intent, "message", MAX_MESSAGE)
        due, due_mono = self.after(seconds)
        return Timer(self._id(), "timer", name, message, due, due_mono, seconds, (), self.persona, self.at.wall)

    def alarm(self, intent: Intent) -> Timer | None:
        """None where that time of the day is over."""
        day = text(intent, "day", MAX_NAME)
        days = alarms.repeats(day) or (alarms.weekly(day) if number(intent, "every") else ())
        # What rings again and again is not for the next half of this day: "half past six on weekdays" is the morning.
        half = bool(number(intent, "half")) and not days
        hour, minute = number(intent, "hour") or 0, number(intent, "minute") or 0
        due = alarms.due((hour, minute), half, day, self.at.wall)
        if due is None:
            return None
        name, message = text(intent, "name", MAX_NAME), text(intent, "message", MAX_MESSAGE)
        clock = (due.hour, minute) if half else (hour, minute)
        return Timer(
            self._id(), "alarm", name, message, due, None, 0, days, self.persona, self.at.wall, clock
        )  # fmt: skip

    def again(self, rung: Timer, seconds: int) -> Timer:
        """What has rung, once more in a while."""
        due, due_mono = self.after(seconds)
        return replace(rung, id=self._id(), due=due, due_mono=due_mono, seconds=seconds, days=(), set_at=self.at.wall)

    def after(self, seconds: float) -> tuple[datetime, float]:
        return later(self.at.wall, seconds), self.at.mono + seconds

    def _id(self) -> str:
        """Unlike all others, also those of earlier starts: the milliseconds of the moment."""
        taken = {timer.id for timer in self.taken}
        number = round(self.at.wall.timestamp() * 1000)
        while f"{number:x}" in taken:
            number += 1
        return f"{number:x}"


def later(wall: datetime, seconds: float) -> datetime:
    """So many seconds later, also over a night in which the clock changes; in the same zone."""
    return datetime.fromtimestamp(wall.timestamp() + seconds, wall.tzinfo)


def following(timer: Timer, now: datetime) -> Timer | None:
    """What is left of a timer that has rung: of a repeating alarm the next time."""
    if not timer.days or timer.clock is None:
        return None
    return replace(timer, due=alarms.following(timer.clock, timer.days, now))


def longer(timer: Timer, seconds: int) -> Timer:
    """The same, due so much later; with less than nothing, earlier."""
    mono = None if timer.due_mono is None else timer.due_mono + seconds
    return replace(timer, due=timer.due + timedelta(seconds=seconds), due_mono=mono)


def text(intent: Intent, slot: str, limit: int) -> str:
    """What was said there, fit to be spoken and stored."""
    said = "".join(letter if letter.isprintable() else " " for letter in str(intent.slots.get(slot, "")))
    return " ".join(said.split())[:limit].rstrip(" .!?")


def number(intent: Intent, slot: str) -> int | None:
    found = intent.slots.get(slot)
    return int(found) if isinstance(found, int) else None
