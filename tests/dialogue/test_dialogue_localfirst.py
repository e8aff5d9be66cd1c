"""Who answers a local command: the agent itself, or whoever is asked before it."""

from __future__ import annotations

import pytest
from scripts import Script, has, only

from agent.commands import AskLlm, Earcon, ShowEvent, Speak, TurnEnded
from agent.dialogue.rules import Rules
from agent.dialogue.state import State
from agent.events import Final, LlmFailed, ReplyDelta, ReplyDone, SpeechDone
from agent.requests import AskRequest, Intent


def asked(intent: Intent | None, local_first: bool = False) -> Script:
    script = Script(State(rules=Rules(local_first=local_first)))
    script.wake()
    script.hear("what time is it", intent)
    return script


def test_local_commands_come_first_unless_it_is_said_otherwise() -> None:
    assert not has(AskLlm, asked(Intent("time"), local_first=True).commands)
    script = asked(Intent("time"))
    assert only(AskLlm, script.commands) == AskLlm(1, "what time is it")
    assert not has(Speak, script.commands)


@pytest.mark.parametrize(
    "intent",
    [Intent("stop"), Intent("mute"), Intent("volume_up"), Intent("volume_down"), Intent("volume_set", {"percent": 3})],
    ids=lambda intent: intent.name,
)
def test_what_makes_it_quiet_stays_local(intent: Intent) -> None:
    assert not has(AskLlm, asked(intent).commands)


def test_what_the_language_model_says_counts() -> None:
    script = asked(Intent("time"))
    script.play(ReplyDelta(script.at, 1, "Tea time."))
    script.play(ReplyDone(script.at, 1))
    assert only(TurnEnded, script.play(SpeechDone(script.at, 1, "Tea time."))).reply == "Tea time."
    assert not [c for c in script.commands if isinstance(c, ShowEvent) and c.type == "intent"]


@pytest.mark.parametrize("code", ["none_configured", "unreachable", "timeout", "unanswered"])
def test_where_no_language_model_answers_the_local_one_is_left(code: str) -> None:
    script = asked(Intent("time"))
    commands = script.play(LlmFailed(script.at, 1, code, "why"))
    assert only(Speak, commands) == Speak(1, "It's 3:45 PM.", last=True)
    assert only(ShowEvent, commands) == ShowEvent("intent", 1, {"name": "time", "persona": "default"})
    assert not has(Earcon, commands)
    assert only(TurnEnded, script.play(SpeechDone(script.at, 1, "It's 3:45 PM."))).outcome == "answered"


def test_an_empty_reply_leaves_the_local_one_too() -> None:
    script = asked(Intent("time"))
    assert only(Speak, script.play(ReplyDone(script.at, 1))).text == "It's 3:45 PM."


def test_a_reply_that_broke_off_is_not_begun_again() -> None:
    script = asked(Intent("time"))
    script.play(ReplyDelta(script.at, 1, "It is"))
    assert "broke off" in only(Speak, script.play(LlmFailed(script.at, 1, "cut_off"))).text


def test_whoever_does_not_know_says_so_in_their_own_words() -> None:
    script = asked(None)
    commands = script.play(LlmFailed(script.at, 1, "unanswered", "Sorry, I am not aware of any radio."))
    assert only(Speak, commands) == Speak(1, "Sorry, I am not aware of any radio.", last=True)
    assert not has(Earcon, commands)
    assert not has(ShowEvent, commands)


def test_a_sentence_from_outside_goes_the_same_way() -> None:
    script = Script(State(rules=Rules(local_first=False)))
    script.request(AskRequest("what time is it", Intent("time")))
    assert has(AskLlm, script.commands)
    script.play(LlmFailed(script.at, 1, "unreachable"))
    assert only(Speak, script.commands).text == "It's 3:45 PM."


@pytest.mark.parametrize("intent", [Intent("timer_set", {"seconds": 300}), Intent("time"), Intent("stop"), None])
def test_what_is_answered_elsewhere_is_not_done_here_as_well(intent: Intent | None) -> None:
    script = Script()
    script.wake()
    commands = script.play(Final(script.at, 1, "as it was heard there", intent, elsewhere="home_assistant"))
    quiet = intent is not None and intent.name == "stop"
    assert has(AskLlm, commands) != quiet
    if not quiet:
        assert only(AskLlm, commands) == AskLlm(1, "as it was heard there")


def test_where_nobody_answers_elsewhere_the_local_command_is_left() -> None:
    script = Script()
    script.wake()
    script.play(Final(script.at, 1, "what time is it", Intent("time"), elsewhere="home_assistant"))
    commands = script.play(LlmFailed(script.at, 1, "home_assistant", "gone"))
    assert only(Speak, commands).text == "It's 3:45 PM."
