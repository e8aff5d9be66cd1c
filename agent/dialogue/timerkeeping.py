"""Committed before it is spoken: a change of timers is written first, and only then told to whoever asked for it.

    intent ─KeepTimers─▶ Thinking ─TimersKept─▶ Speaking "timer set"
                             └──not kept, or not within KEEP_LIMIT──▶ Speaking "I couldn't store that"

Rules:
- Somebody who hears "timer set" can rely on it, whatever happens to the power after that.
- What could not be written has not happened: all of it, and all that was asked for after it, is taken back, and what
  was there before is written again, in case the disk takes it later after all.
- What time itself brings about (it has rung, it is over) is written too, but waits for nobody and is never taken back:
  with a broken disk nothing may ring again and again. In the worst case it is told as missed after the next start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.commands import Command, KeepTimers, ShowEvent
from agent.dialogue.origin import Origin, Spoken
from agent.dialogue.results import Data
from agent.dialogue.state import State, Step, Thinking, enter
from agent.dialogue.telling import answer, give_up, waits
from agent.dialogue.timerbook import Keeping
from agent.events import TimersKept
from agent.timers import Timer

KEEP_LIMIT = 6.0
NOT_KEPT = "timers_not_kept"


def change(
    state: State,
    now: float,
    origin: Origin,
    changed: Mapping[str, Timer | None],
    words: str,
    told: tuple[ShowEvent, ...],
    data: Data | None = None,
) -> Step:
    """Have timers written: those of `changed` with their ids, where None stands for gone. `words`: once they are."""
    book = state.book
    kept = tuple(timer for timer in book.wanted if timer.id not in changed)
    wanted = (*kept, *(timer for timer in changed.values() if timer is not None))
    revision = book.revision + 1
    keeping = Keeping(revision, wanted, origin, now + KEEP_LIMIT, words, data or {}, told)
    after = replace(state, book=replace(book, revision=revision, keeping=(*book.keeping, keeping)))
    if isinstance(origin, Spoken):
        after = enter(after, Thinking(now + state.rules.thinking_limit))
    return after, (KeepTimers(revision, wanted),)


def alter(state: State, changed: Mapping[str, Timer | None]) -> Step:
    """What time has brought about: at once, and written as soon as the disk can."""
    book = state.book.altered(changed)
    book = replace(book, revision=book.revision + 1)
    return replace(state, book=book), (KeepTimers(book.revision, book.wanted), book.shown())


def kept(state: State, event: TimersKept) -> Step:
    """What the store tells; of what has been given up, and of what nobody waits for, nothing more comes."""
    book = state.book
    this = next((each for each in book.keeping if each.revision == event.revision), None)
    if this is None:
        return state, ()
    if not event.ok:
        return _taken_back(state, event.at.mono, this, event.reason)
    after = replace(state, book=book.written(this))
    shown: tuple[Command, ...] = (after.book.shown(), *this.told)
    if not waits(after, this.origin):
        return after, shown
    answered, answering = answer(after, event.at.mono, this.origin, this.words, this.data)
    return answered, (*shown, *answering)


def overdue(state: State, now: float) -> Step:
    """The disk takes too long."""
    late = next((each for each in state.book.keeping if each.until <= now), None)
    return (state, ()) if late is None else _taken_back(state, now, late, "the disk takes too long")


def _taken_back(state: State, now: float, failed: Keeping, reason: str) -> Step:
    book = state.book
    lost = tuple(each for each in book.keeping if each.revision >= failed.revision)
    left = tuple(each for each in book.keeping if each.revision < failed.revision)
    after_book = replace(book, keeping=left, revision=book.revision + 1)
    after = replace(state, book=after_book)
    commands: tuple[Command, ...] = (KeepTimers(after_book.revision, after_book.wanted),)
    for each in (each for each in lost if waits(state, each.origin)):
        after, telling = give_up(after, now, each.origin, NOT_KEPT, reason)
        commands = (*commands, *telling)
    return after, commands
