"""What the Moonshine engine hands to the library."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from agent.audio.pcm import RATE_HZ

pytest.importorskip("moonshine_voice", reason="no moonshine-voice; run: pip install voice-agent[moonshine]")

from agent.hearing.moonshine import BEFORE_MS, BEHIND_MS, MoonshineEngine

SPOKEN = np.full(RATE_HZ, 8000, np.int16)


class Library:
    """Understands nothing, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[np.ndarray] = []

    def transcribe_without_streaming(self, sound: list[float], rate_hz: int) -> SimpleNamespace:
        assert rate_hz == RATE_HZ
        self.given.append(np.array(sound))
        return SimpleNamespace(lines=[])


def decoded(word: str | None) -> list[np.ndarray]:
    library = Library()
    engine = MoonshineEngine(library, clock=lambda: 0.0)
    for _ in range(2):
        engine.begin(word, 90 if word else 0)
        engine.feed(SPOKEN)
        assert engine.heard == len(SPOKEN), "the quiet around it was not heard"
    return library.given


@pytest.mark.parametrize(("word", "before_ms"), [(None, BEFORE_MS), ("hey_jarvis", 0)])
def test_what_is_decoded_has_quiet_around_it_but_not_within_a_breath(word: str | None, before_ms: int) -> None:
    first, second = decoded(word)
    before, behind = (each * RATE_HZ // 1000 for each in (before_ms, BEHIND_MS))
    assert len(first) == before + len(SPOKEN) + behind
    assert np.all(first[before : before + len(SPOKEN)] == pytest.approx(8000 / 32768))
    around = np.concatenate((first[:before], first[before + len(SPOKEN) :]))
    assert 0 < np.abs(around).max() < 0.002
    assert np.array_equal(first, second), "a text changes only with what was said"
