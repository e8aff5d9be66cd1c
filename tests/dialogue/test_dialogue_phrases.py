"""What the agent says by itself, in every language it knows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.dialogue.phrases import phrase, spoken_date, spoken_time

MOMENT = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "time"),
    [("en", "3:45 PM"), ("en-GB", "15:45"), ("de", "15:45"), ("ko", "오후 3:45"), ("tlh", "3:45 PM")],
)
def test_the_time_as_people_of_the_language_say_it(language: str, time: str) -> None:
    assert spoken_time(language, MOMENT) == time


def test_the_date_names_day_and_month() -> None:
    assert spoken_date("en", MOMENT) == "Monday, November 23, 2026"
    assert spoken_date("de", MOMENT) == "Montag, 23. November 2026"


@pytest.mark.parametrize("language", ["en", "de", "ko", "fr"])
def test_an_unknown_failure_is_a_sentence_too(language: str) -> None:
    assert len(phrase(language, "no such key")) > 5
