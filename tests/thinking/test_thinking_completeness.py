"""Whether a sentence has ended, by its words."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Hint
from agent.requests import Intent
from agent.thinking.completeness import completeness

TIME, TIMER = Intent("time"), Intent("timer_set", {"seconds": 300})


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Set a timer for", "en"),
        ("Set a timer", "en"),
        ("set a timer for ten", "en"),
        ("Remind me to", "en"),
        ("Turn on the", "en"),
        ("Turn on", "en"),
        ("What is the capital of", "en"),
        ("How long", "en"),
        ("I would like, um,", "en"),
        ("Tell me about penguins and", "en"),
        ("Stelle einen Timer auf", "de"),
        ("Stelle einen Timer für", "de"),
        ("Schalte das Licht in der", "de"),
        ("Was ist die", "de"),
        ("Wie lange", "de"),
        ("거실에서", "ko"),
        ("거실 불을", "ko"),
    ],
)
def test_hanging(text: str, language: str) -> None:
    assert completeness(text, None, language) == "hanging"


@pytest.mark.parametrize(
    ("text", "intent", "language"),
    [
        ("What time is it?", TIME, "en"),
        ("Turn it up.", Intent("volume_up"), "en"),
        ("Set a timer for five minutes.", TIMER, "en"),
        ("Cancel the pasta timer.", Intent("timer_cancel", {"name": "pasta"}), "en"),
        ("Set the volume to 20 percent", Intent("volume_set", {"percent": 20}), "en-GB"),
        ("How far away is the moon?", None, "en"),
        ("Wie spät ist es", TIME, "de"),
        ("Wie weit ist der Mond entfernt?", None, "de"),
        ("지금 몇 시예요", TIME, "ko"),
        ("불 꺼 주세요", None, "ko"),
        ("quelle heure est-il", TIME, "fr"),
    ],
)
def test_complete(text: str, intent: Intent | None, language: str) -> None:
    assert completeness(text, intent, language) == "complete"


@pytest.mark.parametrize(
    ("text", "intent", "language"),
    [
        ("", None, "en"),
        ("...", None, "en"),
        ("Tell me more", None, "en"),
        ("Cancel", Intent("stop"), "en"),
        ("멈춰", Intent("stop"), "ko"),
        ("What is that?", None, "en"),
        ("Was ist das?", None, "de"),
        ("Set the volume to twenty", Intent("volume_set", {"percent": 20}), "en"),
        ("How long is left?", Intent("timer_left"), "en"),
        ("When does my alarm ring", Intent("alarm_left"), "en"),
        ("Wake me at 7 am", Intent("alarm_set", {"hour": 7, "minute": 0}), "en"),
        ("Wie lange noch", Intent("timer_left"), "de"),
        ("Set a timer for one hour", Intent("timer_set", {"seconds": 3600}), "en"),
        ("Remind me in ten minutes to call mum", Intent("timer_set", {"seconds": 600, "message": "call mum"}), "en"),
        ("Stelle die Lautstärke auf zwanzig", Intent("volume_set", {"percent": 20}), "de"),
        ("타이머", None, "ko"),
    ],
)
def test_open(text: str, intent: Intent | None, language: str) -> None:
    assert completeness(text, intent, language) == "open"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Tell me a joke", "en"),
        ("Tell me a joke please", "en"),
        ("Yet an alarm for half past seven", "en"),
        ("Where are you from?", "en"),
        ("I have never seen so many stars.", "en"),
        ("How far away is the moon", "en"),
        ("Erzähl mir einen Witz bitte", "de"),
        ("Wo ist mein Telefon", "de"),
        ("재미있는 이야기 하나 들려", "ko"),
        ("Raconte-moi une histoire drôle", "fr"),
    ],
)
def test_asking(text: str, language: str) -> None:
    assert completeness(text, None, language) == "asking"


@given(st.text(max_size=300), st.sampled_from(["en", "de", "ko", "fr", ""]), st.booleans())
def test_whatever_is_heard_has_an_answer(text: str, language: str, command: bool) -> None:
    assert completeness(text, TIME if command else None, language) in get_args(Hint)


@given(st.text(max_size=100))
def test_what_is_no_command_and_no_question_is_never_cut_short(text: str) -> None:
    assert completeness(text.replace("?", " "), None, "en") != "complete"


def test_who_wants_to_be_reminded_says_of_what() -> None:
    assert completeness("Remind me in ten minutes.", Intent("timer_set", {"seconds": 600}), "en") == "hanging"
    assert completeness("Erinnere mich in zehn Minuten", Intent("timer_set", {"seconds": 600}), "de") == "hanging"
