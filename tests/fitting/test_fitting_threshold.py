"""The proposal: between the people's scores and the background's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_fitting_falsewakes import recorded

from agent.fitting.falsewakes import Background, background
from agent.fitting.threshold import LEAST, MOST, UNSEEN, propose
from agent.hearing.scores import Histogram

CLEAR = [0.97, 0.99, 0.95, 0.98, 0.99, 0.9, 0.99, 0.97, 0.96, 0.99]
CALM = background(recorded(10, 20, 1.5))
LOUD = background(recorded(10, 400, 1.0))


def test_what_fits_stays() -> None:
    for known in (None, CALM):
        found = propose(CLEAR, 0.5, known)
        assert (found.threshold, found.heard, found.attempts) == (0.5, 10, 10)


def test_lower_for_a_voice_that_scores_low() -> None:
    found = propose([0.6, 0.7, 0.55, 0.8, 0.65], 0.5, None)
    assert UNSEEN <= found.threshold < 0.45
    assert found.heard == 5


def test_never_lower_than_that_unseen() -> None:
    assert propose([0.35, 0.2, 0.15], 0.5, None).threshold == UNSEEN


def test_not_lower_for_nothing() -> None:
    found = propose([0.99, 0.11, 0.99, 0.0, 0.98], 0.5, None)
    assert (found.threshold, found.heard) == (0.5, 3)
    assert "no more of them" in found.reason


def test_lower_where_the_background_allows_it() -> None:
    found = propose([0.4, 0.35, 0.5], 0.5, background(recorded(20, 20, 2.5)))
    assert found.threshold < UNSEEN
    assert found.heard == 3


def test_higher_in_a_room_that_wakes_it() -> None:
    assert (LOUD.at(0.5).rate or 0) > 1
    found = propose(CLEAR, 0.5, LOUD)
    assert found.threshold > 0.8
    assert found.heard >= 9
    assert found.false_wakes is not None


def test_not_higher_without_a_reason() -> None:
    assert propose([0.999] * 10, 0.5, background(Histogram("", "", 0.5, 7200))).threshold == 0.5


def test_hearing_people_goes_before_calm() -> None:
    found = propose([0.7] * 10, 0.5, LOUD)
    assert found.heard == 10
    assert "background" in found.reason


def test_one_accident_of_ten_is_forgiven() -> None:
    assert propose([*CLEAR[:9], 0.1], 0.5, None).threshold == 0.5
    assert propose([*CLEAR[:9], 0.01], 0.5, None).heard == 9


def test_another_word_altogether() -> None:
    found = propose([0.01, 0.02, 0.001], 0.5, None)
    assert (found.threshold, found.heard) == (0.5, 0)
    assert "not recognised" in found.reason


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
    st.floats(0.01, 0.99),
    st.sampled_from([None, CALM, LOUD]),
)
def test_always_a_threshold(peaks: list[float], current: float, known: Background | None) -> None:
    found = propose(peaks, current, known)
    assert found.threshold == current or LEAST <= found.threshold <= MOST
    assert 0 <= found.heard <= found.attempts == len(peaks)
    assert 0 <= found.recall_at_least <= 1


@pytest.mark.parametrize("known", [None, CALM, LOUD])
@given(peaks=st.lists(st.floats(0.06, 1), min_size=3, max_size=9), current=st.floats(0.3, 0.9))
def test_whoever_scores_is_heard(peaks: list[float], current: float, known: Background | None) -> None:
    """Fewer than ten attempts: all that clear what is never gone below are heard."""
    found = propose(peaks, current, known)
    assert all(peak >= found.threshold for peak in peaks if peak >= max(UNSEEN, LEAST) + 0.005)
