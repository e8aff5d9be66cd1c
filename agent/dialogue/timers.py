"""Timers, alarms and reminders: what the intents `timer_*`, `alarm_*` and `snooze` do and say.

Rules:
- A timer counts seconds, whatever the clock on the wall does; an alarm keeps to that clock.
- Which one is meant: `agent.dialogue.timerchoice`. Where it is not clear nothing is done, and the user is asked.
- What has just been silenced is still spoken of: "cancel the timer", "five more minutes" and "snooze", said behind the
  wake word that made it quiet, mean what rang.
- Everything that changes is kept first and spoken then (`agent.dialogue.timerkeeping`).
- `MAX_TIMERS` at most, and each from one second to a week.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.dialogue import spoken
from agent.dialogue.origin import Commanded, Origin, Spoken
from agent.dialogue.phrases import phrase
from agent.dialogue.ringing import hush
from agent.dialogue.state import State, Step
from agent.dialogue.telling import answer, refuse
from agent.dialogue.timerbook import described, happened
from agent.dialogue.timerchoice import WHICH, meant, silenced
from agent.dialogue.timerkeeping import change
from agent.dialogue.timermaking import Maker, longer, number
from agent.events import Instant, Turn
from agent.requests import Intent
from agent.timers import MAX_SECONDS, MAX_TIMERS, Timer

INTENTS = frozenset(
    {"timer_set", "timer_add", "timer_cancel", "timer_left", "alarm_set", "alarm_cancel", "alarm_left", "snooze"}
)
SNOOZE_S = 540  # nine minutes, as alarm clocks have it
TOLD = 5  # timers in one answer


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for, of which state, by whom."""

    state: State
    at: Instant
    intent: Intent
    origin: Origin

    @property
    def language(self) -> str:
        return "en" if isinstance(self.origin, Commanded) else self.state.language

    @property
    def turn(self) -> Turn | None:
        return None if isinstance(self.origin, Commanded) else self.state.turn

    @property
    def maker(self) -> Maker:
        cast = self.state.rules.cast
        persona = cast.use if isinstance(self.origin, Commanded) else self.state.talk.persona
        return Maker(self.at, (*self.state.book.wanted, *self.state.book.silenced), persona)

    def what(self, timer: Timer) -> str:
        return spoken.what(self.language, timer, self.at.wall.tzinfo)

    def lasting(self, seconds: float) -> str:
        return spoken.duration(self.language, seconds)

    def say(self, key: str, **values: str | int) -> str:
        return phrase(self.language, key, **values)


def perform(state: State, at: Instant, intent: Intent, origin: Origin) -> Step:
    """Do what one of INTENTS asks for, and answer. Whoever sends a command may also give the slot `timer`, an id."""
    if not state.book.timers:
        state = replace(state, book=replace(state.book, ahead=at.wall.timestamp() - at.mono))
    task = Task(state, at, intent, origin)
    match intent.name:
        case "timer_set":
            return _set_timer(task)
        case "alarm_set":
            return _set_alarm(task)
        case "timer_add":
            return _add(task)
        case "timer_cancel" | "alarm_cancel" | "cancel":
            return _cancel(task)
        case "snooze":
            return _snooze(task)
        case _:
            return _left(task)


def _refuse(task: Task, key: str, **values: str | int) -> Step:
    return refuse(task.state, task.at.mono, task.origin, key, **values)


def _set_timer(task: Task) -> Step:
    seconds = number(task.intent, "seconds") or 0
    if not 1 <= seconds <= MAX_SECONDS:
        return _refuse(task, "timer_range")
    timer = task.maker.timer(task.intent, seconds)
    key = "reminder_set" if timer.message else "timer_set_named" if timer.name else "timer_set"
    name = timer.name[:1].upper() + timer.name[1:]
    return _new(task, (timer,), "set", task.say(key, name=name, duration=task.lasting(seconds)))


def _set_alarm(task: Task) -> Step:
    alarm = task.maker.alarm(task.intent)
    if alarm is None:
        return _refuse(task, "alarm_past")
    key = "alarm_reminder_set" if alarm.message else "alarm_set_named" if alarm.name else "alarm_set"
    name = alarm.name[:1].upper() + alarm.name[1:]
    when = spoken.when(task.language, alarm, task.at.wall)
    return _new(task, (alarm,), "set", task.say(key, name=name, when=when))


def _new(task: Task, timers: tuple[Timer, ...], action: str, words: str) -> Step:
    count = len(task.state.book.wanted)
    if count + len(timers) > MAX_TIMERS:
        return _refuse(task, "too_many_timers", count=count)
    return _change(task, {timer.id: timer for timer in timers}, timers, action, words)


def _change(task: Task, changed: dict[str, Timer | None], those: tuple[Timer, ...], action: str, words: str) -> Step:
    events = tuple(happened(timer, action, task.turn) for timer in those)
    data = {"timers": tuple(described(timer) for timer in those)}
    return change(task.state, task.at.mono, task.origin, changed, words, events, data)


def _add(task: Task) -> Step:
    """To one that runs; one that rings, or has just rung, runs once more."""
    seconds = number(task.intent, "seconds") or 0
    found = meant(task.state.book, task.intent)
    over = silenced(task.state.book, task.at.mono, task.intent)
    if (not found and over) or (found and all(timer.id in task.state.book.ringing for timer in found)):
        return _snooze(task)
    if len(found) != 1:
        return _unclear(task, found)
    timer = longer(found[0], seconds)
    left = task.state.book.due(timer) - task.at.mono
    if not 1 <= left <= MAX_SECONDS:
        return _refuse(task, "timer_range")
    words = task.say("timer_added", what=task.what(timer), duration=task.lasting(left))
    return _change(task, {timer.id: timer}, (timer,), "added", words)


def _snooze(task: Task) -> Step:
    """What rings, or has just been silenced, rings again in a while."""
    given = number(task.intent, "seconds")
    seconds = SNOOZE_S if given is None else given
    if not 1 <= seconds <= MAX_SECONDS:
        return _refuse(task, "timer_range")
    hushed, commands = hush(task.state, task.at, "snooze", task.turn)
    task = replace(task, state=hushed)
    over = silenced(hushed.book, task.at.mono, task.intent)
    if not over:
        return _refuse(task, "nothing_rings")
    fresh: tuple[Timer, ...] = ()
    for rung in over:
        maker = replace(task.maker, taken=(*task.maker.taken, *fresh))
        fresh = (*fresh, maker.again(rung, seconds))
    task = replace(task, state=replace(hushed, book=replace(hushed.book, silenced=())))
    after, snoozing = _new(task, fresh, "snoozed", task.say("snoozed", duration=task.lasting(seconds)))
    return after, (*commands, *snoozing)


def _cancel(task: Task) -> Step:
    """What rings is made quiet, and a repeating alarm rings the next time."""
    found = meant(task.state.book, task.intent)
    every = bool(number(task.intent, "every"))
    if not found and silenced(task.state.book, task.at.mono, task.intent):
        return answer(task.state, task.at.mono, task.origin, task.say("timers_cancelled"))
    if not found or (len(found) > 1 and not every):
        return _unclear(task, found)
    ringing = tuple(timer for timer in found if timer.id in task.state.book.ringing)
    hushed, commands = hush(task.state, task.at, "cancel", task.turn, ringing) if ringing else (task.state, ())
    task = replace(task, state=hushed)
    words = task.say("timers_cancelled" if len(found) > 1 else "timer_cancelled", what=task.what(found[0]))
    rest = tuple(timer for timer in found if timer not in ringing)
    if rest:
        after, telling = _change(task, {timer.id: None for timer in rest}, rest, "cancelled", words)
    else:
        after, telling = answer(hushed, task.at.mono, task.origin, words)
    return after, (*commands, *telling)


def _left(task: Task) -> Step:
    """How long the timers run, when the alarms ring; by command all of them, as data."""
    book = task.state.book
    found = sorted(meant(book, task.intent), key=book.due)
    if isinstance(task.origin, Commanded):
        timers = tuple(described(timer) for timer in sorted(book.timers, key=book.due))
        return answer(task.state, task.at.mono, task.origin, "", {"timers": timers})
    if not found:
        return _unclear(task, ())
    words = " ".join(_remaining(task, timer) for timer in found[:TOLD])
    return answer(task.state, task.at.mono, task.origin, words)


def _remaining(task: Task, timer: Timer) -> str:
    book, what = task.state.book, task.what(timer)
    if timer.id in book.ringing:
        return task.say("timer_rings", what=what)
    if timer.kind == "alarm" and timer.due_mono is None:
        return task.say("alarm_left", what=what, when=spoken.when(task.language, timer, task.at.wall))
    return task.say("timer_left", what=what, duration=task.lasting(book.due(timer) - task.at.mono))


def _unclear(task: Task, found: tuple[Timer, ...]) -> Step:
    """There is none such, or more than one."""
    if found:
        if isinstance(task.origin, Spoken):
            task = replace(task, state=replace(task.state, book=replace(task.state.book, asking=task.intent)))
        those = spoken.listed(task.language, (task.what(timer) for timer in found[:TOLD]))
        return _refuse(task, "which_timer", list=those)
    if any(slot in task.intent.slots for slot in WHICH):
        return _refuse(task, "no_such_timer")
    return _refuse(task, "no_alarm" if task.intent.name.startswith("alarm") else "no_timer")
