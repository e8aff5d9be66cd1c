"""What of a reply has been heard, and which sound is kept."""

from __future__ import annotations

import pytest

from agent.speaking.cache import CACHE_BYTES, CACHED_CLAUSE_BYTES, Cache
from agent.speaking.reply import Reply


def reply(text: str, language: str = "en") -> Reply:
    """Every clause sounds for one second."""
    made = Reply(1, language)
    made.write(text, last=True)
    while made.waiting:
        made.sounded(made.waiting.popleft(), 1.0)
    return made


@pytest.mark.parametrize(
    ("seconds", "heard"),
    [
        (0.0, ""),
        (0.4, "One"),
        (0.99, "One two"),
        (1.0, "One two three."),
        (1.5, "One two three. Four five"),
        (2.0, "One two three. Four five six seven."),
        (9.0, "One two three. Four five six seven. Eight."),
    ],
)
def test_heard_so_far(seconds: float, heard: str) -> None:
    assert reply("One two three. **Four** five six seven. 😀 Eight.").heard(seconds) == heard


def test_heard_where_words_are_not_spaced() -> None:
    assert reply("你好。今天天气很好。", "zh").heard(1.5) == "你好。今天天"
    assert reply("你好。今天天气很好。", "zh").heard(2.0) == "你好。今天天气很好。"


def test_deltas_become_clauses_while_they_come() -> None:
    made = Reply(1, "en")
    made.write("Sure, I ", last=False)
    assert list(made.waiting) == ["Sure,"]
    made.write("can", last=False)
    assert not made.complete
    made.write("", last=True)
    assert list(made.waiting) == ["Sure,", "I can"]
    assert made.complete
    assert made.seconds == 0.0


def test_the_cache_is_bounded_and_forgets_what_is_not_used() -> None:
    cache = Cache()
    for number in range(100):
        cache.put(0, str(number), 22_050, bytes(CACHED_CLAUSE_BYTES // 2))
        assert cache.get(0, "0") == (22_050, bytes(CACHED_CLAUSE_BYTES // 2))
    assert cache.size == sum(len(pcm) for _, pcm in cache.clauses.values()) <= CACHE_BYTES
    assert cache.get(0, "99")
    assert cache.get(1, "99") is None  # in another voice it sounds otherwise
    assert cache.get(0, "1") is None
    cache.put(0, "long", 22_050, bytes(CACHED_CLAUSE_BYTES + 2))
    cache.put(0, "empty", 22_050, b"")
    assert cache.get(0, "long") is None
    assert cache.get(0, "empty") is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("<think>So the user wants", []),
        ("Well. <think>So", ["Well."]),
        ('Sure. {"name": "get", ', ["Sure."]),
        ("Penguins swim in the", ["Penguins swim in the"]),
        ("word " * 500, None),
    ],
)
def test_our_own_words_are_hidden_by_nothing_that_was_left_open(written: str, said: list[str] | None) -> None:
    made = Reply(1, "en")
    made.write(written, last=False)
    made.write(" Sorry, the answer broke off there.", last=True, afresh=True)
    assert " ".join(made.waiting).endswith("Sorry, the answer broke off there.")
    if said is not None:
        assert list(made.waiting)[: len(said)] == said
