"""Complaints about the microphone's signal: they come, say what is wrong, and go."""

from __future__ import annotations

import numpy as np
import pytest

from agent.audio import mic
from agent.audio.line import Line, ParentGone
from agent.audio.mic import Settings, listen
from agent.audio.pcm import RATE_HZ, Samples
from agent.audio.soundness import XRUNS, XRUNS_WITHIN_S, Meter, Xruns
from agent.audio.source import Source

SPEECHLIKE = np.random.default_rng(3).normal(0, 2000, 11 * RATE_HZ).astype(np.int16)


def after(*sounds: Samples) -> list[str]:
    """What the meter complains of after each of these."""
    meter, complaints = Meter(), []
    for sound in sounds:
        for start in range(0, len(sound), RATE_HZ // 100):
            meter.feed(sound[start : start + RATE_HZ // 100])
        complaints.append(meter.complaint())
    return complaints


def test_an_offset_is_told_and_forgotten_when_it_is_gone() -> None:
    off, well = after(SPEECHLIKE + np.int16(2000), np.concatenate([SPEECHLIKE, SPEECHLIKE]))
    assert off.startswith("mic.dc: ")
    assert well == ""


def test_a_small_offset_is_nobodys_business() -> None:
    assert after(SPEECHLIKE + np.int16(1400), SPEECHLIKE - np.int16(1400)) == ["", ""]


def test_clipping_is_told_and_forgotten_when_it_is_gone() -> None:
    loud, well = after(
        np.where(np.arange(11 * RATE_HZ) % 40 < 20, 32_767, -32_768).astype(np.int16),
        np.concatenate([SPEECHLIKE, SPEECHLIKE]),
    )
    assert loud.startswith("mic.clip: ")
    assert well == ""


def test_overruns_are_told_when_they_are_many_and_forgotten_after_a_minute() -> None:
    xruns = Xruns()
    for second in range(XRUNS):
        xruns.add(100.0 + second)
    assert xruns.complaint(110.0) == ""
    xruns.add(111.0)
    assert xruns.complaint(111.0).startswith("mic.xrun: ")
    assert xruns.complaint(100.5 + XRUNS_WITHIN_S) == ""


class Impatient(Line):
    """A parent that has gone as soon as it was told that the child is worn."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, object]]] = []

    def tell(self, type: str, **fields: object) -> None:
        self.told.append((type, fields))

    def wait(self, source: Source | None, timeout_s: float) -> bool:
        if self.told[-1][0] == "worn":
            raise ParentGone
        return False


def test_a_child_that_fails_very_often_to_open_its_device_asks_to_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each failure costs it memory which only its end gives back."""
    monkeypatch.setattr(mic, "WORN", 4)
    monkeypatch.setattr(mic, "BACKOFF_S", (0.001,))
    line = Impatient()
    with pytest.raises(ParentGone):
        listen(Settings("hw:CARD=Absent", None, None, None, 500, realtime=False), line)
    assert [kind for kind, _ in line.told] == ["device", "worn"]
    assert line.told[1][1] == {"failures": 4}
