"""The wake word's own end is no part of the command."""

import pytest

from agent.hearing.words import spoken, tails, wake_name, without_wake


@pytest.mark.parametrize(
    ("heard", "word", "kept"),
    [
        ("Hey Jarvis, what time is it?", "hey_jarvis", "What time is it?"),
        ("jarvis what time is it", "hey_jarvis", "what time is it"),
        ("jarvis's stop", "hey_jarvis", "stop"),
        ("Arvis, stop.", "hey_jarvis", "Stop."),
        ("vis turn it up", "hey_jarvis", "turn it up"),
        ("What time is it?", "hey_jarvis", "What time is it?"),
        ("Is it raining?", "hey_jarvis", "Is it raining?"),
        ("Ask jarvis something", "hey_jarvis", "Ask jarvis something"),
        ("Alexa, stop", "alexa", "Stop"),
        ("nabu wie spät ist es", "okay_nabu", "wie spät ist es"),
        ("지금 몇 시", "hey_jarvis", "지금 몇 시"),
        ("Jarvis", "hey_jarvis", ""),
        ("", "hey_jarvis", ""),
        ("what", "", "what"),
    ],
)
def test_without_wake(heard: str, word: str, kept: str) -> None:
    assert without_wake(heard, word) == kept


def test_names() -> None:
    assert wake_name("/models/hey_you_v0.1.onnx") == "hey_you"
    assert wake_name("okay_nabu.json") == wake_name("okay_nabu") == "okay_nabu"
    assert spoken("Hey-Jarvis 2") == ["hey", "jarvis", "2"]
    assert tails("hey_jarvis") == ["hey jarvis", "jarvis"]


def test_a_letter_set_apart_is_the_wake_words_end() -> None:
    assert without_wake("S. what's the date today?", "hey_jarvis") == "What's the date today?"
    assert without_wake("Is it raining?", "hey_jarvis") == "Is it raining?"
    assert without_wake("... what", "hey_jarvis") == "... what"
