"""From the slots that a sentence filled to those of its intent: seconds of all the parts of a duration, the hour of all
the ways to say a time. Pure.

Slots of the sentences (`sentences/LANGUAGE-timers.yaml`):
- a duration is a row of `count`, `tenths`, `hundredths`, `fraction` and `unit` (in seconds): what has no unit behind it
  is of the last one ("an hour and a half") or of the next smaller ("an hour thirty"). `of_count` and so on are the
  length by which a timer is called ("the five minute timer");
- `hour`, `minute`, `minute_to` ("ten to eight"), `ampm` (am, pm, night), `clock` (noon, midnight), `exact` (a time that
  is said in 24 hours, as German does with "Uhr");
- `day`, `daily` (every day, in that half of it), `every` (each week, or all of them), `name`, `message`.

What cannot be is no command: a timer of no time or of more than a week, 13 am, a name that is a length of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from agent.requests import Intent
from agent.timers import MAX_MESSAGE, MAX_NAME, MAX_SECONDS

MAX_NAME_WORDS = 4
DAY, HALF_DAY = 24 * 60, 12 * 60  # minutes

SHARES: Mapping[str, float] = MappingProxyType({"count": 1, "tenths": 0.1, "hundredths": 0.01, "fraction": 1})
SMALLER = 60  # an hour has sixty minutes, and a minute sixty seconds
TIMED = frozenset({"timer_set", "timer_add", "timer_less"})  # make no sense without a duration
CLOCKED = frozenset({"alarm_set", "alarm_cancel"})
Slots = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Slot:
    """What a template filled: `value` as the template's list says, `text` as it was said."""

    name: str
    value: str | int | float
    text: str


class Unfit(ValueError):
    """These slots make no command."""


def composed(intent: str, filled: Sequence[Slot], unnamed: Iterable[str] = ()) -> Intent | None:
    """The intent of a sentence; None where it is none after all. `unnamed`: words that no name has."""
    try:
        return _composed(intent, filled, frozenset(unnamed))
    except Unfit:
        return None


def _composed(intent: str, filled: Sequence[Slot], unnamed: frozenset[str]) -> Intent:
    slots: Slots = {}
    if (seconds := _seconds(filled, "")) is not None:
        slots["seconds"] = -seconds if intent == "timer_less" else seconds
    elif intent in TIMED:
        raise Unfit("no duration")
    if (of := _seconds(filled, "of_")) is not None:
        slots["of"] = of
    if intent in CLOCKED:
        slots |= _clock(filled)
        if intent == "alarm_set" and "hour" not in slots:
            raise Unfit("no time")
    for slot in filled:
        if slot.name == "name":
            slots["name"] = _name(slot.value, unnamed)
        elif slot.name == "message":
            slots["message"] = _message(slot.value)
        elif slot.name in ("every", "percent"):
            slots[slot.name] = int(slot.value)
    return Intent("timer_add" if intent == "timer_less" else intent, slots)


def _seconds(filled: Sequence[Slot], prefix: str) -> int | None:
    """How long the slots that begin with `prefix` are together; None where there are none. Raises Unfit."""
    row = [(slot.name.removeprefix(prefix), float(slot.value)) for slot in filled if slot.name in _names(prefix)]
    if not row:
        return None
    seconds = round(_sum(row))
    if not 1 <= seconds <= MAX_SECONDS:
        raise Unfit("a timer takes a second to a week")
    return seconds


def _names(prefix: str) -> frozenset[str]:
    return frozenset(f"{prefix}{name}" for name in (*SHARES, "unit"))


def _sum(row: Sequence[tuple[str, float]]) -> float:
    total, unit = 0.0, 0.0
    amount, fraction = 0.0, 0.0  # that wait for their unit
    for name, value in row:
        if name == "unit":
            total += (amount + fraction) * value
            amount, fraction, unit = 0.0, 0.0, value
        elif name == "fraction":
            fraction += value
        elif name == "count" and fraction and unit:  # the fraction was the last unit's
            total, amount, fraction = total + fraction * unit, value, 0.0
        else:
            amount += value * SHARES[name]
    if amount and unit < SMALLER:
        raise Unfit("a number of nothing")
    return total + fraction * unit + amount * unit / SMALLER


def _clock(filled: Sequence[Slot]) -> Slots:
    """Hour, minute and day, as far as they were said. Raises Unfit."""
    said = {slot.name: slot for slot in filled}
    halves = {str(slot.value) for slot in filled if slot.name in ("ampm", "daily")}
    if len(halves) > 1:
        raise Unfit("morning and evening at once")
    slots: Slots = {}
    if "clock" in said:
        slots |= {"hour": 12 if said["clock"].value == "noon" else 0, "minute": 0}
    elif "hour" in said:
        slots |= _time(said, next(iter(halves), ""))
    if "daily" in said:
        slots["day"] = "daily"
    if "day" in said:
        slots["day"] = str(said["day"].value)
    return slots


def _time(said: Mapping[str, Slot], half: str) -> Slots:
    hour, minute, minute_to = (_number(said.get(name)) for name in ("hour", "minute", "minute_to"))
    if not (0 <= hour <= 24 and 0 <= minute <= 59 and 0 <= minute_to <= 59) or (hour == 24 and minute):
        raise Unfit("no time of day")
    of_24 = "exact" in said or not 1 <= hour <= 12 or said["hour"].text.strip().startswith("0")
    if half:
        hour, of_24 = _of_24(hour, half), True
    total = hour * 60 + minute - minute_to
    if of_24:
        return {"hour": total % DAY // 60, "minute": total % 60}
    return {"hour": total % HALF_DAY // 60 or 12, "minute": total % 60, "half": 1}


def _of_24(hour: int, half: str) -> int:
    """The hour of the day; "two at night" is in the morning. Raises Unfit for what is both, such as 13 am."""
    if half == "night":
        half = "am" if hour <= 5 or hour == 12 else "pm"
    if half == "am" and hour > 12:
        raise Unfit("no time of day")
    if half == "pm" and hour in (0, 24):
        raise Unfit("no time of day")
    return hour % 12 + (12 if half == "pm" else 0) if hour <= 12 else hour


def _number(slot: Slot | None) -> int:
    return 0 if slot is None else int(slot.value)


def _name(value: object, unnamed: frozenset[str]) -> str:
    name = " ".join(str(value).split())
    words = name.split()
    if not words or len(words) > MAX_NAME_WORDS or len(name) > MAX_NAME:
        raise Unfit("no name")
    if unnamed.intersection(words) or all(word.isdecimal() for word in words):
        raise Unfit("no name")
    return name


def _message(value: object) -> str:
    message = " ".join(str(value).split())
    if not message or len(message) > MAX_MESSAGE:
        raise Unfit("no message")
    return message
