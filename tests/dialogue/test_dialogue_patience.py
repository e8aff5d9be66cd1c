"""How long a silence is waited for, by what was said."""

from __future__ import annotations

from scripts import Script, has, only

from agent.commands import Command, SetPatience, ShowTranscript
from agent.events import Endpoint, Hint, Partial, SpeechStarted


def listening() -> Script:
    script = Script()
    script.wake()
    script.time += 0.5
    script.play(SpeechStarted(script.at, 1, script.time))
    return script


def say(script: Script, text: str, hint: Hint, heard_ms: int = 1000) -> list[Command]:
    script.time += 0.3
    return script.play(Partial(script.at, script.state.turn, text, heard_ms, hint))


def test_a_complete_command_needs_a_short_silence() -> None:
    assert only(SetPatience, say(listening(), "What time is it?", "complete", 900)) == SetPatience(1, 250, 900)


def test_hanging_words_get_a_long_one() -> None:
    assert only(SetPatience, say(listening(), "Set a timer for", "hanging", 900)) == SetPatience(1, 1000, 900)


def test_other_words_leave_it_as_configured() -> None:
    assert not has(SetPatience, say(listening(), "Tell me", "open"))


def test_what_goes_on_after_all_takes_the_short_silence_back() -> None:
    script = listening()
    say(script, "What time is it?", "complete", 900)
    assert only(SetPatience, say(script, "What time is it in Tokyo", "open", 1500)) == SetPatience(1, 700, 1500)
    assert not has(SetPatience, say(script, "What time is it in Tokyo now", "open", 1800))


def test_the_same_words_in_more_of_the_sound_are_told_to_the_ear_alone() -> None:
    script = listening()
    assert only(ShowTranscript, say(script, "What time is it?", "complete", 900)).text == "What time is it?"
    again = say(script, "What time is it?", "complete", 1200)
    assert again == [SetPatience(1, 250, 1200)]


def test_after_the_endpoint_nothing_is_told_any_more() -> None:
    script = listening()
    script.play(Endpoint(script.at, 1, script.time - 0.25, "silence"))
    assert not has(SetPatience, say(script, "What time is it?", "complete"))


def test_a_wake_word_begins_with_the_usual_silence() -> None:
    script = listening()
    say(script, "What time is it?", "complete")
    script.wake()
    assert not has(SetPatience, say(script, "Tell me", "open"))


def test_the_words_of_an_older_turn_change_nothing() -> None:
    script = listening()
    script.wake()
    assert script.play(Partial(script.at, 1, "What time is it?", 900, "complete")) == []
