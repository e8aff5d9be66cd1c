"""Which timers are meant. Pure.

By id, name, length, time or day; what is not said does not matter. Where nothing is said, what rings is meant before
what does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.dialogue import alarms
from agent.dialogue.state import State
from agent.dialogue.timerbook import Book
from agent.dialogue.timermaking import number, text
from agent.requests import Intent
from agent.timers import DAYS, MAX_NAME, Timer

SILENCED_S = 120.0  # so long one still speaks of what has rung
WHICH = ("name", "of", "hour", "day", "timer")  # slots that say which one


def meant(book: Book, intent: Intent) -> tuple[Timer, ...]:
    """All that may be meant."""
    of_kind = _of_kind(book.wanted, intent)
    if not any(slot in intent.slots for slot in WHICH):
        ringing = tuple(timer for timer in of_kind if timer.id in book.ringing)
        return ringing or of_kind
    return tuple(timer for timer in of_kind if _fits(timer, intent))


def silenced(book: Book, now: float, intent: Intent) -> tuple[Timer, ...]:
    """What has just been made quiet, and may be meant."""
    if now - book.silenced_at > SILENCED_S:
        return ()
    return tuple(timer for timer in _of_kind(book.silenced, intent) if _fits(timer, intent))


def chosen(state: State, text: str, intent: Intent | None) -> tuple[State, Intent | None]:
    """What is said where the agent has just asked which one: the name alone is the answer. A whole sentence is one."""
    asking = state.book.asking
    if asking is None:
        return state, intent
    after = replace(state, book=replace(state.book, asking=None))
    if intent is not None or not state.talk.follow_up:
        return after, intent
    said = {"".join(filter(str.isalnum, word)) for word in text.casefold().split()}
    found = [timer for timer in meant(state.book, asking) if said & {*_words(timer)}]
    return after, Intent(asking.name, {**asking.slots, "timer": found[0].id}) if len(found) == 1 else None


def _words(timer: Timer) -> list[str]:
    return f"{timer.name} {timer.message}".casefold().split()


def _of_kind(timers: Iterable[Timer], intent: Intent) -> tuple[Timer, ...]:
    """A command that names one by its id, and "snooze", may mean either kind."""
    kind = intent.name.partition("_")[0]
    either = kind not in ("timer", "alarm") or "timer" in intent.slots
    return tuple(timer for timer in timers if either or timer.kind == kind)


def _fits(timer: Timer, intent: Intent) -> bool:
    said = text(intent, "name", MAX_NAME)
    if said and not _called(timer, said):
        return False
    if (length := number(intent, "of")) is not None and timer.seconds != length:
        return False
    if (identity := intent.slots.get("timer")) is not None and timer.id != identity:
        return False
    return _at(timer, intent) and _on(timer, text(intent, "day", MAX_NAME))


def _called(timer: Timer, said: str) -> bool:
    """By its name, or by some words of it, or of what it reminds of."""
    return all(word in _words(timer) for word in said.casefold().split())


def _at(timer: Timer, intent: Intent) -> bool:
    hour = number(intent, "hour")
    if hour is None or timer.clock is None:
        return hour is None
    minutes = (hour * 60 + (number(intent, "minute") or 0)) - (timer.clock[0] * 60 + timer.clock[1])
    return minutes % (alarms.HALF * 60) == 0 if number(intent, "half") else minutes == 0


def _on(timer: Timer, day: str) -> bool:
    """On a day of the week, every such day included; "today" and "tomorrow" are no help to tell them apart."""
    if day in alarms.REPEATS:
        return timer.days == alarms.REPEATS[day]
    if day in DAYS:
        return DAYS.index(day) in (timer.days or (timer.due.weekday(),))
    return True
