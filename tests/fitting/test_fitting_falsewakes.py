"""The tail of the background: known rates are found again, and the bound holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fitting.falsewakes import FalseWakes, background, duration
from agent.hearing.scores import BINS, BOTTOM, Histogram, bin_of, log_odds, odds_score

DAY_S = 86_400.0


def recorded(days: float, per_day: float, decay: float, seed: int = 0, threshold: float = 0.5) -> Histogram:
    """Peaks that fall by exp(−decay) per unit of log-odds."""
    random = np.random.default_rng(seed)
    histogram = Histogram("", "2026-11-25", threshold, days * DAY_S)
    for odds in BOTTOM + random.exponential(1 / decay, random.poisson(per_day * days)):
        peak = odds_score(odds)
        (histogram.woke if peak >= threshold else histogram.passed)[bin_of(peak)] += 1
    return histogram


@pytest.mark.parametrize(("days", "per_day", "decay"), [(1, 200, 1.0), (7, 100, 1.5), (7, 500, 0.8), (20, 30, 1.0)])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.9])
def test_a_known_rate_is_found(days: float, per_day: float, decay: float, threshold: float) -> None:
    """A threshold on the edge of its bin costs nothing; another is judged by the whole bin, so never too low."""
    level = odds_score(BOTTOM + bin_of(threshold) * 0.25)
    truth = per_day * math.exp(-decay * (log_odds(level) - BOTTOM))
    found = [background(recorded(days, per_day, decay, seed)).at(threshold) for seed in range(60)]
    rates = [each.rate for each in found if each.rate is not None]
    assert len(rates) >= 57
    assert float(np.median(rates)) == pytest.approx(truth, rel=0.3)
    assert sum(each.bound >= truth for each in found) >= 53  # of 60, at 95 %: one test in a thousand has fewer


def test_few_hours_give_a_bound_and_no_rate() -> None:
    quiet = background(Histogram("", "", 0.5, 3.2 * 3600)).at(0.5)
    assert quiet.rate is None
    assert quiet.bound == pytest.approx(3.0 / (3.2 / 24), rel=0.01)
    assert quiet.sentence() == "at most one false wake in 1.1 h – only 3.2 h heard so far"
    noisy = background(recorded(0.2, 300, 1.0)).at(0.5)
    assert noisy.rate is None
    assert noisy.bound > quiet.bound


def test_a_tail_that_does_not_fall_is_not_extrapolated() -> None:
    flat = Histogram("", "", 0.5, 5 * DAY_S, [10.0] * bin_of(0.5) + [0.0] * (BINS - bin_of(0.5)))
    assert background(flat).at(0.9).rate is None


def test_no_promise_beyond_what_was_heard() -> None:
    steep = background(recorded(2, 200, 4.0)).at(0.9)
    assert steep.sentence() == "less than one false wake in 20 days, going by 2.0 days heard"


def test_sentences() -> None:
    assert FalseWakes(1 / 12, 1 / 3, 24 * 8.1).sentence() == (
        "about one false wake in 12 days (at least 3.0 days), going by 8.1 days heard"
    )
    assert "nothing yet" in background(Histogram("", "", 0.5)).at(0.5).sentence()
    assert [duration(days) for days in (0.001, 0.5, 1.9, 3.21, 400)] == [
        "1 min",
        "12.0 h",
        "45.6 h",
        "3.2 days",
        "400 days",
    ]


COUNTS = st.lists(st.integers(0, 400).map(float), min_size=BINS, max_size=BINS)


@given(COUNTS, st.floats(0.05, 0.95), st.floats(0.1, 100 * DAY_S), st.floats(0.1, 0.98), st.floats(0.0, 0.01))
def test_a_higher_threshold_never_wakes_more_often(
    passed: list[float], before: float, heard_s: float, threshold: float, more: float
) -> None:
    histogram = Histogram("", "", before, heard_s, passed)
    known = background(histogram)
    low, high = known.at(threshold), known.at(threshold + more)
    assert high.bound <= low.bound * 1.0001 or high.rate is not None
    assert low.sentence()
    if low.rate is not None:
        assert high.rate is not None
        assert 0 <= high.rate <= low.rate <= low.bound
