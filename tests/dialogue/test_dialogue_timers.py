"""Timers and alarms by voice: kept before they are spoken of, told apart, and never lost silently."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from scripts import START, Script, has, only

from agent.commands import Answer, Earcon, KeepTimers, ShowEvent, ShowTimers, Speak, StartListening
from agent.dialogue.cast import Cast
from agent.dialogue.rules import Rules
from agent.dialogue.state import Idle, Speaking, State, Thinking
from agent.dialogue.step import deadline
from agent.events import ClockChanged, DeadlinePassed, Instant, SpeechDone, TimersKept
from agent.requests import AskRequest, Intent
from agent.timers import MAX_TIMERS, Timer


def ask(script: Script, intent: str, /, **slots: str | int) -> KeepTimers:
    """Say it after the wake word; returns what is to be written."""
    script.wake()
    return only(KeepTimers, script.hear("…", Intent(intent, slots)))


def keep(script: Script, command: KeepTimers, ok: bool = True) -> str:
    """The disk has it; returns what is spoken."""
    spoken = only(Speak, script.play(TimersKept(script.at, command.revision, ok, "" if ok else "the disk is full")))
    script.play(SpeechDone(script.at, script.state.turn, spoken.text))
    return spoken.text


def say(script: Script, intent: str, /, **slots: str | int) -> str:
    """Say it; returns what is spoken when it is kept."""
    return keep(script, ask(script, intent, **slots))


def answered(script: Script, intent: str, /, **slots: str | int) -> str:
    """Say what changes nothing."""
    script.wake()
    spoken = only(Speak, script.hear("…", Intent(intent, slots)))
    script.play(SpeechDone(script.at, script.state.turn, spoken.text))
    return spoken.text


def names(script: Script) -> list[str]:
    return [timer.name for timer in script.state.book.timers]


def test_nothing_is_said_before_it_is_kept() -> None:
    script = Script()
    keeping = ask(script, "timer_set", seconds=300, name="tea")
    assert isinstance(script.state.activity, Thinking)
    assert not script.state.book.timers
    assert not has(Speak, script.commands)
    (timer,) = keeping.timers
    assert (timer.kind, timer.name, timer.seconds, timer.due_mono) == ("timer", "tea", 300, script.time + 300)
    commands = script.play(TimersKept(script.at, keeping.revision, ok=True))
    assert only(Speak, commands).text == "Tea timer set for 5 minutes."
    assert only(ShowTimers, commands).timers == keeping.timers
    assert only(ShowEvent, commands).data["action"] == "set"


def test_a_full_disk_is_told_and_changes_nothing() -> None:
    script = Script()
    say(script, "timer_set", seconds=60, name="egg")
    keeping = ask(script, "timer_set", seconds=300, name="tea")
    commands = script.play(TimersKept(script.at, keeping.revision, ok=False, reason="the disk is full"))
    assert "couldn't store" in only(Speak, commands).text
    assert only(ShowEvent, commands).data == {"code": "timers_not_kept", "message": "the disk is full"}
    assert names(script) == ["egg"]
    again = only(KeepTimers, commands)
    assert [timer.name for timer in again.timers] == ["egg"], "the disk may have taken half of it"
    assert again.revision > keeping.revision


def test_a_disk_that_hangs_is_told_in_time_and_what_comes_after_that_changes_nothing() -> None:
    script = Script()
    keeping = ask(script, "timer_set", seconds=300)
    began = script.time
    while isinstance(script.state.activity, Thinking):
        commands = script.wait()
    assert script.time - began <= 6.0
    assert "couldn't store" in only(Speak, commands).text
    assert not only(KeepTimers, commands).timers
    late = script.play(TimersKept(script.at, keeping.revision, ok=True))
    assert not late
    assert not script.state.book.timers


def test_a_wake_word_meanwhile_is_answered_and_the_timer_is_set() -> None:
    script = Script()
    keeping = ask(script, "timer_set", seconds=300, name="tea")
    script.wake()
    commands = script.play(TimersKept(script.at, keeping.revision, ok=True))
    assert not has(Speak, commands)
    assert names(script) == ["tea"]


def test_of_two_changes_that_are_being_written_the_second_falls_with_the_first() -> None:
    script = Script()
    first = ask(script, "timer_set", seconds=300, name="tea")
    second = only(KeepTimers, script.request(AskRequest("…", Intent("timer_set", {"seconds": 60})), "2"))
    assert len(second.timers) == 2
    commands = script.play(TimersKept(script.at, first.revision, ok=False, reason="full"))
    assert not only(KeepTimers, commands).timers
    assert "couldn't store" in only(Speak, commands).text
    assert not script.play(TimersKept(script.at, second.revision, ok=True))
    assert not script.state.book.timers


@pytest.mark.parametrize(
    ("slots", "spoken"),
    [
        ({"seconds": 300}, "Timer set for 5 minutes."),
        ({"seconds": 90}, "Timer set for 1 minute and 30 seconds."),
        ({"seconds": 600, "message": "call mum"}, "I'll remind you in 10 minutes."),
        ({"seconds": 604_800}, "Timer set for 7 days."),
    ],
)
def test_a_timer_is_told_as_it_was_set(slots: dict[str, str | int], spoken: str) -> None:
    assert say(Script(), "timer_set", **slots) == spoken


@pytest.mark.parametrize(
    ("language", "spoken"),
    [("de", "Timer Tee auf 1 Stunde und 5 Minuten gestellt."), ("ko", "Tee 타이머를 1시간 5분으로 맞췄습니다.")],
)
def test_other_languages(language: str, spoken: str) -> None:
    assert say(Script(State(rules=Rules(language=language))), "timer_set", seconds=3900, name="Tee") == spoken


@pytest.mark.parametrize("seconds", [0, -5, 604_801])
def test_what_no_timer_can_be_is_refused(seconds: int) -> None:
    script = Script()
    assert "one second to a week" in answered(script, "timer_set", seconds=seconds)
    assert not has(KeepTimers, script.commands)


def test_how_long_is_left() -> None:
    script = Script()
    assert answered(script, "timer_left") == "There is no timer."
    say(script, "timer_set", seconds=300, name="tea")
    script.time += 60
    say(script, "timer_set", seconds=3600)
    assert answered(script, "timer_left", name="tea").startswith("The tea timer has 3 minutes and 5")
    both = answered(script, "timer_left")
    assert "tea timer" in both
    assert "The timer for 1 hour has 59 minutes" in both
    assert answered(script, "timer_left", name="pasta") == "I know of no such timer."


def test_which_one_is_asked_where_it_is_not_clear() -> None:
    script = Script()
    say(script, "timer_set", seconds=300, name="tea")
    say(script, "timer_set", seconds=300)
    say(script, "timer_set", seconds=600)
    question = answered(script, "timer_cancel")
    assert question == "Which one do you mean: tea timer, timer for 5 minutes, and timer for 10 minutes?"
    assert len(script.state.book.timers) == 3
    assert say(script, "timer_cancel", of=600) == "The timer for 10 minutes is off."
    assert say(script, "timer_cancel", name="Tea") == "The tea timer is off."
    assert say(script, "timer_cancel") == "The timer for 5 minutes is off."
    assert not script.state.book.timers


def test_the_name_alone_is_the_answer_to_which_one() -> None:
    script = Script()
    say(script, "timer_set", seconds=300, name="tea")
    say(script, "timer_set", seconds=600, name="pasta")
    script.wake()
    question = only(Speak, script.hear("cancel the timer", Intent("timer_cancel")))
    assert question.invites
    commands = script.play(SpeechDone(script.at, script.state.turn, question.text))
    listening = only(StartListening, commands)
    assert listening.first_word_ms == 5000
    keeping = only(KeepTimers, script.hear("the pasta one, please"))
    assert keep(script, keeping) == "The pasta timer is off."
    assert names(script) == ["tea"]


@pytest.mark.parametrize("text", ["the blue one", "tea and pasta", ""])
def test_what_is_no_answer_to_which_one_cancels_nothing(text: str) -> None:
    script = Script()
    say(script, "timer_set", seconds=300, name="tea")
    say(script, "timer_set", seconds=600, name="pasta")
    script.wake()
    question = only(Speak, script.hear("cancel the timer", Intent("timer_cancel")))
    script.play(SpeechDone(script.at, script.state.turn, question.text))
    assert not has(KeepTimers, script.hear(text))
    assert names(script) == ["tea", "pasta"]
    script.wake()
    assert not has(KeepTimers, script.hear("tea")), "nobody has asked which one, now"


def test_all_of_them_are_cancelled_and_alarms_are_no_timers() -> None:
    script = Script()
    say(script, "timer_set", seconds=300)
    say(script, "timer_set", seconds=600)
    say(script, "alarm_set", hour=7, minute=0)
    assert say(script, "timer_cancel", every=1) == "All of them are off."
    assert [timer.kind for timer in script.state.book.timers] == ["alarm"]


def test_time_is_added_and_taken_away() -> None:
    script = Script()
    say(script, "timer_set", seconds=300, name="tea")
    due = script.state.book.timers[0].due_mono
    assert due is not None
    assert "left now" in say(script, "timer_add", seconds=60, name="tea")
    assert script.state.book.timers[0].due_mono == due + 60
    say(script, "timer_add", seconds=-120)
    assert script.state.book.timers[0].due_mono == due - 60
    assert "one second to a week" in answered(script, "timer_add", seconds=-3600)
    assert "one second to a week" in answered(script, "timer_add", seconds=604_800)


def test_there_is_a_limit() -> None:
    script = Script()
    at = script.at
    many = tuple(
        Timer(str(n), "timer", "", "", at.wall, at.mono + 1000, 1000, (), "", at.wall) for n in range(MAX_TIMERS)
    )
    script.state = replace(script.state, book=replace(script.state.book, timers=many))
    assert answered(script, "timer_set", seconds=60) == "There are 50 already, and I can't keep more."


def test_a_hostile_name_is_only_a_name() -> None:
    script = Script()
    say(script, "timer_set", seconds=60, name="{0.__class__}\x00\n" + "x" * 500)
    (timer,) = script.state.book.timers
    assert timer.name.isprintable()
    assert len(timer.name) <= 64
    assert "{0.__class__}" in answered(script, "timer_left")


@pytest.mark.parametrize(
    ("slots", "due", "spoken"),
    [
        ({"hour": 7, "minute": 0}, "24 07:00", "tomorrow at 7:00 AM"),
        ({"hour": 19, "minute": 30}, "23 19:30", "today at 7:30 PM"),
        ({"hour": 7, "minute": 0, "half": 1}, "23 19:00", "today at 7:00 PM"),
        ({"hour": 3, "minute": 0, "half": 1}, "24 03:00", "tomorrow at 3:00 AM"),
        ({"hour": 12, "minute": 0, "half": 1}, "24 00:00", "tomorrow at 12:00 AM"),
        ({"hour": 7, "minute": 0, "half": 1, "day": "tomorrow"}, "24 07:00", "tomorrow at 7:00 AM"),
        ({"hour": 9, "minute": 0, "day": "monday"}, "30 09:00", "Monday at 9:00 AM"),
        ({"hour": 18, "minute": 0, "day": "monday"}, "23 18:00", "today at 6:00 PM"),
        ({"hour": 6, "minute": 45, "day": "weekdays"}, "24 06:45", "weekdays at 6:45 AM"),
        ({"hour": 9, "minute": 0, "day": "weekends"}, "28 09:00", "weekends at 9:00 AM"),
        ({"hour": 6, "minute": 30, "half": 1, "day": "weekdays"}, "24 06:30", "weekdays at 6:30 AM"),
        ({"hour": 7, "minute": 0, "half": 1, "day": "monday", "every": 1}, "30 07:00", "every Monday at 7:00 AM"),
        ({"hour": 22, "minute": 0, "day": "daily"}, "23 22:00", "every day at 10:00 PM"),
    ],
)
def test_when_an_alarm_is_due(slots: dict[str, str | int], due: str, spoken: str) -> None:
    script = Script()  # Monday, 2026-11-23, 15:45
    assert say(script, "alarm_set", **slots) == f"Alarm set for {spoken}."
    assert f"{script.state.book.timers[0].due:%d %H:%M}" == due


def test_a_time_that_is_over_is_not_tomorrow_when_today_was_said() -> None:
    script = Script()
    assert answered(script, "alarm_set", hour=7, minute=0, day="today") == "That time is over already."


def test_which_alarm() -> None:
    script = Script()
    say(script, "alarm_set", hour=7, minute=0, day="weekdays")
    say(script, "alarm_set", hour=9, minute=30, name="gym")
    assert answered(script, "alarm_left") == (
        "The gym alarm rings tomorrow at 9:30 AM. The alarm for 7:00 AM rings weekdays at 7:00 AM."
        if script.state.book.timers[0].due > script.state.book.timers[1].due
        else "The alarm for 7:00 AM rings weekdays at 7:00 AM. The gym alarm rings tomorrow at 9:30 AM."
    )
    assert say(script, "alarm_cancel", hour=7, minute=0, half=1) == "The alarm for 7:00 AM is off."
    assert answered(script, "alarm_cancel", hour=8, minute=0) == "I know of no such timer."


BERLIN = ZoneInfo("Europe/Berlin")


class Night(Script):
    """A script in Berlin that begins at a moment of its own."""

    def __init__(self, begin: datetime) -> None:
        super().__init__(State(rules=Rules(language="en")))
        self.begin = begin

    @property
    def at(self) -> Instant:
        return Instant(self.time, datetime.fromtimestamp(self.begin.timestamp() + self.time - 100.0, BERLIN))


def test_an_alarm_keeps_to_the_clock_over_a_night_in_which_it_changes() -> None:
    script = Night(datetime(2026, 3, 28, 22, 0, tzinfo=BERLIN))  # at two o'clock it is three
    say(script, "alarm_set", hour=7, minute=0)
    say(script, "alarm_set", hour=2, minute=30, day="daily")
    assert deadline(script.state) == pytest.approx(100 + 4.5 * 3600, abs=5), "03:30, since there is no 02:30"
    seven = next(timer for timer in script.state.book.timers if not timer.days)
    assert seven.due.timestamp() - script.begin.timestamp() == 8 * 3600
    assert "2:30 AM" in answered(script, "alarm_left")


def test_in_the_night_with_an_hour_too_many_it_rings_once() -> None:
    script = Night(datetime(2026, 10, 24, 22, 0, tzinfo=BERLIN))  # at three o'clock it is two
    say(script, "alarm_set", hour=2, minute=30, day="daily")
    script.time = 100 + 4.5 * 3600 + 0.1
    script.play(DeadlinePassed(script.at))
    assert script.state.book.bell.rings
    script.wake()
    (alarm,) = script.state.book.timers
    assert f"{alarm.due:%d %H:%M}" == "26 02:30"


def test_who_has_set_it_announces_it() -> None:
    script = Script(State(rules=Rules(cast=Cast("", {"butler": "de"}, {"alexa": "butler"}))))
    script.wake("alexa")
    keeping = only(KeepTimers, script.hear("…", Intent("timer_set", {"seconds": 60, "name": "Tee"})))
    assert keep(script, keeping) == "Timer Tee auf 1 Minute gestellt."
    script.time += 60
    spoken: list[Speak] = []
    while not spoken:
        spoken = [command for command in script.wait() if isinstance(command, Speak)]
    assert (spoken[0].persona, spoken[0].text) == ("butler", "Timer Tee: abgelaufen.")


def test_a_clock_that_is_set_leaves_timers_alone_and_moves_alarms() -> None:
    script = Script()
    say(script, "timer_set", seconds=300)
    say(script, "alarm_set", hour=16, minute=45)
    timer, alarm = script.state.book.timers
    at = script.at
    forward = Instant(at.mono + 1, at.wall + timedelta(minutes=50))
    commands = script.play(ClockChanged(forward))
    moved, same = script.state.book.timers
    assert timer.due_mono is not None
    assert moved.due_mono == timer.due_mono
    assert moved.due.timestamp() - forward.wall.timestamp() == pytest.approx(timer.due_mono - forward.mono)
    assert same == alarm
    assert only(KeepTimers, commands).timers == (moved, same), "what is left after a restart is the wall clock's time"
    due = deadline(script.state)
    assert due == timer.due_mono
    later = Instant(forward.mono + 10, alarm.due + timedelta(seconds=1))
    script.play(ClockChanged(later))
    assert script.state.book.ringing == (alarm.id,)


def test_a_clock_that_was_years_ahead_has_not_put_off_a_repeating_alarm() -> None:
    script = Script()
    say(script, "alarm_set", hour=7, minute=0, day="daily")
    at = script.at
    ahead = Instant(at.mono + 1, at.wall + timedelta(days=1000))
    commands = script.play(ClockChanged(ahead))
    assert [c.data["action"] for c in commands if isinstance(c, ShowEvent)] == ["missed"]
    back = Instant(at.mono + 60, at.wall + timedelta(seconds=60))
    script.play(ClockChanged(back))
    (alarm,) = script.state.book.timers
    assert f"{alarm.due:%Y-%m-%d %H:%M}" == "2026-11-24 07:00"


def test_a_command_gets_its_answer_when_it_is_kept() -> None:
    script = Script()
    commands = script.request(AskRequest("…", Intent("timer_set", {"seconds": 60})), "9")
    assert not has(Answer, commands)
    spoken = only(Speak, script.play(TimersKept(script.at, only(KeepTimers, commands).revision, ok=True)))
    assert isinstance(script.state.activity, Speaking)
    answer = only(Answer, script.play(SpeechDone(script.at, script.state.turn, spoken.text)))
    assert answer.ok
    assert isinstance(script.state.activity, Idle)
    assert not has(Earcon, commands)
    assert START.tzinfo is not None
