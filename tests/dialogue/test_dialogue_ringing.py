"""What rings: until somebody stops it, over nobody's words, and after a restart too."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from scripts import Script, has, only

from agent.commands import Answer, Command, Earcon, KeepTimers, SetVolume, ShowEvent, ShowTimers, Speak, StartListening
from agent.dialogue.quiet import Hours
from agent.dialogue.ringing import LATE_LIMIT, RING_FOR
from agent.dialogue.rules import Rules
from agent.dialogue.state import Idle, Listening, Speaking, State
from agent.dialogue.step import deadline
from agent.dialogue.timerbook import Book
from agent.events import (
    Audible,
    DeadlinePassed,
    Health,
    MuteSwitched,
    Pressed,
    ReplyDelta,
    ReplyDone,
    SpeechDone,
    SpeechFailed,
    SpeechStarted,
    TimersKept,
)
from agent.requests import Intent, ListenRequest, SayRequest, SettingRequest, StopRequest, TimerRequest
from agent.timers import Timer


def set_up(*timers: Timer, rules: Rules | None = None) -> Script:
    """A script in which these are kept."""
    script = Script(State(rules=rules or Rules()))
    at = script.at
    script.state = replace(script.state, book=Book(timers=timers, ahead=at.wall.timestamp() - at.mono))
    return script


def timer(seconds: float = 60.0, name: str = "tea", message: str = "", id: str = "a") -> Timer:
    at = Script().at
    due = at.wall + timedelta(seconds=seconds)
    return Timer(id, "timer", name, message, due, at.mono + seconds, round(seconds), (), "", at.wall)


def alarm(minutes: int, days: tuple[int, ...] = ()) -> Timer:
    due = Script().at.wall.replace(minute=45 + minutes)
    return Timer("alarm", "alarm", "", "", due, None, 0, days, "", Script().at.wall, (due.hour, due.minute))


def until_words(script: Script) -> tuple[Speak, list[Command]]:
    """Let time pass until something is said."""
    passed: list[Command] = []
    for _ in range(20):
        passed += script.wait()
        if has(Speak, passed):
            return only(Speak, passed), passed
    raise AssertionError(f"nothing was said: {passed}")


def heard(script: Script, spoken: Speak) -> list[Command]:
    return script.play(SpeechDone(script.at, spoken.turn, spoken.text))


def actions(commands: list[Command]) -> list[object]:
    return [
        command.data["action"] for command in commands if isinstance(command, ShowEvent) and command.type == "timer"
    ]


def test_it_rings_and_says_why() -> None:
    script = set_up(timer())
    spoken, commands = until_words(script)
    assert script.time == pytest.approx(162.4)
    assert [command.name for command in commands if isinstance(command, Earcon)] == ["timer", "timer"]
    assert spoken.text == "Your tea timer is done."
    assert actions(commands) == ["ringing"]
    assert only(ShowTimers, commands).ringing == ("a",)
    assert not has(KeepTimers, commands), "what rings stays on the disk: a power cut now does not end it"


def test_it_rings_again_and_again_and_is_missed_in_the_end() -> None:
    script = set_up(timer())
    words = 0
    script.wait()
    while script.state.book.bell.rings:
        commands = script.wait()
        for command in commands:
            if isinstance(command, Speak):
                words += 1
                script.time += 2.0
                heard(script, command)
    assert 15 <= words <= 25
    assert script.time - 160.0 <= RING_FOR + 10
    told = [command for command in script.commands if isinstance(command, Speak)][-1]
    assert told.text.startswith("Nobody stopped this: tea timer, due at 3:46")
    assert actions(script.commands) == ["ringing", "missed"]
    assert not script.state.book.timers
    keeping = only(KeepTimers, script.commands)
    assert not keeping.timers
    heard(script, told)
    assert deadline(script.state) is None


def stop_by_wake(script: Script) -> list[Command]:
    return script.wake()


def stop_by_command(script: Script) -> list[Command]:
    return script.request(StopRequest(), "1")


def stop_by_listening(script: Script) -> list[Command]:
    return script.request(ListenRequest(), "1")


def stop_by_button(script: Script) -> list[Command]:
    return script.play(Pressed(script.at, "stop"))


def press_to_listen(script: Script) -> list[Command]:
    return script.play(Pressed(script.at, "listen"))


@pytest.mark.parametrize("in_words", [True, False])
@pytest.mark.parametrize("stop", [stop_by_wake, stop_by_command, stop_by_listening, stop_by_button, press_to_listen])
def test_it_is_stopped(stop: object, in_words: bool) -> None:
    script = set_up(timer(), timer(500, "pasta", id="b"))
    spoken, _ = until_words(script)
    if not in_words:
        heard(script, spoken)
        assert isinstance(script.state.activity, Idle)
    commands = stop(script)  # type: ignore[operator]
    assert actions(commands) == ["stopped"]
    assert [each.name for each in script.state.book.timers] == ["pasta"]
    assert [each.name for each in only(KeepTimers, commands).timers] == ["pasta"]
    assert not script.state.book.bell.rings
    listens = stop in (stop_by_wake, stop_by_listening)
    assert isinstance(script.state.activity, Listening if listens else Idle)
    assert has(StartListening, commands) == listens, "the button that makes it quiet does not listen as well"
    while not isinstance(script.state.activity, Idle) or script.state.closing:
        assert "timer" not in [c.name for c in script.wait() if isinstance(c, Earcon)]


def test_the_end_of_the_process_stops_nothing_for_good() -> None:
    script = set_up(timer())
    until_words(script)
    commands = script.request(StopRequest(parting=True))
    assert isinstance(script.state.activity, Idle)
    assert not actions(commands)
    assert not has(KeepTimers, commands), "it rings again after the next start"


def test_neither_mute_nor_the_switch_stops_it() -> None:
    script = set_up(timer())
    until_words(script)
    script.play(MuteSwitched(script.at, on=True))
    script.request(SettingRequest("mute", True))
    assert script.state.book.bell.rings
    script.play(DeadlinePassed(script.at))
    spoken, _ = until_words(script)
    assert spoken.text == "Your tea timer is done."


def test_quiet_hours_and_do_not_disturb_do_not_keep_it_down() -> None:
    script = set_up(timer(), rules=Rules(quiet=Hours(time(15), time(18)), night_volume=20))
    script.request(SettingRequest("do_not_disturb", True))
    assert script.state.told == 20
    commands = script.wait()
    assert only(SetVolume, commands).percent == 70
    assert commands.index(only(SetVolume, commands)) < commands.index(only(Earcon, commands))
    spoken, _ = until_words(script)
    assert script.state.told == 70
    commands = script.wake()
    assert only(SetVolume, commands).percent == 20
    assert spoken


def test_two_that_are_due_ring_as_one() -> None:
    script = set_up(timer(60), timer(61, "", "call mum", "b"))
    spoken, commands = until_words(script)
    assert spoken.text == "Your tea timer is done. Reminder: call mum."
    assert actions(commands) == ["ringing", "ringing"]
    assert actions(script.wake()) == ["stopped", "stopped"]
    assert not script.state.book.timers


def test_nothing_sounds_while_somebody_is_heard() -> None:
    script = set_up(timer(3))
    script.wake()
    script.play(SpeechStarted(script.at, script.state.turn, script.time))
    script.time += 4
    commands = script.play(DeadlinePassed(script.at))
    assert actions(commands) == ["ringing"]
    assert not has(Earcon, commands)
    commands = script.hear("what time is it", Intent("time"))
    answer = only(Speak, commands)
    assert not has(Earcon, commands)
    commands = heard(script, answer)
    assert [command.name for command in commands if isinstance(command, Earcon)] == ["timer"]


def test_an_answer_goes_on_with_one_sound_and_is_not_followed_up() -> None:
    script = set_up(timer(10), rules=Rules(follow_up=4.0))
    script.wake()
    script.hear("why")
    turn = script.state.turn
    script.play(ReplyDelta(script.at, turn, "Because it is so. "))
    script.play(Audible(script.at, turn, script.time))
    script.play(ReplyDone(script.at, turn))
    script.time += 12
    commands = script.play(DeadlinePassed(script.at))
    assert [command.name for command in commands if isinstance(command, Earcon)] == ["timer"]
    assert script.state.turn == turn
    commands = script.play(SpeechDone(script.at, turn, "Because it is so."))
    assert not has(StartListening, commands)
    spoken, _ = until_words(script)
    assert spoken.text == "Your tea timer is done."


def test_an_announcement_comes_between_and_an_urgent_one_does_not_cut_it() -> None:
    script = set_up(timer())
    spoken, _ = until_words(script)
    assert not has(Speak, script.request(SayRequest("fire", "high"), "1"))
    commands = heard(script, spoken)
    assert only(Speak, commands).text == "fire"
    assert only(Answer, heard(script, only(Speak, commands))).ok
    again, _ = until_words(script)
    assert again.text == "Your tea timer is done."


def test_without_a_voice_it_rings_all_the_same() -> None:
    script = set_up(timer())
    script.play(Health(script.at, "tts", "loading"))
    sounds: list[Command] = []
    for _ in range(10):
        sounds += script.wait()
    assert sum(isinstance(command, Earcon) for command in sounds) >= 9
    assert not has(Speak, sounds)
    script.play(Health(script.at, "tts", "ok"))
    spoken, _ = until_words(script)
    commands = script.play(SpeechFailed(script.at, spoken.turn, "the voice broke"))
    assert script.state.book.bell.rings
    assert commands
    assert until_words(script)


def test_snooze_behind_the_wake_word() -> None:
    script = set_up(timer())
    until_words(script)
    script.wake()
    keeping = only(KeepTimers, script.hear("snooze", Intent("snooze", {"seconds": 300})))
    (again,) = keeping.timers
    assert (again.name, again.seconds, again.due_mono) == ("tea", 300, script.time + 300)
    commands = script.play(TimersKept(script.at, keeping.revision, ok=True))
    assert only(Speak, commands).text == "I'll ring again in 5 minutes."
    assert actions(commands) == ["snoozed"]
    heard(script, only(Speak, commands))
    spoken, _ = until_words(script)
    assert spoken.text == "Your tea timer is done."


def test_snooze_keeps_the_next_day_of_a_repeating_alarm() -> None:
    script = set_up(alarm(1, days=(0, 1, 2, 3, 4, 5, 6)))
    spoken, _ = until_words(script)
    assert spoken.text.startswith("It's 3:46 PM. Your alarm for 3:46")
    script.wake()
    keeping = only(KeepTimers, script.hear("snooze", Intent("snooze")))
    assert sorted((t.due.day, t.days != ()) for t in keeping.timers) == [(23, False), (24, True)]
    script.play(TimersKept(script.at, keeping.revision, ok=True))
    assert len({t.id for t in script.state.book.timers}) == 2


def test_snooze_while_nothing_rings() -> None:
    script = set_up(timer(1000))
    script.wake()
    assert only(Speak, script.hear("snooze", Intent("snooze"))).text == "Nothing is ringing."


def test_cancelling_what_the_wake_word_has_silenced_is_understood() -> None:
    script = set_up(timer())
    until_words(script)
    script.wake()
    spoken = only(Speak, script.hear("cancel the timer", Intent("timer_cancel")))
    assert spoken.text == "All of them are off."


def test_more_time_for_what_rings() -> None:
    script = set_up(timer())
    until_words(script)
    script.wake()
    keeping = only(KeepTimers, script.hear("add two minutes", Intent("timer_add", {"seconds": 120})))
    assert [each.seconds for each in keeping.timers] == [120]


def test_a_little_late_it_rings_and_says_so() -> None:
    script = set_up(timer(60), alarm(3))
    script.time += 60 + LATE_LIMIT - 1
    commands = script.play(DeadlinePassed(script.at))
    assert actions(commands) == ["late", "late"]
    spoken, _ = until_words(script)
    assert spoken.text.startswith("Your tea timer was done 9 minutes and 59 seconds ago.")


def test_too_late_it_is_news_and_is_told_once() -> None:
    script = set_up(timer(60), timer(70, "", "call mum", "b"))
    script.time += 60 + LATE_LIMIT + 3600
    commands = script.play(DeadlinePassed(script.at))
    assert actions(commands) == ["missed", "missed"]
    assert only(Speak, commands).text.startswith('You missed this: tea timer, due at 3:46 PM and reminder "call mum"')
    assert not script.state.book.bell.rings
    heard(script, only(Speak, commands))
    assert deadline(script.state) is None


def test_a_repeating_alarm_that_was_missed_rings_the_next_day() -> None:
    script = set_up(alarm(1, days=(0, 1, 2, 3, 4)))
    script.time += 3 * 3600
    commands = script.play(DeadlinePassed(script.at))
    assert actions(commands) == ["missed"]
    (kept,) = only(KeepTimers, commands).timers
    assert f"{kept.due:%d %H:%M}" == "24 15:46"


def test_the_stop_word_ends_the_ringing_before_anything_else() -> None:
    script = set_up(timer())
    spoken, _ = until_words(script)
    heard(script, spoken)
    script.wake()
    commands = script.hear("stop", Intent("stop"))
    assert isinstance(script.state.activity, Idle)
    assert [command.name for command in commands if isinstance(command, Earcon)] == ["done"]


def test_a_speaker_that_never_tells_does_not_end_it() -> None:
    script = set_up(timer())
    until_words(script)
    assert isinstance(script.state.activity, Speaking)
    script.wait()
    spoken, _ = until_words(script)
    assert spoken


@pytest.mark.parametrize(("asked", "left"), [(Intent("timer_cancel"), 0), (Intent("timer_add", {"seconds": 300}), 1)])
def test_what_is_changed_at_the_very_moment_it_is_due_rings_no_more(asked: Intent, left: int) -> None:
    script = set_up(timer(3.0))
    keeping = only(KeepTimers, script.request(TimerRequest(asked), "1"))
    script.wait()
    assert script.state.book.ringing == ("a",)
    commands = script.play(TimersKept(script.at, keeping.revision, ok=True))
    assert only(Answer, commands).ok
    assert len(script.state.book.timers) == left
    assert script.state.book.ringing == ()
    assert not only(ShowTimers, commands).ringing


def test_one_that_nobody_has_stopped_for_too_long_leaves_the_other_ringing() -> None:
    """While the words of both are spoken, the time of the first is over; nobody is to hear that it was missed."""
    script = set_up(timer(1.0, "tea", id="a"), timer(100.0, "egg", id="b"))
    script.state = replace(script.state, do_not_disturb=True)
    while script.state.book.ringing != ("a", "b"):
        script.wait()
    until_words(script)
    script.time = script.state.book.bell.rings[0].since + RING_FOR
    assert not has(Speak, script.play(SpeechDone(script.at, script.state.turn, "…")))
    assert script.state.book.ringing == ("b",)
    said, _ = until_words(script)
    assert "egg" in said.text.lower()
    assert "tea" not in said.text.lower()
