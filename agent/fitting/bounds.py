"""Bounds for small counts, exact, by bisection: what so few trials allow to be said."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

SURE = 0.95
STEPS = 60
MANY = 50


def bisect(falls_below: Callable[[float], bool], low: float, high: float) -> float:
    """Where between `low` (not yet) and `high` (already) a monotone condition becomes true."""
    for _ in range(STEPS):
        middle = (low + high) / 2
        if falls_below(middle):
            high = middle
        else:
            low = middle
    return high


def at_most(count: float, sure: float = SURE) -> float:
    """The upper bound of the mean of a Poisson variable that was seen to be `count` (Garwood 1936).

    For 0 it is 3.0, the rule of three (Hanley and Lippman-Hand, JAMA 249, 1983). Many are approximated through chi
    square (Wilson and Hilferty 1931), then right to a thousandth.
    """
    seen = math.ceil(count)
    if seen > MANY:
        ninth = 1 / (9 * (seen + 1))
        return (seen + 1) * (1 - ninth + NormalDist().inv_cdf(sure) * math.sqrt(ninth)) ** 3
    return bisect(lambda mean: _poisson(seen, mean) <= 1 - sure, 0.0, 2 * seen + 20.0)


def _poisson(seen: int, mean: float) -> float:
    """The probability of at most `seen` where `mean` is expected."""
    if mean <= 0:
        return 1.0
    logs = [count * math.log(mean) - mean - math.lgamma(count + 1) for count in range(seen + 1)]
    return math.fsum(math.exp(value) for value in logs)


def at_least(successes: int, trials: int, sure: float = SURE) -> float:
    """The lower bound of a probability after so many successes (Clopper and Pearson, Biometrika 26, 1934)."""
    if not successes:
        return 0.0
    return bisect(lambda chance: _binomial(successes, trials, chance) >= 1 - sure, 0.0, 1.0)


def _binomial(successes: int, trials: int, chance: float) -> float:
    """The probability of at least so many successes."""
    counts = range(successes, trials + 1)
    return math.fsum(math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in counts)
