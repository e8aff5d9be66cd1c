"""The hints of partial texts: what they cost the main thread."""

from __future__ import annotations

from agent.daemon.hinter import A_SECOND, RESERVED, Hinter
from agent.requests import Intent


class Matcher:
    """Knows the time, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, text: str, language: str) -> Intent | None:
        self.asked.append((text, language))
        return Intent("time") if text.startswith("What time is it") else None


def test_a_text_is_matched_once() -> None:
    match = Matcher()
    hinter = Hinter(match)
    assert [hinter.hint(at / 10, "What time is it?", "en") for at in range(5)] == ["complete"] * 5
    assert match.asked == [("What time is it?", "en")]


def test_the_words_alone_count_where_texts_come_too_fast() -> None:
    match = Matcher()
    hinter = Hinter(match)
    for at in range(A_SECOND):
        assert hinter.hint(at / 100, f"text {at}", "en") == "open"
    assert hinter.hint(0.5, "set a timer for", "en") == "hanging"
    assert hinter.hint(0.6, "What time is it", "en") == "open"
    assert len(match.asked) == A_SECOND
    assert hinter.hint(1.1, "What time is it", "en") == "complete", "the same text once more, when there is time"


def test_what_hangs_leaves_the_matcher_to_others() -> None:
    match = Matcher()
    hinter = Hinter(match)
    assert [hinter.hint(at / 100, f"Set a timer for {at} and", "en") for at in range(50)] == ["hanging"] * 50
    assert len(match.asked) == A_SECOND - RESERVED
    assert hinter.hint(0.6, "What time is it", "en") == "complete"


def test_a_second_later_it_is_matched_again() -> None:
    match = Matcher()
    hinter = Hinter(match)
    for at in range(A_SECOND):
        hinter.hint(at / 10, f"text {at}", "en")
    assert hinter.hint(1.01, "What time is it", "en") == "complete"


def test_another_language_is_another_text() -> None:
    match = Matcher()
    hinter = Hinter(match)
    hinter.hint(0.0, "stop", "en")
    hinter.hint(0.1, "stop", "de")
    assert match.asked == [("stop", "en"), ("stop", "de")]


def test_nothing_is_no_sentence() -> None:
    match = Matcher()
    assert Hinter(match).hint(0.0, "", "en") == "open"
    assert match.asked == []
