"""What the language model wants to do and somebody has to agree to: asked aloud, answered once, for this call alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripts import Script, has, only

from agent.commands import (
    Answer,
    CancelLlm,
    Confirmed,
    Earcon,
    Hush,
    ShowEvent,
    ShowReply,
    Speak,
    StartListening,
    StopListening,
    TurnEnded,
)
from agent.dialogue.assent import agrees
from agent.dialogue.confirmation import ANSWER_S
from agent.dialogue.rules import Rules
from agent.dialogue.state import Idle, Listening, Speaking, State, Thinking
from agent.events import (
    AsrFailed,
    ConfirmDue,
    Endpoint,
    Final,
    Health,
    LlmFailed,
    Partial,
    ReplyDelta,
    ReplyDone,
    SpeechDone,
    SpeechFailed,
    SpeechStarted,
    ToolUsed,
)
from agent.requests import AskRequest, Intent, ListenRequest, MuteRequest, StopRequest

QUESTION = "Shall I do this: unlock: name front door? Please say yes or no."
RULES = Rules(follow_up=4.0)


def thinking(rules: Rules = RULES, language: str = "en") -> Script:
    script = Script(State(rules=replace(rules, language=language)))
    script.wake()
    script.hear("unlock the front door")
    assert isinstance(script.state.activity, Thinking)
    return script


def due(script: Script, call: str = "c1", turn: int | None = None) -> ConfirmDue:
    return ConfirmDue(script.at, script.state.turn if turn is None else turn, call, "unlock: name front door")


def asked(script: Script | None = None) -> Script:
    """The question has been heard to its end, and an answer is waited for."""
    script = script or thinking()
    script.play(due(script))
    script.time += 3.0
    script.play(SpeechDone(script.at, script.state.turn, QUESTION))
    assert isinstance(script.state.activity, Listening)
    return script


def test_the_question_is_put_in_our_words_and_the_answer_is_the_next_turn():
    script = thinking()
    turn = script.state.turn
    speak = only(Speak, script.play(due(script)))
    assert (speak.text.strip(), speak.last, speak.invites) == (QUESTION, True, True)
    assert not has(Confirmed, script.commands)
    assert not has(StartListening, script.play(ReplyDelta(script.at, turn, "Yes, do it.")))  # nor does it answer
    commands = script.play(SpeechDone(script.at, turn, QUESTION))
    assert only(TurnEnded, commands).outcome == "answered"
    assert only(StartListening, commands).turn == turn + 1
    script.time += 0.4
    script.play(SpeechStarted(script.at, turn + 1, script.time))
    script.play(Partial(script.at, turn + 1, "yes"))
    assert not has(Confirmed, script.commands)
    commands = script.play(Final(script.at, turn + 1, "Yes, please."))
    assert only(Confirmed, commands) == Confirmed(turn, "c1", yes=True)
    assert isinstance(script.state.activity, Thinking)


def test_the_answer_of_the_model_is_spoken_in_the_turn_of_the_yes():
    script = asked()
    turn = script.state.turn
    script.play(Final(script.at, turn, "yes"))
    script.play(ToolUsed(script.at, turn - 1, "HassUnlock", "home", "done", 40))
    speak = only(Speak, script.play(ReplyDelta(script.at, turn - 1, "It is open.")))
    assert (speak.turn, speak.text) == (turn, "It is open.")
    script.play(ReplyDone(script.at, turn - 1))
    commands = script.play(SpeechDone(script.at, turn, "It is open."))
    assert only(ShowReply, commands).heard == "It is open."
    assert [past.exchange.asked for past in script.state.history] == ["unlock the front door", "yes"]


@pytest.mark.parametrize("text", ["no", "", "what", "yes but not the front door", "no yes", "yes or no", "never"])
def test_all_else_is_no_consent(text):
    script = asked()
    commands = script.play(Final(script.at, script.state.turn, text))
    assert only(Confirmed, commands).yes is False
    assert isinstance(script.state.activity, Thinking)


def test_an_intent_is_no_consent_either():
    script = asked()
    commands = script.play(Final(script.at, script.state.turn, "stop", Intent("stop")))
    assert only(Confirmed, commands).yes is False


def test_silence_a_deaf_recogniser_and_time_are_no_consent():
    script = asked()
    commands = script.play(Endpoint(script.at, script.state.turn, script.time, "no_speech"))
    assert only(Confirmed, commands).yes is False
    script = asked()
    assert only(Confirmed, script.play(AsrFailed(script.at, script.state.turn, "gone"))).yes is False
    script = asked()
    began = script.time
    commands = script.wait()
    assert script.time - began <= ANSWER_S
    assert only(Confirmed, commands).yes is False
    assert has(StopListening, commands)
    assert isinstance(script.state.activity, Thinking)


def test_a_final_that_does_not_come_is_no_consent():
    script = asked()
    script.play(Endpoint(script.at, script.state.turn, script.time, "silence"))
    assert only(Confirmed, script.wait()).yes is False


def test_it_is_answered_once():
    script = asked()
    turn = script.state.turn
    script.play(Final(script.at, turn, "no"))
    assert not has(Confirmed, script.play(Final(script.at, turn, "yes")))


def test_a_second_call_is_a_second_question():
    script = asked()
    turn = script.state.turn
    script.play(Final(script.at, turn, "yes"))
    assert has(Speak, script.play(due(script, "c2", turn - 1)))
    script.play(SpeechDone(script.at, turn, QUESTION))
    commands = script.play(Final(script.at, turn + 1, "yes"))
    assert only(Confirmed, commands) == Confirmed(turn - 1, "c2", yes=True)


def test_words_that_came_before_are_said_before():
    script = thinking()
    turn = script.state.turn
    script.play(ReplyDelta(script.at, turn, "I can do that."))
    speak = only(Speak, script.play(due(script)))
    assert speak.last
    script.play(SpeechDone(script.at, turn, f"I can do that. {QUESTION}"))
    assert isinstance(script.state.activity, Listening)


def test_nobody_is_asked_who_cannot_answer():
    """Typed from elsewhere, a microphone that is off or away."""
    script = Script()
    script.request(AskRequest("unlock the front door"))
    assert only(Confirmed, script.play(due(script))).yes is False
    script = thinking()
    script.play(Health(script.at, "mic", "failed", "unplugged"))
    assert only(Confirmed, script.play(due(script))).yes is False
    script = thinking()
    script.play(due(script, "c1"))
    assert only(Confirmed, script.play(due(script, "c2"))) == Confirmed(script.state.turn, "c2", yes=False)


@pytest.mark.parametrize("end", ["wake", "stop", "mute"])
@pytest.mark.parametrize("when", ["speaking", "listening", "deciding"])
def test_whoever_interrupts_gives_up_the_call(end, when):
    script = thinking()
    script.play(due(script))
    if when != "speaking":
        script.play(SpeechDone(script.at, script.state.turn, QUESTION))
    if when == "deciding":
        script.play(Endpoint(script.at, script.state.turn, script.time, "silence"))
    turn = script.state.turn
    if end == "wake":
        commands = script.wake()
    else:
        commands = script.request(StopRequest() if end == "stop" else MuteRequest(on=True))
    assert only(CancelLlm, commands).turn == turn
    assert has(Hush, commands) is (when == "speaking")
    assert not has(Confirmed, script.commands)
    assert script.state.talk.question == "" or end == "stop" or end == "mute"
    later = script.play(Final(script.at, turn, "yes"))
    assert not has(Confirmed, later)


def test_a_question_that_was_not_heard_is_not_answered():
    script = thinking()
    script.play(due(script))
    commands = script.play(SpeechFailed(script.at, script.state.turn, "no speaker"))
    assert only(CancelLlm, commands).turn == script.state.turn
    assert only(ShowEvent, commands).data["code"] == "speech_failed"
    assert isinstance(script.state.activity, Idle)
    script = thinking()
    script.play(due(script))
    commands = script.play(SpeechDone(script.at, script.state.turn, "Shall I", cut=True))
    assert only(TurnEnded, commands).outcome == "interrupted"
    assert has(CancelLlm, commands)


def test_a_speaker_that_hangs_ends_it():
    script = thinking()
    script.play(due(script))
    commands = script.wait()
    assert has(CancelLlm, commands)
    assert isinstance(script.state.activity, Idle)


def test_the_sender_of_a_command_is_answered_when_all_is_done():
    script = Script()
    script.request(ListenRequest(), "7")
    script.hear("unlock the front door")
    turn = script.state.turn
    script.play(due(script))
    assert not has(Answer, script.play(SpeechDone(script.at, turn, QUESTION)))
    script.play(Final(script.at, turn + 1, "no"))
    script.play(ReplyDelta(script.at, turn, "All right."))
    script.play(ReplyDone(script.at, turn))
    answer = only(Answer, script.play(SpeechDone(script.at, turn + 1, "All right.")))
    assert (answer.id, answer.ok) == ("7", True)


def test_a_model_that_fails_meanwhile():
    """While the question is spoken or answered it has nothing to say; after that it is a failure like any other."""
    script = asked()
    turn = script.state.turn
    script.play(LlmFailed(script.at, turn - 1, "timeout"))
    assert isinstance(script.state.activity, Listening)
    script.play(Final(script.at, turn, "yes"))
    script.play(LlmFailed(script.at, turn - 1, "timeout"))
    assert isinstance(script.state.activity, Speaking)
    assert script.state.activity.outcome == "failed"


def test_each_call_is_shown_and_the_sound_comes_again():
    script = thinking()
    turn = script.state.turn
    assert only(Earcon, script.tick()).name == "thinking"
    event = only(ShowEvent, script.play(ToolUsed(script.at, turn, "HassTurnOn", "home", "done", 812)))
    assert (event.type, dict(event.data)) == (
        "tool",
        {"name": "HassTurnOn", "server": "home", "decision": "done", "ms": 812},
    )
    assert only(Earcon, script.tick()).name == "thinking"
    assert not script.play(ToolUsed(script.at, turn - 1, "HassTurnOn", "home", "done", 812))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Yes."), ("en-GB", "yeah, sure"), ("en", "um okay do it please"), ("en", "go ahead"),
        ("de", "Ja, bitte."), ("de", "mach das"), ("de-AT", "ja ja"), ("ko", "네"),
        ("ko", "네, 해 주세요."), ("fr", "yes"),
    ],
)  # fmt: skip
def test_a_yes(language, text):
    assert agrees(language, text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "no"), ("en", "please"), ("en", "yes no"), ("en", "yesterday"), ("en", "okay stop"),
        ("en", "ja"), ("en", ""),
        ("de", "nein"), ("de", "ja oder nein"), ("de", "nee, ja nicht"), ("ko", "아니요"),
        ("ko", "네 아니요"), ("fr", "oui"),
    ],
)  # fmt: skip
def test_no_yes(language, text):
    assert not agrees(language, text)
