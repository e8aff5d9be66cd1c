"""The user's own actions: a message now or never, an answer when the broker has it; and calls of the language model."""

import json

import pytest
from scripts import Script, has, only

from agent.actions import Action, Choice, Range
from agent.commands import Act, Answer, AskLlm, Earcon, Hush, IntentDone, KeepTimers, ShowEvent, Speak, TurnEnded
from agent.dialogue.rules import Rules
from agent.dialogue.state import Idle, Speaking, State, Thinking
from agent.dialogue.step import deadline
from agent.events import Acted, ConfirmDue, Final, IntentCalled, ReplyDelta, ReplyDone, SpeechDone, TimersKept
from agent.requests import AskRequest, Intent, StopRequest

LIGHT = Action(
    "light",
    "home/{room}/light",
    {"state": "{state}"},
    text=False,
    slots={"room": Choice({"living room": "living_room"}), "state": Choice({"on": True, "off": False})},
    replies={"en": "The {room} light is {state}."},
)
BLINDS = Action("blinds", "home/blinds", "{level}", slots={"level": Range(0, 100)}, qos=0, retain=True)
ON = Intent("action", {"action": "light", "room": "living room", "state": "on"})


@pytest.fixture
def script():
    return Script(State(Rules(actions={"light": LIGHT, "blinds": BLINDS})))


def asked(script: Script, intent: Intent = ON) -> list:
    script.wake()
    return script.hear("turn on the living room light", intent)


def event(commands, kind="intent"):
    return next(each for each in commands if isinstance(each, ShowEvent) and each.type == kind)


def test_an_action_is_published_and_answered_when_the_broker_has_it(script):
    commands = asked(script)
    act = only(Act, commands)
    assert (act.topic, json.loads(act.payload), act.qos, act.retain) == (
        "home/living_room/light",
        {"state": True},
        1,
        False,
    )
    assert event(commands).data == {
        "name": "action", "action": "light", "room": "living room", "state": "on", "persona": "default",
    }  # fmt: skip
    assert not has(Speak, commands)
    assert isinstance(script.state.activity, Thinking)
    script.time += 0.02
    said = only(Speak, script.play(Acted(script.at, act.turn, "light", True)))
    assert said.text == "The living room light is on."
    ended = only(TurnEnded, script.play(SpeechDone(script.at, act.turn, said.text)))
    assert ended.outcome == "answered"


def test_without_a_reply_of_its_own_it_says_done(script):
    act = only(Act, asked(script, Intent("action", {"action": "blinds", "level": 30})))
    assert (act.payload, act.qos, act.retain) == (b"30", 0, True)
    assert only(Speak, script.play(Acted(script.at, act.turn, "blinds", True))).text == "Done."


def test_refused_by_the_broker_is_said(script):
    act = only(Act, asked(script))
    commands = script.play(Acted(script.at, act.turn, "light", False, "not authorised"))
    assert "didn't get through" in only(Speak, commands).text
    assert event(commands, "error").data == {"code": "action_failed", "message": "not authorised"}
    assert has(Earcon, commands)
    assert script.state.acting is None


def test_no_word_from_the_broker_within_two_seconds_is_said(script):
    act = only(Act, asked(script))
    began = script.time
    commands = script.wait()
    assert script.time - began == pytest.approx(2.0)
    assert "don't know whether" in only(Speak, commands).text
    assert event(commands, "error").data["code"] == "action_unsure"
    # What comes later changes nothing.
    assert script.play(Acted(script.at, act.turn, "light", True)) == []


def test_whoever_has_gone_on_is_not_told(script):
    act = only(Act, asked(script))
    script.request(StopRequest())
    assert isinstance(script.state.activity, Idle)
    assert script.play(Acted(script.at, act.turn, "light", True)) == []
    asked(script, Intent("time"))
    assert script.play(Acted(script.at, act.turn, "light", True)) == []
    assert isinstance(script.state.activity, Speaking)


def test_after_a_stop_the_deadline_is_silent(script):
    asked(script)
    script.request(StopRequest())
    assert script.tick() == []
    assert deadline(script.state) is None


@pytest.mark.parametrize(
    "slots",
    [{"action": "gone"}, {"action": "light"}, {"action": "light", "room": "x", "state": "on"}, {}],
)
def test_what_cannot_be_sent_fails_aloud(script, slots):
    commands = asked(script, Intent("action", slots))
    assert not has(Act, commands)
    assert "went wrong" in only(Speak, commands).text


def test_a_typed_action_is_answered_with_its_result(script):
    act = only(Act, script.request(AskRequest("turn on the living room light", ON), "7"))
    script.play(Acted(script.at, act.turn, "light", False, "no connection"))
    result = only(Answer, script.play(SpeechDone(script.at, act.turn, "Sorry")))
    assert (result.ok, result.code) == (False, "failed")


TIMER = Intent("timer_set", {"seconds": 600, "name": "tea"})


def thinking(script: Script) -> int:
    script.wake()
    ask = only(AskLlm, script.hear("make it bright and remind me of my tea"))
    return ask.turn


def test_a_called_action_is_done_and_told_as_data(script):
    turn = thinking(script)
    commands = script.play(IntentCalled(script.at, turn, "c1", ON))
    act = only(Act, commands)
    assert event(commands).data["action"] == "light"
    commands = script.play(Acted(script.at, act.turn, "light", True))
    assert commands == [IntentDone(turn, "c1", True, "The living room light is on.")]
    assert isinstance(script.state.activity, Thinking)
    script.play(ReplyDelta(script.at, turn, "It is bright now."))
    script.play(ReplyDone(script.at, turn))
    assert script.state.talk.reply == "It is bright now."


def test_a_called_timer_is_kept_before_it_is_told(script):
    turn = thinking(script)
    keep = only(KeepTimers, script.play(IntentCalled(script.at, turn, "c1", TIMER)))
    assert [timer.name for timer in keep.timers] == ["tea"]
    commands = script.play(TimersKept(script.at, keep.revision, True))
    done = only(IntentDone, commands)
    assert (done.turn, done.call, done.ok) == (turn, "c1", True)
    assert "10 minutes" in done.text
    assert not has(Speak, commands)


def test_a_called_timer_that_is_not_kept_is_told_as_failed(script):
    turn = thinking(script)
    keep = only(KeepTimers, script.play(IntentCalled(script.at, turn, "c1", TIMER)))
    done = only(IntentDone, script.play(TimersKept(script.at, keep.revision, False, "disk full")))
    assert not done.ok
    assert isinstance(script.state.activity, Thinking)


def test_a_call_in_the_middle_of_an_answer(script):
    turn = thinking(script)
    script.play(ReplyDelta(script.at, turn, "One moment. "))
    act = only(Act, script.play(IntentCalled(script.at, turn, "c1", ON)))
    assert isinstance(script.state.activity, Speaking)
    assert only(IntentDone, script.play(Acted(script.at, act.turn, "light", True))).ok
    script.play(ReplyDelta(script.at, turn, "Done."))
    assert script.state.talk.reply == "One moment. Done."


def test_a_call_that_the_broker_does_not_answer(script):
    turn = thinking(script)
    script.play(IntentCalled(script.at, turn, "c1", ON))
    done = only(IntentDone, script.wait())
    assert not done.ok
    assert isinstance(script.state.activity, Thinking)


def test_a_call_of_a_turn_that_is_over_does_nothing(script):
    turn = thinking(script)
    script.request(StopRequest())
    script.play(ReplyDelta(script.at, turn, "late"))
    assert script.play(IntentCalled(script.at, turn - 1, "c1", ON)) == []
    commands = script.play(IntentCalled(script.at, turn, "c2", ON))
    assert commands == [IntentDone(turn, "c2", False, "too late: nothing was done")]


def test_a_call_after_the_answer_does_nothing(script):
    turn = thinking(script)
    script.play(ReplyDelta(script.at, turn, "There."))
    script.play(ReplyDone(script.at, turn))
    assert not only(IntentDone, script.play(IntentCalled(script.at, turn, "c1", ON))).ok


def test_no_other_intent_can_be_called(script):
    """Least of all those that nobody has allowed."""
    turn = thinking(script)
    for name in ("mute", "stop", "volume_set", "repeat", ""):
        commands = script.play(IntentCalled(script.at, turn, "c1", Intent(name, {"percent": 100})))
        assert [type(each) for each in commands] == [IntentDone]
        assert not commands[0].ok


def test_a_call_behind_a_confirmation(script):
    """The user has agreed in a later turn; the model's calls still come with the turn in which it was asked."""
    turn = thinking(script)
    script.play(ConfirmDue(script.at, turn, "q", "light"))
    script.play(SpeechDone(script.at, turn, "Shall I do this?"))
    later = script.state.turn
    script.time += 1
    script.play(Final(script.at, later, "yes"))
    act = only(Act, script.play(IntentCalled(script.at, turn, "c1", ON)))
    assert act.turn == later
    assert only(IntentDone, script.play(Acted(script.at, later, "light", True))) == IntentDone(
        turn, "c1", True, "The living room light is on."
    )


def test_a_wake_word_gives_a_call_up(script):
    turn = thinking(script)
    script.play(IntentCalled(script.at, turn, "c1", ON))
    script.wake()
    script.time += 5
    assert not has(Hush, script.play(Acted(script.at, turn, "light", True)))
    assert not has(Speak, script.tick())


def test_what_the_model_has_done_is_not_done_once_more(script):
    """Where it is asked first (`local_first = false`), and then has nothing to say."""
    script.state = State(Rules(actions={"light": LIGHT}, local_first=False))
    script.wake()
    turn = only(AskLlm, script.hear("turn on the living room light", ON)).turn
    act = only(Act, script.play(IntentCalled(script.at, turn, "c1", ON)))
    script.play(Acted(script.at, act.turn, "light", True))
    assert not has(Act, script.play(ReplyDone(script.at, turn)))
