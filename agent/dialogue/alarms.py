"""When an alarm is due. Pure: `now` is local time whose zone knows its own changes (`agent.clock`).

Rules:
- What counts is what the clock on the wall shows. In the night in which an hour is missing, an alarm in it rings as
  much later as the clock is put forward; in the one in which an hour comes twice, at the first of them.
- Moments are compared as such, never by their hours: two of one zone would else be compared by what the clock shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from agent.timers import DAYS

Clock = tuple[int, int]  # hour, minute

REPEATS = {"daily": (0, 1, 2, 3, 4, 5, 6), "weekdays": (0, 1, 2, 3, 4), "weekends": (5, 6)}
HALF = 12


def repeats(day: str) -> tuple[int, ...]:
    """On which days an alarm of this `day` repeats; () where it rings once."""
    return REPEATS.get(day, ())


def weekly(day: str) -> tuple[int, ...]:
    """One day of the week, where it is said that each is meant."""
    return (DAYS.index(day),) if day in DAYS else ()


def due(clock: Clock, half: bool, day: str, now: datetime) -> datetime | None:
    """The next moment at which the clock shows that on such a day; None where it is over.

    `half`: neither morning nor afternoon was said; the next of both is meant. `day`: as the intent has it, or "".
    """
    clocks = [clock] if not half else [(clock[0] % HALF, clock[1]), (clock[0] % HALF + HALF, clock[1])]
    found = [moment for each in clocks for moment in _moments(each, now) if _fits(day, moment, now)]
    return min(found, key=datetime.timestamp, default=None)


def following(clock: Clock, days: tuple[int, ...], now: datetime) -> datetime:
    """The next time of a repeating alarm, on one of `days` at least."""
    return next(moment for moment in _moments(clock, now) if moment.weekday() in days)


def _moments(clock: Clock, now: datetime) -> Iterator[datetime]:
    """At which the clock shows that after `now`, in the next eight days."""
    for n in range(9):
        shown = datetime.combine(now.date() + timedelta(days=n), time(*clock), now.tzinfo)
        moment = shown.astimezone(UTC).astimezone(now.tzinfo)  # what does not exist becomes what does
        if moment.timestamp() > now.timestamp():
            yield moment


def _fits(day: str, moment: datetime, now: datetime) -> bool:
    match day:
        case "today":
            return moment.date() == now.date()
        case "tomorrow":
            return moment.date() == now.date() + timedelta(days=1)
        case _ if day in REPEATS:
            return moment.weekday() in REPEATS[day]
        case _ if day in DAYS:
            return moment.weekday() == DAYS.index(day)
        case _:
            return True
