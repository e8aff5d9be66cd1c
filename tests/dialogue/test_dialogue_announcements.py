"""Announcements: who is said, when, and what their senders are told."""

from __future__ import annotations

from datetime import time

import pytest
from scripts import Script, has, only

from agent.commands import Answer, AskLlm, CancelLlm, Command, Hush, Speak, StopListening, TurnEnded
from agent.dialogue.quiet import Hours
from agent.dialogue.rules import Rules
from agent.dialogue.state import State
from agent.dialogue.step import deadline
from agent.events import Pressed, ReplyDelta, SpeechDone, SpeechFailed
from agent.requests import AskRequest, Clip, Intent, Priority, SayRequest

NOW_QUIET = Rules(quiet=Hours(time(15), time(16)))  # a script begins at 15:45
NEVER_DISTURB = State(do_not_disturb=True)


def answers(commands: list[Command]) -> dict[str, str]:
    """Code by id; "" where it went well."""
    return {command.id: command.code for command in commands if isinstance(command, Answer)}


def said(script: Script) -> list[str]:
    return [command.text for command in script.commands if isinstance(command, Speak)]


def finish(script: Script) -> list[Command]:
    """What is being said has been heard."""
    return script.play(SpeechDone(script.at, script.state.turn, script.state.talk.reply))


def test_each_in_its_turn_the_more_urgent_first() -> None:
    script = Script()
    script.wake()
    order: list[Priority] = ["low", "normal", "low", "normal"]
    for number, priority in enumerate(order):
        script.request(SayRequest(f"{priority} {number}", priority), id=str(number))
    script.hear("stop", Intent("stop"))
    while script.state.phase == "speaking":
        finish(script)
    assert said(script) == ["normal 1", "normal 3", "low 0", "low 2"]
    assert answers(script.commands) == {"1": "", "3": "", "0": "", "2": ""}


def test_the_chime_goes_with_the_words() -> None:
    script = Script()
    assert only(Speak, script.request(SayRequest("Tea.", chime=True))) == Speak(1, "Tea.", last=True, chime=True)


def test_high_cuts_an_announcement_which_says_so_and_is_not_said_again() -> None:
    script = Script()
    script.request(SayRequest("The washing machine is done."), id="washing")
    commands = script.request(SayRequest("Fire!", "high"), id="fire")
    assert [type(c) for c in commands if isinstance(c, Hush | Speak)] == [Hush, Speak]
    assert only(Speak, commands) == Speak(2, "Fire!", last=True)
    assert not has(Answer, commands), "what was heard is not known yet"
    cut = only(Answer, script.play(SpeechDone(script.at, 1, "The washing", cut=True)))
    assert (cut.id, cut.ok, cut.code, cut.data["heard"]) == ("washing", False, "interrupted", "The washing")
    assert only(Answer, finish(script)).id == "fire"
    assert script.state.phase == "idle"
    assert said(script) == ["The washing machine is done.", "Fire!"]


def test_high_ends_a_reply_while_it_is_written() -> None:
    script = Script()
    script.request(AskRequest("why?"), id="q")
    script.play(ReplyDelta(script.at, 1, "Because "))
    commands = script.request(SayRequest("Fire!", "high"))
    assert only(CancelLlm, commands) == CancelLlm(1)
    assert only(Hush, commands) == Hush(1)
    assert only(Speak, commands).turn == 2
    assert script.play(ReplyDelta(script.at, 1, "of that.")) == []


def test_high_does_not_wait_for_a_question() -> None:
    script = Script()
    script.wake()
    commands = script.request(SayRequest("Fire!", "high"))
    assert only(StopListening, commands) == StopListening(1)
    assert only(TurnEnded, commands).outcome == "interrupted"
    assert only(Speak, commands).turn == 2


def test_high_waits_for_its_like_and_goes_before_all_others() -> None:
    script = Script()
    script.request(SayRequest("Fire!", "high"))
    script.request(SayRequest("Dinner!"))
    assert not has(Hush, script.request(SayRequest("Water!", "high")))
    finish(script)
    finish(script)
    assert said(script) == ["Fire!", "Water!", "Dinner!"]


@pytest.mark.parametrize("priority", ["low", "normal"])
def test_nothing_else_interrupts(priority: Priority) -> None:
    script = Script()
    script.request(SayRequest("Tea.", "low"))
    assert script.request(SayRequest("Dinner!", priority)) == []
    assert said(script) == ["Tea."]


def test_where_the_queue_is_full_the_last_of_it_gives_way() -> None:
    script = Script(State(rules=Rules(pending_says=2)))
    script.wake()
    script.request(SayRequest("1", "low"), id="1")
    script.request(SayRequest("2", "low"), id="2")
    assert answers(script.request(SayRequest("3", "low"), id="3")) == {"3": "queue_full"}
    assert answers(script.request(SayRequest("4"), id="4")) == {"2": "queue_full"}
    assert answers(script.request(SayRequest("5"), id="5")) == {"1": "queue_full"}
    assert answers(script.request(SayRequest("6"), id="6")) == {"6": "queue_full"}
    script.hear("stop", Intent("stop"))
    finish(script)
    finish(script)
    assert said(script) == ["4", "5"]


def test_an_alarm_is_said_however_many_wait() -> None:
    script = Script()
    script.request(SayRequest("a long story"))
    for number in range(8):
        script.request(SayRequest("x"), id=str(number))
    commands = script.request(SayRequest("Fire!", "high"), id="fire")
    assert only(Speak, commands).text == "Fire!"
    assert answers(commands) == {"7": "queue_full"}


def test_in_quiet_hours_low_is_refused_and_told_until_when() -> None:
    script = Script(State(rules=NOW_QUIET))
    answer = only(Answer, script.request(SayRequest("Tea.", "low"), id="a"))
    assert (answer.ok, answer.code) == (False, "quiet")
    assert "16:00" in answer.message
    for priority in ("normal", "high"):
        assert has(Speak, script.request(SayRequest("Tea.", priority)))
        finish(script)


def test_under_do_not_disturb_only_high_is_said() -> None:
    script = Script(NEVER_DISTURB)
    for priority in ("low", "normal"):
        commands = script.request(SayRequest("Tea.", priority), id=priority)
        assert answers(commands) == {priority: "do_not_disturb"}
    assert has(Speak, script.request(SayRequest("Fire!", "high")))


def test_a_question_is_answered_aloud_all_the_same() -> None:
    script = Script(State(do_not_disturb=True, rules=NOW_QUIET))
    script.wake()
    assert has(Speak, script.hear("what time is it", Intent("time")))
    finish(script)
    assert has(AskLlm, script.request(AskRequest("why?")))


def test_what_has_waited_is_judged_once_more() -> None:
    script = Script(State(rules=Rules(quiet=Hours(time(15, 46), time(16)))))
    script.wake()
    script.request(SayRequest("Tea.", "low"), id="low")
    script.request(SayRequest("Dinner!"), id="normal")
    script.time += 60
    script.hear("stop", Intent("stop"))
    assert said(script) == ["Dinner!"]
    assert answers(finish(script)) == {"normal": "", "low": "quiet"}
    assert script.state.phase == "idle"


def test_the_button_is_a_stop_too() -> None:
    script = Script()
    script.request(SayRequest("one"), id="1")
    script.request(SayRequest("two"), id="2")
    commands = script.play(Pressed(script.at, "listen"))
    assert answers(commands) == {"2": "stopped"}
    assert answers(script.play(SpeechDone(script.at, 1, "", cut=True))) == {"1": "interrupted"}


def test_a_speaker_that_fails_is_told_and_the_next_one_tried() -> None:
    script = Script()
    script.request(SayRequest("one"), id="1")
    script.request(SayRequest("two"), id="2")
    commands = script.play(SpeechFailed(script.at, 1, "unplugged", heard="on"))
    failed = only(Answer, commands)
    assert (failed.id, failed.code, failed.data["heard"]) == ("1", "failed", "on")
    assert only(Speak, commands).text == "two"


def test_the_wake_word_cuts_an_announcement() -> None:
    script = Script()
    script.request(SayRequest("Fire!", "high"), id="fire")
    assert has(Hush, script.wake())
    assert answers(script.play(SpeechDone(script.at, 1, "", cut=True))) == {"fire": "interrupted"}


def test_sound_that_somebody_else_has_made_takes_as_long_as_it_takes() -> None:
    script = Script()
    sound = Clip(22_050, bytes(2 * 22_050 * 60))
    commands = script.request(SayRequest("", sound=sound), id="dinner")
    assert only(Speak, commands) == Speak(1, "", last=True, sound=sound)
    due = deadline(script.state)
    assert due is not None
    assert due >= script.time + 60
    assert answers(finish(script)) == {"dinner": ""}
    assert repr(sound) == "Clip(rate_hz=22050)", "no log is to hold it"
