"""Timers in words: how long, when, and which one. Units, days and lists are written as CLDR does, by Babel."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from math import ceil
from typing import Literal

from babel import Locale
from babel.dates import get_day_names
from babel.lists import format_list
from babel.units import format_unit

from agent.dialogue.phrases import locale_of, phrase, plain, spoken_time
from agent.timers import Timer

UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
TOGETHER = {tuple(range(7)): "every_day", tuple(range(5)): "weekdays", (5, 6): "weekends"}
RECENT_S = 12 * 3600
UNJOINED = ("ja", "ko", "zh")  # "3시간 1분": no "and" within a duration
MOST_UNITS = 2  # "one day and two hours" says enough


def duration(language: str, seconds: float) -> str:
    """Such as "4 minutes and 30 seconds"; the two largest units that are not zero, rounded up to a second."""
    left, locale = max(0, ceil(seconds)), locale_of(language)
    parts: list[str] = []
    for unit, size in UNITS:
        count, left = divmod(left, size)
        if count and len(parts) < MOST_UNITS:
            parts.append(_unit(locale, unit, count))
    style: Literal["standard", "unit"] = "unit" if locale.language in UNJOINED else "standard"
    return plain(format_list(parts or [_unit(locale, "second", 0)], style, locale))


def _unit(locale: Locale, unit: str, count: int) -> str:
    """Babel does not resolve the long names of every language (Korean's are an alias of the short ones)."""
    written = format_unit(count, f"duration-{unit}", length="long", locale=locale)
    if "duration-" in written:
        written = format_unit(count, f"duration-{unit}", length="short", locale=locale)
    return plain(written)


def listed(language: str, parts: Iterable[str]) -> str:
    return plain(format_list(list(parts), locale=locale_of(language)))


def when(language: str, timer: Timer, now: datetime) -> str:
    """On which day and at what time; of a repeating alarm on which days."""
    due = timer.due.astimezone(now.tzinfo)
    if timer.days:
        return _repeating(language, timer, now.tzinfo)
    time = spoken_time(language, due)
    match (due.date() - now.date()).days:
        case 0:
            return phrase(language, "today", time=time)
        case 1:
            return phrase(language, "tomorrow", time=time)
        case _:
            return phrase(language, "on_day", time=time, day=_days(language)[due.weekday()])


def _repeating(language: str, timer: Timer, zone: tzinfo | None) -> str:
    time = spoken_time(language, shown(timer, zone))
    if (key := TOGETHER.get(timer.days)) is not None:
        return phrase(language, key, time=time)
    names = _days(language)
    return phrase(language, "every_one", time=time, days=listed(language, (names[day] for day in timer.days)))


def shown(timer: Timer, zone: tzinfo | None) -> datetime:
    """What the clock shows, or should show, when it is due."""
    due = timer.due.astimezone(zone)
    return due if timer.clock is None else due.replace(hour=timer.clock[0], minute=timer.clock[1])


def what(language: str, timer: Timer, zone: tzinfo | None) -> str:
    """Such as "tea timer"; what it was set for, where it has no name."""
    if timer.message:
        return phrase(language, "what_reminder", message=timer.message)
    if timer.kind == "alarm":
        time = spoken_time(language, shown(timer, zone))
        return phrase(language, "what_alarm_named" if timer.name else "what_alarm", name=timer.name, time=time)
    if timer.name:
        return phrase(language, "what_named", name=timer.name)
    return phrase(language, "what_timer", duration=duration(language, timer.seconds))


def done(language: str, timer: Timer, late_s: float, now: datetime) -> str:
    """What is said while it rings. `late_s`: by how much too late it began to."""
    late = late_s > 0
    if timer.message:
        key = "reminder_late" if late else "reminder_due"
        return phrase(language, key, message=timer.message.rstrip(".!? "), duration=duration(language, late_s))
    described = what(language, timer, now.tzinfo)
    if late:
        return phrase(language, "timer_late", what=described, duration=duration(language, late_s))
    if timer.kind == "alarm":
        return phrase(language, "alarm_due", what=described, time=spoken_time(language, now))
    return phrase(language, "timer_done", what=described)


def missed(language: str, key: str, timers: Iterable[Timer], now: datetime) -> str:
    each = [
        phrase(language, "missed_one", what=what(language, timer, now.tzinfo), when=_past(language, timer, now))
        for timer in timers
    ]
    return phrase(language, key, list=listed(language, each))


def _past(language: str, timer: Timer, now: datetime) -> str:
    due = timer.due.astimezone(now.tzinfo)
    time = spoken_time(language, due)
    if now.timestamp() - due.timestamp() < RECENT_S:
        return phrase(language, "at", time=time)
    return phrase(language, "on_day", time=time, day=_days(language)[due.weekday()])


def _days(language: str) -> dict[int, str]:
    return dict(get_day_names("wide", locale=locale_of(language)))
