"""Follow-up: when the agent listens on without the wake word, and when not. And barge-in where it is not wanted."""

from __future__ import annotations

import pytest
from scripts import Script, has, only

from agent.commands import (
    Answer,
    AskLlm,
    Command,
    Earcon,
    Hush,
    ShowEvent,
    ShowTranscript,
    Speak,
    StartListening,
    TurnEnded,
)
from agent.dialogue.rules import Rules
from agent.dialogue.state import Idle, PartHealth, State
from agent.events import (
    AsrFailed,
    Endpoint,
    Health,
    LlmFailed,
    Partial,
    Pressed,
    ReplyDelta,
    ReplyDone,
    SpeechDone,
    SpeechFailed,
    SpeechStarted,
)
from agent.requests import AskRequest, Intent, ListenRequest, SayRequest, StopRequest

ON = Rules(follow_up=4.0)
DEAF = Rules(barge_in=False)


def talk(**state: object) -> Script:
    return Script(State(rules=ON, **state))  # type: ignore[arg-type]


def asked(script: Script, intent: str = "time") -> Script:
    """Somebody has asked, and is being answered."""
    script.wake()
    script.hear("what time is it", Intent(intent))
    return script


def heard(script: Script, cut: bool = False) -> list[Command]:
    return script.play(SpeechDone(script.at, script.state.turn, "It's", cut=cut))


def no_word(script: Script) -> list[Command]:
    script.time += 4.0
    return script.play(Endpoint(script.at, script.state.turn, script.time - 4.0, "no_speech"))


def test_after_an_answer_it_listens_on_and_says_so_with_a_soft_sound() -> None:
    """The sound is the last of the reply: after it, when the ear is open, nothing is heard of the agent."""
    script = asked(talk())
    assert only(Speak, script.commands).invites
    commands = heard(script)
    assert only(TurnEnded, commands).outcome == "answered"
    assert only(StartListening, commands) == StartListening(2, since=None, first_word_ms=4000)
    assert not has(Earcon, commands)
    assert script.state.phase == "listening"


def test_it_does_not_listen_on_without_the_sound() -> None:
    script = talk()
    script.play(Health(script.at, "asr", "failed", "died"))
    asked(script)
    assert not only(Speak, script.commands).invites
    script.play(Health(script.at, "asr", "ok"))
    assert not has(StartListening, heard(script))


def test_not_before_all_of_the_answer_has_been_heard() -> None:
    script = talk()
    script.wake()
    script.hear("tell me a fact")
    script.play(ReplyDelta(script.at, 1, "Penguins swim."))
    done = script.play(ReplyDone(script.at, 1))
    assert only(Speak, done) == Speak(1, "", last=True, invites=True)
    assert not has(StartListening, done)
    assert has(StartListening, heard(script))


def test_the_next_question_belongs_to_the_conversation() -> None:
    script = talk()
    script.wake()
    script.hear("tell me a fact")
    script.play(ReplyDelta(script.at, 1, "Penguins swim."))
    script.play(ReplyDone(script.at, 1))
    script.play(SpeechDone(script.at, 1, "Penguins swim."))
    assert len(only(AskLlm, script.hear("how fast")).history) == 1


def test_silence_ends_it_without_a_sound_and_it_is_no_error() -> None:
    script = asked(talk())
    heard(script)
    commands = no_word(script)
    assert only(TurnEnded, commands).outcome == "silence"
    assert not has(Earcon, commands)
    assert not has(Speak, commands)
    assert not has(ShowEvent, commands)
    assert isinstance(script.state.activity, Idle)


def test_words_that_the_recogniser_makes_of_silence_are_not_shown() -> None:
    script = asked(talk())
    heard(script)
    assert script.play(Partial(script.at, 2, "You")) == []
    script.play(SpeechStarted(script.at, 2, script.time))
    assert only(ShowTranscript, script.play(Partial(script.at, 2, "What"))).text == "What"


def test_noise_ends_it_likewise() -> None:
    script = asked(talk())
    heard(script)
    commands = script.hear(" ")
    assert only(TurnEnded, commands).outcome == "silence"
    assert not has(Earcon, commands)
    assert not has(StartListening, commands)


def test_where_nobody_has_said_anything_nothing_that_fails_is_worth_a_sentence() -> None:
    for failure in ("asr", "mic", "time"):
        script = asked(talk())
        heard(script)
        match failure:
            case "asr":
                commands = script.play(AsrFailed(script.at, 2, "died"))
            case "mic":
                commands = script.play(Health(script.at, "mic", "failed", "unplugged"))
            case _:
                commands = script.wait()
        assert not has(Speak, commands), failure
        assert only(TurnEnded, commands).outcome == "silence"
        assert only(ShowEvent, commands).type == "error"


def test_who_has_begun_to_speak_is_told_of_a_failure() -> None:
    script = asked(talk())
    heard(script)
    script.play(SpeechStarted(script.at, 2, script.time))
    assert "recognition" in only(Speak, script.play(AsrFailed(script.at, 2, "died"))).text


def test_it_waits_longer_than_the_ear_does() -> None:
    """Else the dialogue would call an ear stuck that is only patient."""
    script = talk()
    script.state = State(rules=Rules(follow_up=30.0, listening_limit=20.0))
    heard(asked(script))
    began = script.time
    script.wait()
    assert script.time - began > 30.0 + 15.0


def test_off_means_off() -> None:
    assert not has(StartListening, heard(asked(Script())))


def test_not_after_an_announcement() -> None:
    script = talk()
    assert not only(Speak, script.request(SayRequest("Dinner!"))).invites
    assert not has(StartListening, heard(script))


def test_not_after_a_question_that_was_typed() -> None:
    script = talk()
    script.request(AskRequest("time", Intent("time")))
    assert not has(StartListening, heard(script))


def test_after_a_question_for_which_the_button_was_pressed() -> None:
    script = talk()
    script.play(Pressed(script.at, "listen"))
    script.hear("what time is it", Intent("time"))
    assert has(StartListening, heard(script))


def test_not_after_stop() -> None:
    script = talk()
    script.wake()
    assert not has(StartListening, script.hear("stop", Intent("stop")))
    asked(script)
    script.request(StopRequest())
    assert not has(StartListening, heard(script, cut=True))


def test_not_after_a_failure() -> None:
    script = talk()
    script.wake()
    script.hear("tell me a fact")
    assert not only(Speak, script.play(LlmFailed(script.at, 1, "unreachable"))).invites
    assert not has(StartListening, heard(script))
    asked(script)
    assert not has(StartListening, script.play(SpeechFailed(script.at, script.state.turn, "unplugged")))


def test_not_where_it_could_not_hear() -> None:
    assert not has(StartListening, heard(asked(talk(), "mute")))
    for part in ("mic", "asr"):
        script = talk()
        asked(script)
        script.play(Health(script.at, part, "failed", "gone"))
        assert not has(StartListening, heard(script)), part
    loading = PartHealth("loading", "", Script().at.wall)
    assert not has(StartListening, heard(asked(talk(health={"asr": loading}))))


def test_it_follows_a_follow_up_that_was_answered_but_not_for_ever() -> None:
    script = asked(talk())
    for _ in range(ON.follow_ups):
        assert has(StartListening, heard(script))
        script.hear("what time is it", Intent("time"))
    assert not has(StartListening, heard(script))
    assert has(StartListening, heard(asked(script))), "the wake word begins anew"


def test_announcements_wait_for_the_end_of_the_conversation() -> None:
    script = asked(talk())
    script.request(SayRequest("Dinner!"), id="d")
    assert not has(Speak, heard(script))
    assert only(Speak, no_word(script)).text == "Dinner!"
    assert only(Answer, heard(script)).id == "d"
    assert script.state.phase == "idle"


def test_an_alarm_does_not() -> None:
    script = asked(talk())
    heard(script)
    assert only(Speak, script.request(SayRequest("Fire!", "high"))).turn == 3


def test_the_wake_word_in_a_follow_up_begins_a_turn_of_its_own() -> None:
    script = asked(talk())
    heard(script)
    assert only(StartListening, script.wake()).first_word_ms is None
    assert has(Earcon, script.wait())


def test_without_barge_in_the_wake_word_does_not_interrupt_speech() -> None:
    script = Script(State(rules=DEAF))
    asked(script)
    assert script.wake() == []
    assert script.state.turn == 1
    heard(script)
    script.request(SayRequest("Dinner!"))
    assert script.wake() == []


@pytest.mark.parametrize("phase", ["idle", "listening", "transcribing", "thinking"])
def test_without_barge_in_it_still_wakes_where_nothing_is_said(phase: str) -> None:
    script = Script(State(rules=DEAF))
    if phase != "idle":
        script.wake()
    if phase == "transcribing":
        script.play(Endpoint(script.at, 1, script.time, "silence"))
    if phase == "thinking":
        script.hear("tell me a fact")
    assert has(StartListening, script.wake())


def test_without_barge_in_button_and_commands_end_speech_as_ever() -> None:
    script = Script(State(rules=DEAF))
    asked(script)
    assert has(Hush, script.play(Pressed(script.at, "listen")))
    asked(script)
    assert has(Hush, script.request(StopRequest()))
    asked(script)
    assert has(StartListening, script.request(ListenRequest()))
