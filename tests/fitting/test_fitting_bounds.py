"""Bounds against what the literature has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fitting.bounds import at_least, at_most


@pytest.mark.parametrize(("seen", "bound"), [(0, 2.996), (1, 4.744), (5, 10.513), (10, 16.962), (100, 118.08)])
def test_poisson(seen: int, bound: float) -> None:
    """Half the 95 % quantile of chi square with 2(n + 1) degrees of freedom."""
    assert at_most(seen) == pytest.approx(bound, rel=1e-3)


@pytest.mark.parametrize(("successes", "trials", "bound"), [(10, 10, 0.741), (9, 10, 0.606), (3, 3, 0.368), (0, 5, 0)])
def test_binomial(successes: int, trials: int, bound: float) -> None:
    assert at_least(successes, trials) == pytest.approx(bound, abs=1e-3)


@given(st.integers(0, 300), st.integers(1, 40), st.integers(0, 40))
def test_bounds_bound(seen: int, trials: int, successes: int) -> None:
    assert at_most(seen) > seen
    successes = min(successes, trials)
    assert 0 <= at_least(successes, trials) <= successes / trials
