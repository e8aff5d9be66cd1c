"""Where clauses end, and how early that is known."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speaking.clauses import LONGEST, Clauses


def cut(*texts: str, language: str = "en") -> list[str]:
    clauses = Clauses(language)
    return [clause for text in texts for clause in clauses.feed(text)] + clauses.flush()


@pytest.mark.parametrize(
    ("language", "text", "clauses"),
    [
        ("en", "Okay.", ["Okay."]),
        ("en", "Yes! No. Fine", ["Yes!", "No.", "Fine"]),
        ("en", "Sure, it is ten, or so.", ["Sure,", "it is ten, or so."]),
        (
            "en",
            "Penguins are flightless birds that live in the cold, mostly, of the southern hemisphere. They swim.",
            [
                "Penguins are flightless birds",
                "that live in the cold, mostly,",
                "of the southern hemisphere.",
                "They swim.",
            ],
        ),
        (
            "en",
            "The quick brown fox jumps over lazy dogs in the garden of my house",
            ["The quick brown fox jumps over lazy dogs in the garden", "of my house"],
        ),
        (
            "en",
            "It is 3:45 p.m. and 10,000 of 3.5 km, i.e. much",
            ["It is 3:45 p.m. and 10,000 of 3.5 km,", "i.e. much"],
        ),
        ("en", "Ask Dr. Smith. Or J. R. Ewing, e.g. now.", ["Ask Dr. Smith.", "Or J. R. Ewing, e.g. now."]),
        ("en", "See example.com. Then go", ["See example.com.", "Then go"]),
        ("en", 'He said "Stop." Then "Go!" (Why?) So.', ['He said "Stop."', 'Then "Go!', "(Why?", "So."]),
        ("en", "So - well – it was 10–20 people", ["So", "well – it was 10–20 people"]),
        ("en", "-5 degrees. A well-known fact—yes", ["-5 degrees.", "A well-known fact—yes"]),
        ("en", "Wait... what?! Yes", ["Wait...", "what?", "Yes"]),
        ("en", "Title\none\n1, Mix it, well", ["Title", "one", "1, Mix it, well"]),
        (
            "de",
            "Am 3. Mai, z.B. um 10. Das war 1999. Dann nicht.",
            ["Am 3. Mai,", "z.B. um 10. Das war 1999.", "Dann nicht."],
        ),
        (
            "zh",
            "企鹅是鸟，它们生活在南半球。“真的吗？”他问。是的！",
            ["企鹅是鸟，", "它们生活在南半球。", "“真的吗？", "他问。", "是的！"],
        ),
        ("ja", "はい、そうです。次は", ["はい、", "そうです。", "次は"]),
        ("en", "... !? - , ()", []),
        ("en", "", []),
    ],
)
def test_clauses(language: str, text: str, clauses: list[str]) -> None:
    assert cut(text, language=language) == clauses


@pytest.mark.parametrize(
    ("begun", "then"),
    [
        ("Okay,", ["Okay,"]),  # known at once
        ("Yes!", ["Yes!"]),
        ("好。", ["好。"]),
        ("Okay.", []),  # .com may follow
        ("Okay. ", ["Okay."]),
        ("It is 10,", []),  # 000 may follow
        ("It is 10, ", ["It is 10,"]),
        ("It is 3.", []),
        ("At 3:", []),
        ("Title\n", ["Title"]),
    ],
)
def test_a_clause_ends_as_soon_as_that_is_certain(begun: str, then: list[str]) -> None:
    assert Clauses().feed(begun) == then


def test_a_long_sentence_is_cut_at_its_commas_and_an_endless_one_somewhere() -> None:
    assert max(map(len, cut("and then he went to the market, " * 30))) < 150
    assert max(map(len, cut("word " * 500))) < 250
    assert max(map(len, cut("x" * 5000))) <= LONGEST
    assert max(map(len, cut("สวัสดี" * 500, language="th"))) <= LONGEST


PARTS = "I word e.g. Dr. 3.5 10,000 3:45 well-known end. stop! what? so, note: – — - ... (x) 你好。 中文， ok;"
WORDS = st.sampled_from([*PARTS.split(), "\n"])
TEXT = st.one_of(
    st.lists(WORDS, max_size=80).map(" ".join), st.text(max_size=300), st.text("ab1.,!? \n-", max_size=300)
)


@given(TEXT, st.data())
def test_the_slicing_does_not_matter(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    slices = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert cut(*slices) == cut(text)


@given(TEXT, st.sampled_from(["en", "de", "zh"]))
def test_nothing_is_lost_and_no_clause_is_empty_or_too_long(text: str, language: str) -> None:
    clauses = cut(text, language=language)
    assert [c for c in "".join(clauses) if c.isalnum()] == [c for c in text if c.isalnum()]
    for clause in clauses:
        assert any(map(str.isalnum, clause))
        assert 0 < len(clause) <= LONGEST
        assert "\n" not in clause


@given(st.lists(WORDS, max_size=60), st.sampled_from(["en", "de"]))
def test_numbers_words_and_abbreviations_stay_whole(words: list[str], language: str) -> None:
    whole = [word for word in words if word in ("e.g.", "Dr.", "3.5", "10,000", "3:45", "well-known", "word")]
    clauses = cut(" ".join(words), language=language)
    pattern = re.compile(r"(?<![\w.])(?:e\.g\.|Dr\.|3\.5|10,000|3:45|well-known|word)(?![\w])")
    assert [found for clause in clauses for found in pattern.findall(clause)] == whole


@given(st.lists(st.sampled_from(["e.g.", "Dr.", "Mr.", "etc."]), min_size=1, max_size=3))
def test_no_clause_ends_with_an_abbreviation_in_the_middle_of_the_text(words: list[str]) -> None:
    text = f"so {' '.join(words)} goes on"
    assert cut(text) == [text]
