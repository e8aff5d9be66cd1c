"""Whoever goes on speaking after the endpoint: one utterance, of a new turn, and nothing of the old one is left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripts import Script, has, only

from agent.commands import (
    Answer,
    AskLlm,
    CancelLlm,
    Command,
    Hush,
    ListenOn,
    ShowState,
    ShowTranscript,
    Speak,
    StopListening,
    TurnEnded,
)
from agent.dialogue.rules import Rules
from agent.dialogue.state import Idle, Listening, State, Thinking
from agent.events import (
    Audible,
    Endpoint,
    Final,
    Instant,
    IntentCalled,
    LlmFailed,
    Partial,
    Paused,
    ReplyDelta,
    ReplyDone,
    SpeechDone,
    SpeechResumed,
    ToolUsed,
)
from agent.requests import AskRequest, Intent, ListenRequest


def asked(text: str = "tell me a story about") -> Script:
    script = Script()
    script.wake()
    assert has(AskLlm, script.hear(text))
    return script


def go_on(script: Script, turn: int | None = None) -> list[Command]:
    script.time += 0.3
    return script.play(SpeechResumed(script.at, script.state.turn if turn is None else turn, script.time - 0.1))


def test_a_question_that_goes_on_is_taken_back_and_listened_to() -> None:
    script = asked()
    commands = go_on(script)
    assert only(ListenOn, commands) == ListenOn(2, of=1)
    assert only(CancelLlm, commands) == CancelLlm(1)
    assert only(TurnEnded, commands) == TurnEnded(1, "continued", "tell me a story about", "", "")
    assert only(ShowState, commands) == ShowState("listening", 2)
    assert not has(StopListening, commands), "the ear goes on with what it has"
    assert not has(Speak, commands)


def test_the_whole_of_it_is_asked() -> None:
    script = asked()
    go_on(script)
    script.play(Partial(script.at, 2, "tell me a story about a dragon"))
    script.time += 1.0
    script.play(Endpoint(script.at, 2, script.time - 0.5, "silence"))
    commands = script.play(Final(script.at, 2, "tell me a story about a dragon"))
    assert only(ShowTranscript, commands).text == "tell me a story about a dragon"
    ask = only(AskLlm, commands)
    assert (ask.text, ask.history) == ("tell me a story about a dragon", ()), "what was taken back is no history"


def test_before_the_final_it_goes_on_too() -> None:
    script = Script()
    script.wake()
    script.play(Endpoint(script.at, 1, script.time - 0.5, "silence"))
    commands = go_on(script)
    assert only(ListenOn, commands) == ListenOn(2, of=1)
    assert not has(CancelLlm, commands)
    assert script.play(Final(script.at, 1, "tell me")) == [], "of the old turn"


def test_what_the_model_says_to_the_first_half_is_not_heard() -> None:
    script = asked()
    go_on(script)
    assert script.play(ReplyDelta(script.at, 1, "What about?")) == []
    assert script.play(ReplyDone(script.at, 1)) == []


def test_it_may_go_on_more_than_once() -> None:
    script = asked()
    for turn in (2, 3):
        assert only(ListenOn, go_on(script)) == ListenOn(turn, of=turn - 1)
        script.play(Endpoint(script.at, turn, script.time, "silence"))
        script.play(Final(script.at, turn, "tell me a story about a dragon and"))


def test_an_answer_that_nobody_has_heard_yet_is_taken_back() -> None:
    script = asked()
    script.play(ReplyDelta(script.at, 1, "Once "))
    commands = go_on(script)
    assert only(ListenOn, commands) == ListenOn(2, of=1)
    assert only(CancelLlm, commands) == CancelLlm(1)
    assert only(Hush, commands) == Hush(1)
    assert not has(TurnEnded, commands), "what was heard of it is still to be told"
    ended = only(TurnEnded, script.play(SpeechDone(script.at, 1, "", cut=True)))
    assert ended.outcome == "continued"
    assert script.state.history == ()


@pytest.mark.parametrize("paused", [False, True])
def test_once_the_answer_is_heard_it_does_not(paused: bool) -> None:
    """Also in its pauses: what sounds in them may be our own voice, dying away."""
    script = asked()
    script.play(ReplyDelta(script.at, 1, "Once "))
    script.play(Audible(script.at, 1, script.time))
    if paused:
        script.play(Paused(script.at, 1, script.time))
    script.play(ReplyDelta(script.at, 1, "upon a time."))
    assert go_on(script) == []


def test_a_failure_that_nobody_has_heard_yet_is_taken_back() -> None:
    script = asked()
    script.play(LlmFailed(script.at, 1, "unreachable"))
    assert only(ListenOn, go_on(script)) == ListenOn(2, of=1)


def test_what_is_done_where_the_model_cannot_stays_done() -> None:
    script = Script(State(rules=Rules(local_first=False)))
    script.wake()
    assert has(AskLlm, script.hear("what time is it", Intent("time")))
    script.play(LlmFailed(script.at, 1, "unreachable"))
    assert go_on(script) == []


def test_a_local_command_is_done_and_stays_so() -> None:
    script = Script()
    script.wake()
    script.hear("what time is it", Intent("time"))
    assert go_on(script) == []


@pytest.mark.parametrize("tool", ["used", "called"])
def test_a_model_that_has_done_something_is_not_taken_back(tool: str) -> None:
    script = asked("unlock the door please")
    if tool == "used":
        script.play(ToolUsed(script.at, 1, "unlock", "home", "done", 9))
    else:
        script.play(IntentCalled(script.at, 1, "call", Intent("timer_left")))
    assert go_on(script) == []
    assert isinstance(script.state.activity, Thinking)


def test_who_typed_says_nothing() -> None:
    script = Script()
    script.request(AskRequest("tell me a story"))
    assert go_on(script) == []


def test_an_older_turn_changes_nothing() -> None:
    script = asked()
    script.wake()
    assert go_on(script, turn=1) == []


def test_muted_nobody_is_listened_to() -> None:
    script = asked()
    script.state = replace(script.state, muted=True)
    assert go_on(script) == []


def test_who_sent_a_command_is_answered_when_all_is_done() -> None:
    script = Script()
    script.request(ListenRequest(), "mine")
    assert has(AskLlm, script.hear("tell me a story about"))
    assert not has(Answer, go_on(script))
    script.play(Endpoint(script.at, 2, script.time, "silence"))
    script.play(Final(script.at, 2, "tell me a story about a dragon"))
    script.play(ReplyDelta(script.at, 2, "Once."))
    script.play(ReplyDone(script.at, 2))
    answer = only(Answer, script.play(SpeechDone(script.at, 2, "Once.")))
    assert (answer.id, answer.ok) == ("mine", True)


def test_a_follow_up_stays_one() -> None:
    script = Script(State(rules=Rules(follow_up=4.0)))
    script.wake()
    script.hear("what time is it", Intent("time"))
    script.play(SpeechDone(script.at, 1, "It is four."))
    assert script.state.talk.follow_up == 1
    assert has(AskLlm, script.hear("and what about the"))
    assert has(ListenOn, go_on(script))
    assert script.state.talk.follow_up == 1


def test_nobody_says_anything_more_and_it_ends() -> None:
    script = asked()
    go_on(script)
    assert isinstance(script.state.activity, Listening)
    script.tick()
    assert not isinstance(script.state.activity, Listening)
    while not isinstance(script.state.activity, Idle):
        script.tick()  # which fails where nothing is waited for


def test_the_moment_of_the_silence_is_that_of_the_last_word() -> None:
    script = asked()
    go_on(script)
    assert script.state.silent_from is None, "somebody speaks"
    script.time += 1.0
    script.play(Endpoint(script.at, 2, script.time - 0.45, "silence"))
    assert script.state.silent_from == script.time - 0.45


def test_an_event_out_of_time_is_ignored() -> None:
    script = Script()
    assert script.play(SpeechResumed(Instant(script.time, script.at.wall), 0, 1.0)) == []
