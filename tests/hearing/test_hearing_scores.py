"""The book of wake scores: what is counted, what is told, what is kept."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hearing_helpers import Notes, Tape, among
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.pcm import PERIOD, RATE_HZ
from agent.config import Config, Mic
from agent.hearing import scores
from agent.hearing.ear import Ear
from agent.hearing.scores import BINS, FLOOR, Histogram, Ledger, bin_of, edge
from agent.hearing.wake import Detection, Score
from agent.lab.visitor import say, voice

HOP = 8 * PERIOD
DAY = "2026-11-25"


class Book:
    """A ledger for one word with a threshold of 0.5, fed hop by hop; `stored`: all documents it wanted to keep."""

    def __init__(self, stored: dict[str, Any] | None = None, config: Config | None = None) -> None:
        self.kept: list[dict[str, Any]] = []
        self.ledger = Ledger(config or Config(), stored or {}, self.kept.append, lambda: DAY)
        self.ledger.begin({"hey": 0.5})
        self.position = 0

    @property
    def histogram(self) -> Histogram:
        return self.ledger.words["hey"]

    def hear(self, *values: float, wake: bool = False) -> None:
        for value in values:
            self.position += HOP
            score = Score("hey", value, self.position)
            self.ledger.scored([score], [Detection("hey", value, self.position)] if wake else [])
            self.ledger.heard(HOP, self.position)

    def silence(self, seconds: float) -> None:
        """The gate is closed: no scores."""
        samples = round(seconds * RATE_HZ)
        self.position += samples
        self.ledger.heard(samples, self.position)


def peaks(counts: list[float]) -> dict[int, float]:
    return {at: count for at, count in enumerate(counts) if count}


def test_an_excursion_is_one_peak() -> None:
    book = Book()
    book.hear(0.001, 0.03, 0.2, 0.01, 0.1, 0.001)
    assert not peaks(book.histogram.passed)
    book.silence(1.0)
    assert peaks(book.histogram.passed) == {bin_of(0.2): 1}
    book.hear(0.3)
    book.silence(1.0)
    assert peaks(book.histogram.passed) == {bin_of(0.2): 1, bin_of(0.3): 1}
    assert book.histogram.heard_s == pytest.approx(2 + 7 * 0.08)


def test_what_woke_is_counted_apart_and_its_echo_not_at_all() -> None:
    book = Book()
    book.hear(0.1, 0.4)
    book.hear(0.6, wake=True)
    book.hear(0.9, 0.01)
    book.silence(0.6)
    book.hear(0.4)  # within a second of the wake
    book.silence(1.0)
    assert peaks(book.histogram.woke) == {bin_of(0.9): 1}
    assert not peaks(book.histogram.passed)
    book.hear(0.4)
    book.silence(1.0)
    assert peaks(book.histogram.passed) == {bin_of(0.4): 1}


def test_near_misses_are_told_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "agent.hearing")
    book = Book()
    for value in (0.29, 0.31, 0.45, 0.45):
        book.hear(value)
        book.silence(1.0)
    assert [record.__dict__["code"] for record in caplog.records] == ["wake.near"]
    assert caplog.messages == ['"hey" was nearly heard: its score rose to 0.31, the threshold is 0.50']
    book.silence(60)
    book.hear(0.42)
    book.silence(1.0)
    assert len(caplog.records) == 2


def test_kept_every_ten_minutes_of_sound_and_read_again() -> None:
    book = Book()
    book.hear(0.3)
    for _ in range(1199):
        book.silence(1.0)
    assert len(book.kept) == 1
    document = json.loads(json.dumps(book.kept[-1]))
    assert len(json.dumps(document)) < 500
    later = Book(document)
    assert peaks(later.histogram.passed) == {bin_of(0.3): 1}
    assert later.histogram.heard_s == pytest.approx(600, abs=1)
    assert later.histogram.since == DAY
    later.ledger.save()
    assert not later.kept


def test_another_gain_begins_anew_another_threshold_does_not() -> None:
    book = Book()
    book.hear(0.3)
    book.silence(1.0)
    book.ledger.save()
    louder = Config().audio.model_copy(update={"mic": Mic(gain_db=6)})
    assert Book(book.kept[-1], Config(audio=louder)).histogram.heard_s == 0
    again = Ledger(Config(), book.kept[-1], book.kept.append, lambda: DAY)
    again.begin({"hey": 0.4})
    assert (again.words["hey"].threshold, again.words["hey"].heard_s) == (0.4, 1)


def test_old_counts_fade() -> None:
    histogram = Histogram("", DAY, 0.5, scores.MEMORY_S + 2, [8.0] * BINS, [4.0] * BINS)
    histogram.age()
    assert (histogram.heard_s, histogram.passed[0], histogram.woke[0]) == (scores.MEMORY_S / 2 + 1, 4, 2)


@pytest.mark.parametrize("value", [FLOOR, 0.05, 0.3, 0.5, 0.97, 0.9999, 1.0])
def test_bins_hold_their_scores(value: float) -> None:
    assert edge(bin_of(value)) <= value + 1e-9
    assert bin_of(value) == BINS - 1 or value < edge(bin_of(value) + 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["version", "words", "hey", "threshold", "heard_s", "passed", "woke", "setting", "since"]), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_whatever_the_file_holds_is_no_trouble(found: Any) -> None:
    for histogram in scores.read(found if isinstance(found, dict) else {"version": 1, "words": found}).values():
        assert len(histogram.passed) == len(histogram.woke) == BINS


@pytest.mark.room
def test_the_ear_keeps_the_book() -> None:
    """Two words said: one wakes the agent, the other is another word; all sound is heard time."""
    slt = voice("flite slt")
    sound = among(say("hey jarvis", slt).samples, 10, 1.5, 2.0)
    tape = Tape(sound)
    kept: list[dict[str, Any]] = []
    ledger = Ledger(Config(), {}, kept.append, lambda: DAY)
    ear = Ear(Config(), tape, Notes(), lambda event: None, tape.clock, lambda reason: None, ledger)
    ear.start()
    tape.played()
    ear.stop()
    histogram = scores.read(kept[-1])["hey_jarvis"]
    assert histogram.heard_s == pytest.approx(len(sound) / RATE_HZ, abs=1)
    assert sum(histogram.woke) == 1
    assert max(peaks(histogram.woke)) >= bin_of(0.9)
    assert sum(histogram.passed) <= 1
