"""What a language model writes and what of it is spoken."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.speaking.speakable import FORBIDDEN, LIMIT, Speakable


def spoken(*deltas: str) -> str:
    speakable = Speakable()
    pieces = [piece for delta in deltas for piece in speakable.feed(delta)] + speakable.flush()
    assert all(pieces)
    return "".join(pieces)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hello there.", "Hello there."),
        ("# Title\nHello **world**, this is *it*.", "Title\nHello world, this is it."),
        ("Title\n=====\nText\n\n---\n\nMore", "Title\nText\nMore"),
        ("- one\n- two\n  goes on\n\nPara **bold**ly\nwrapped", "one\ntwo goes on\nPara boldly wrapped"),
        ("1. Mix\n2. Bake at 200 °C", "1, Mix\n2, Bake at 200 °C"),
        ("1. 2 cups\n", "1, 2 cups"),
        ("2024 was good. 3.5 too.\n-5 degrees", "2024 was good. 3.5 too. -5 degrees"),
        ("42", "42"),
        ("- [ ] todo\n- [x] done", "todo\ndone"),
        ("> quoted\n> twice", "quoted twice"),
        ("| Name | Age |\n|---|:-:|\n| Bob | 5 |\nend", "Name, Age\nBob, 5\nend"),
        ("a | b\n--- | ---\nc | d", "a, b\nc, d"),
        ("```python\nprint(1)\n```\nDone", "print(1)\nDone"),
        ("```a``` b and `code_x`", "a b and code x"),
        ("see [the docs](http://x.y/z_(a)) or https://a.b/c?d=e. Or www.foo.de, ok", "see the docs or. Or, ok"),
        ("![a cat](cat.png) [ref][1] done[^1] here [12].", "a cat ref done here."),
        ("example.com/foo and example.com. Yes", "and example.com. Yes"),
        ("Stop! [Go](x)", "Stop! Go"),
        ("5 * 3 = 15, 5*3, snake_case and __init__", "5 × 3 = 15, 5×3, snake case and init"),
        ("AT&T &amp; &lt;think&gt; Co &", "AT&T & think Co &"),
        ("Hi 😀! 👨‍👩‍👧 and 1️⃣ flag 🇩🇪.", "Hi! and 1 flag."),
        ("Wait..... what?!!!", "Wait... what?!"),
        ("a\tb\x00c\x1b\u200bd\u2028e\ud800", "a bcd e"),
        ("می‌خواهم हिन्दी", "می‌خواهم हिन्दी"),
        ("你好，**世界**。", "你好，世界。"),
        ("<think>hm\n<think>x</think> y</think>\n\nOkay.", "Okay."),
        ("<thinking type='a'>abc", ""),
        ("Yes. <THINK\n>no</Think > So.", "Yes. So."),
        ("[THINK]no[/THINK]Yes [A] no", "Yes A no"),
        ("end </think> of it", "end of it"),
        ("a <b>bold</b> move<br/>x y <!-- a > b -->z", "a bold move x y z"),
        ("a <s>struck</s> out", "a struck out"),
        ("3 < 5, I <3 you, if a<b then c>d", "3 5, I 3 you, if a b then c d"),
        ('<speak version="1">Hello<break time="1s"/>there</speak>', "Hello there"),
        ('{"name": "get", "arguments": {"a": "}\\""}} Sure.', "Sure."),
        ('Sure. {"name": "get", ', "Sure."),
        ('<tool_call>{"name": 1}</tool_call>Ok', "Ok"),
        ("<function=get>x</function>Ok {a, b}", "Ok a, b"),
        ('functions.get_weather:0 {"a": 1} Yes.', "Yes."),
        ('get_weather(city="Paris (France)") Yes, item(s).', "Yes, item(s)."),
        ("the variable a_b and e.g. this (or that)", "the variable a b and e.g. this (or that)"),
        (r"\(\frac{1}{2} \times x^2\) is $x^{10}$, not $5 or 7$.", "1 / 2 × x² is x¹⁰, not $5 or 7$."),
        (r"$$\pi r^2$$ and \[a \leq b\], \*so\*", "pi r² and a ≤ b, *so*".replace("*", "")),
        ("\x1b[31mRed\x1b[0m", "Red"),
        ("", ""),
        ("😀🎉", ""),
        ("***", ""),
    ],
)
def test_written_and_said(written: str, said: str) -> None:
    assert spoken(written) == said
    assert spoken(*written) == said


ALPHABET = st.sampled_from(
    [*"ab1 .,!*_#`~|<>[](){}&;:/\\\"'-+=\n\t", "é", "中", "。", "😀", "\u200d", "\x00", "\ud83d"]
)
TAGS = "<think> </think> <thinking <b> <br/> <!-- --> <| |> [INST] [THINK] <tool_call> http:// www.a mailto:"
MARKS = '[a]( ) ![ ``` ~~~ --- | &amp; &#10; - 1. # > ** __ { {" "}'
FRAGMENT = st.sampled_from([*TAGS.split(), *MARKS.split(), "\n", "\n\n", " "])
TEXT = st.lists(st.one_of(ALPHABET, FRAGMENT, st.text(max_size=5)), max_size=60).map("".join)


@given(TEXT, st.data())
@example("<think", None)
def test_the_slicing_does_not_matter(text: str, data: st.DataObject | None) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8))) if data else []
    slices = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert spoken(*slices) == spoken(*text) == spoken(text)


@given(TEXT)
def test_no_forbidden_character_comes_out(text: str) -> None:
    said = spoken(text)
    assert not set(said) & FORBIDDEN
    assert "://" not in said
    assert said == said.strip()
    assert "  " not in said
    for char in said:
        assert char == "\n" or char in "\u200c\u200d" or unicodedata.category(char)[0] in "LMNPSZ"
        assert unicodedata.category(char) != "So" or char in "°№℃℉"


@given(TEXT, TEXT)
def test_a_thought_is_never_spoken(before: str, thought: str) -> None:
    """Whatever stands before it: the secret itself has to be gone. (An open quote of JSON hides even more.)"""
    assert "secret" not in spoken(before, "<think>", re.sub("</|>", "", thought), "secret", "</think>", "x")


@given(st.text(min_size=1))
def test_plain_letters_all_come_out(text: str) -> None:
    plain = re.sub(r"[^\w ]|_|\d", "", text)[:LIMIT]
    letters = "".join(char for char in plain if char.isalpha())
    assert "".join(char for char in spoken(plain) if char.isalpha()) == letters


@pytest.mark.parametrize("text", ["word " * 1000, "x" * 5000, "你" * 5000, "- a\n" * 3000])
def test_an_answer_is_capped(text: str) -> None:
    said = spoken(text)
    assert LIMIT - 50 < len(said) <= LIMIT
    assert not said.endswith("wor")


@pytest.mark.parametrize("unit", ["Hello. ", "<", "[", "-", "&", "<a", "{ ", "x", "*", "<think>", "`", "|", "\n", "😀"])
def test_a_megabyte_of_anything_ends(unit: str) -> None:
    assert len(spoken(unit * (100_000 // len(unit)))) <= LIMIT


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Nihao means, π."), ("zh-CN", "Nihao means 你好, π."), ("ru", "Nihao means Привет, π.")],
)
def test_letters_that_the_voice_does_not_know_are_dropped(language: str, said: str) -> None:
    speakable = Speakable(language=language)
    assert "".join([*speakable.feed("Nihao means 你好 Привет, π."), *speakable.flush()]) == said
