"""The course of a turn, as lists of events."""

from __future__ import annotations

import pytest
from scripts import Script, has, only

from agent.commands import (
    AskLlm,
    CancelLlm,
    Earcon,
    Exchange,
    Hush,
    SetMute,
    SetVolume,
    ShowEvent,
    ShowHealth,
    ShowReply,
    ShowState,
    ShowTranscript,
    Speak,
    StartListening,
    StopListening,
    TurnEnded,
)
from agent.dialogue.state import Idle, PartHealth, State
from agent.events import (
    DeadlinePassed,
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
    Wake,
)
from agent.requests import Intent


def phases(script: Script) -> list[str]:
    return [command.phase for command in script.commands if isinstance(command, ShowState)]


def test_a_local_question_is_answered_without_the_llm() -> None:
    script = Script()
    assert only(StartListening, script.wake()) == StartListening(1, since=script.time)
    commands = script.hear("What time is it?", Intent("time"))
    assert only(Speak, commands) == Speak(1, "It's 3:45 PM.", last=True)
    assert not has(AskLlm, script.commands)
    ended = script.play(SpeechDone(script.at, 1, "It's 3:45 PM."))
    assert only(TurnEnded, ended) == TurnEnded(1, "answered", "What time is it?", "It's 3:45 PM.")
    assert phases(script) == ["listening", "thinking", "speaking", "idle"]


def test_a_reply_is_spoken_while_it_is_written() -> None:
    script = Script()
    script.wake()
    assert only(AskLlm, script.hear("tell me a fact")) == AskLlm(1, "tell me a fact")
    assert script.play(ReplyDelta(script.at, 1, "Penguins "))[0] == Speak(1, "Penguins ")
    assert script.play(ReplyDelta(script.at, 1, "swim.")) == [Speak(1, "swim.")]
    assert script.play(ReplyDone(script.at, 1)) == [Speak(1, "", last=True)]
    ended = script.play(SpeechDone(script.at, 1, "Penguins swim."))
    assert only(ShowReply, ended) == ShowReply(1, "Penguins swim.", "Penguins swim.")
    script.wake()
    again = only(AskLlm, script.hear("and more"))
    assert again.history == (Exchange("tell me a fact", "Penguins swim."),)


def test_an_old_conversation_is_forgotten() -> None:
    script = Script()
    script.wake()
    script.hear("tell me a fact")
    script.play(ReplyDelta(script.at, 1, "Fact."))
    script.play(ReplyDone(script.at, 1))
    script.play(SpeechDone(script.at, 1, "Fact."))
    script.time += 301
    script.wake()
    assert only(AskLlm, script.hear("and more")).history == ()


def test_the_chime_waits_for_silence() -> None:
    script = Script()
    assert not has(Earcon, script.wake())
    assert script.wait() == [Earcon(1, "wake")]


def test_whoever_speaks_on_at_once_hears_no_chime() -> None:
    script = Script()
    script.wake()
    script.time += 0.1
    script.play(SpeechStarted(script.at, 1, script.time))
    script.time += 0.5
    assert script.play(DeadlinePassed(script.at)) == []


def test_nothing_said_ends_the_turn_with_a_soft_sound() -> None:
    script = Script()
    script.wake()
    commands = script.play(Endpoint(script.at, 1, script.time, "no_speech"))
    assert only(TurnEnded, commands).outcome == "silence"
    assert only(Earcon, commands) == Earcon(1, "done")
    assert isinstance(script.state.activity, Idle)


def test_an_empty_transcript_asks_nobody() -> None:
    script = Script()
    script.wake()
    commands = script.hear("  ")
    assert only(TurnEnded, commands).outcome == "silence"
    assert not has(AskLlm, script.commands)


def test_the_wake_word_interrupts_and_what_was_heard_is_known() -> None:
    script = Script()
    script.wake()
    script.hear("tell me a story")
    script.play(ReplyDelta(script.at, 1, "Once upon a time. There was"))
    commands = script.wake()
    assert only(Hush, commands) == Hush(1)
    assert only(CancelLlm, commands) == CancelLlm(1)
    assert only(StartListening, commands).turn == 2
    assert [c.type for c in commands if isinstance(c, ShowEvent)] == ["wake", "bargein"]
    assert script.play(ReplyDelta(script.at, 1, " a king")) == []
    closed = script.play(SpeechDone(script.at, 1, "Once upon a time.", cut=True))
    assert only(ShowReply, closed).heard == "Once upon a time."
    assert only(TurnEnded, closed).outcome == "interrupted"
    assert only(AskLlm, script.hear("go on")).history == (Exchange("tell me a story", "Once upon a time."),)


def test_a_mouth_that_never_tells_what_was_heard_does_not_keep_the_turn_open() -> None:
    script = Script()
    script.wake()
    script.hear("tell me a story")
    script.play(ReplyDelta(script.at, 1, "Once"))
    script.wake()
    script.wait()  # the chime
    ended = only(TurnEnded, script.wait())
    assert (ended.turn, ended.outcome) == (1, "interrupted")


def test_a_wake_while_listening_starts_over() -> None:
    script = Script()
    script.wake()
    commands = script.wake()
    assert only(StopListening, commands) == StopListening(1)
    assert only(StartListening, commands).turn == 2
    assert script.play(Final(script.at, 1, "late")) == []


def test_a_wake_word_from_the_past_is_ignored() -> None:
    script = Script()
    assert script.play(Wake(script.at, "hey_jarvis", 0.9, script.time - 1.5)) == []


@pytest.mark.parametrize("code", ["none_configured", "unreachable", "auth", "timeout", "never seen before"])
def test_a_failing_llm_is_never_silence(code: str) -> None:
    script = Script()
    script.wake()
    script.hear("tell me a fact")
    commands = script.play(LlmFailed(script.at, 1, code, "why"))
    assert only(Earcon, commands).name == "error"
    spoken = only(Speak, commands)
    assert len(spoken.text) > 20
    assert spoken.last
    ended = script.play(SpeechDone(script.at, 1, spoken.text))
    assert only(TurnEnded, ended).outcome == "failed"


def test_an_answer_cut_off_says_so_and_keeps_what_came() -> None:
    script = Script()
    script.wake()
    script.hear("tell me a fact")
    script.play(ReplyDelta(script.at, 1, "Penguins swim."))
    spoken = only(Speak, script.play(LlmFailed(script.at, 1, "cut_off")))
    assert "broke off" in spoken.text
    assert spoken.last
    ended = script.play(SpeechDone(script.at, 1, "Penguins swim."))
    assert only(ShowReply, ended).text.startswith("Penguins swim.")


def test_a_slow_llm_is_covered_by_sounds_until_it_is_given_up() -> None:
    script = Script()
    script.wake()
    script.hear("tell me a fact")
    began, sounds = script.time, 0
    while (commands := script.tick()) == [Earcon(1, "thinking")]:
        sounds += 1
    assert sounds >= (script.time - began) / 2.0
    assert only(Speak, commands).last
    assert only(CancelLlm, commands) == CancelLlm(1)


def test_speech_that_fails_ends_the_turn_and_keeps_the_text() -> None:
    script = Script()
    script.wake()
    script.hear("What time is it?", Intent("time"))
    commands = script.play(SpeechFailed(script.at, 1, "no speaker", heard="It's"))
    assert only(ShowReply, commands) == ShowReply(1, "It's 3:45 PM.", heard="It's")
    assert only(TurnEnded, commands).outcome == "failed"


def test_repeat_says_the_last_reply_again() -> None:
    script = Script()
    script.wake()
    assert "haven't" in only(Speak, script.hear("repeat that", Intent("repeat"))).text
    script.play(SpeechDone(script.at, 1, "x"))
    script.wake()
    script.hear("What time is it?", Intent("time"))
    script.play(SpeechDone(script.at, 2, "It's 3:45 PM."))
    script.wake()
    assert only(Speak, script.hear("repeat that", Intent("repeat"))).text == "It's 3:45 PM."


@pytest.mark.parametrize(
    ("intent", "percent"),
    [
        (Intent("volume_set", {"percent": 30}), 30),
        (Intent("volume_up"), 80),
        (Intent("volume_down"), 60),
        (Intent("volume_set", {"percent": 900}), 100),
    ],
)
def test_volume_by_voice(intent: Intent, percent: int) -> None:
    script = Script()
    script.wake()
    commands = script.hear("volume", intent)
    assert only(SetVolume, commands) == SetVolume(percent)
    assert str(percent) in only(Speak, commands).text


def test_stop_by_voice_speaks_no_more() -> None:
    script = Script()
    script.wake()
    commands = script.hear("stop", Intent("stop"))
    assert not has(Speak, script.commands)
    assert only(TurnEnded, commands).outcome == "answered"


def test_mute_by_voice_closes_the_gate() -> None:
    script = Script()
    script.wake()
    assert only(SetMute, script.hear("mute the microphone", Intent("mute"))) == SetMute(True)
    assert script.wake() == []


def test_partials_are_shown_while_one_speaks() -> None:
    script = Script()
    script.wake()
    assert script.play(Partial(script.at, 1, "tell me")) == [ShowTranscript(1, "tell me", final=False)]


def test_health_is_shown_when_it_changes_only() -> None:
    script = Script()
    first = script.play(Health(script.at, "mic", "failed", "unplugged"))
    assert only(ShowHealth, first).reason == "unplugged"
    assert script.play(Health(script.at, "mic", "failed", "unplugged")) == []


def test_a_microphone_lost_while_listening_is_told() -> None:
    script = Script()
    script.wake()
    commands = script.play(Health(script.at, "mic", "failed", "unplugged"))
    assert "microphone" in only(Speak, commands).text
    assert not has(Hush, commands), "the sentence itself would be hushed"


def test_a_turn_before_the_recogniser_is_loaded_waits_with_a_sound() -> None:
    loading = PartHealth("loading", "", Script().at.wall)
    script = Script(State(health={"asr": loading}))
    commands = script.wake()
    assert only(Earcon, commands).name == "thinking"
