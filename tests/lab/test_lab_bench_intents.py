"""The bench of local commands: what it measures is what it says."""

from __future__ import annotations

from agent.lab.bench import NAMES, intents
from agent.thinking.intents import Intents


class Quiet:
    """Progress that nobody looks at."""

    def __call__(self, text: str) -> None: ...


def test_its_sentences_are_what_they_count_as() -> None:
    plain = Intents("en")
    assert all(plain.match(text) for text in intents.HITS)
    assert not any(plain.match(text) for text in intents.MISSES)


def test_it_has_its_figures() -> None:
    assert "intents" in NAMES
    figures = intents.run(Quiet())  # type: ignore[arg-type]
    assert figures["actions"] == 1000
    assert {bar.key for bar in intents.BARS} <= figures.keys()
    assert 0 < figures["miss_p50_ms"] <= figures["miss_max_ms"]
