"""How often a threshold would let the agent wake for nothing, from the recorded peaks of the wake score.

Theory:
- Background makes low peaks often and high ones rarely. In log-odds the tail is taken to fall exponentially, which is
  what the excess over a high level tends to for most distributions (peaks over threshold: Pickands, Annals of
  Statistics 3, 1975; Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001, chapter 4, shape 0).
- What reached the threshold in force woke the agent, and nobody knows whether it was meant to; so only peaks below are
  fitted, as the truncated distribution that they are. In bins of equal width that is a truncated geometric one, whose
  maximum likelihood is found where its mean is that of the counts; the variance of a bin's index is the information.
- The fit begins at the highest bin with `ENOUGH` peaks above it. Real words said too softly are among the peaks, which
  makes the estimate higher than the truth, never lower.
- Without `MIN_HOURS` or a falling tail only a bound is given: as many peaks as there were in the unit of log-odds below
  the level can lie above it at most, as long as the tail falls by e per unit or faster; of that count the 95 % bound of
  Poisson is taken (no peak at all: the rule of three).
- No estimate is better than `BEYOND` times the time that was heard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.fitting.bounds import at_most, bisect
from agent.hearing.scores import WIDTH, Histogram, bin_of

ENOUGH = 30
FEWEST = 10  # peaks for a fit
UNIT = round(1 / WIDTH)  # bins
LEAST_BINS = 2 * UNIT
MIN_HOURS = 24.0
BEYOND = 10.0
ONE_SIDED = 1.645  # standard deviations of 95 %
STEEPEST = 8.0  # decay per bin: far beyond what counts can tell from an empty tail


@dataclass(frozen=True, slots=True)
class FalseWakes:
    """Per day of 24 hours heard. `rate` is None where too little is known; `bound`: at most, with 95 % confidence."""

    rate: float | None
    bound: float
    heard_h: float

    def sentence(self) -> str:
        """For people."""
        heard = duration(self.heard_h / 24)
        if not self.heard_h:
            return "how often that wakes it for nothing is not known: the agent has recorded nothing yet"
        if self.rate is None:
            return f"at most one false wake in {duration(1 / self.bound)} – only {heard} heard so far"
        longest = BEYOND * self.heard_h / 24
        if self.rate * longest < 1:
            return f"less than one false wake in {duration(longest)}, going by {heard} heard"
        return (
            f"about one false wake in {duration(1 / self.rate)} "
            f"(at least {duration(1 / self.bound)}), going by {heard} heard"
        )


def duration(days: float) -> str:
    """ "40 min", "3.2 h", "12 days"."""
    hours = days * 24
    if hours < 1:
        return f"{max(1, round(hours * 60))} min"
    if hours < 48:
        return f"{hours:.1f} h"
    return f"{days:.1f} days" if days < 10 else f"{days:.0f} days"


@dataclass(frozen=True, slots=True)
class Tail:
    """Peaks from bin `start` on: `count` in `bins` of them, fewer by exp(−`decay`) from bin to bin."""

    start: int
    bins: int
    count: float
    decay: float

    def above(self, index: int) -> float:
        """How many peaks lie in bin `index` and above, if nothing cuts the tail off."""
        whole = self.count / -math.expm1(-self.decay * self.bins)
        return whole * math.exp(-self.decay * (index - self.start))

    def deviation(self, index: int) -> float:
        """The standard deviation of the logarithm of `above`: of the count and, through the decay, of the shape."""
        information = self.count * _variance(self.decay, self.bins)
        slope = self.bins / math.expm1(self.decay * self.bins) + (index - self.start)
        return math.sqrt(1 / self.count + slope * slope / information)


@dataclass(frozen=True, slots=True)
class Background:
    """A recorded histogram with its tail, for any threshold; `tail` is None where too little is known."""

    histogram: Histogram
    tail: Tail | None

    def at(self, threshold: float) -> FalseWakes:
        """What this threshold would mean where it was recorded."""
        hours = self.histogram.heard_s / 3600
        if not hours:
            return FalseWakes(None, math.inf, 0.0)
        days, index = hours / 24, bin_of(threshold)
        if self.tail is None:
            end = min(index, bin_of(self.histogram.threshold))
            near = sum(self.histogram.passed[max(0, end - UNIT) :])
            return FalseWakes(None, at_most(near) / days, hours)
        rate = self.tail.above(index) / days
        return FalseWakes(rate, rate * math.exp(ONE_SIDED * self.tail.deviation(index)), hours)


def background(histogram: Histogram) -> Background:
    enough = histogram.heard_s >= MIN_HOURS * 3600
    return Background(histogram, fit(histogram) if enough else None)


def fit(histogram: Histogram) -> Tail | None:
    """The tail below the lowest threshold that was in force; None where it does not fall or is too thin."""
    counts = histogram.passed[: bin_of(histogram.threshold)]
    enough = (start for start in range(len(counts) - LEAST_BINS, -1, -1) if sum(counts[start:]) >= ENOUGH)
    start = next(enough, 0)
    tail = counts[start:]
    total = sum(tail)
    if total < FEWEST or len(tail) < LEAST_BINS:
        return None
    mean = sum(index * count for index, count in enumerate(tail)) / total
    if mean >= (len(tail) - 1) / 2:
        return None
    decay = bisect(lambda decay: _mean(decay, len(tail)) <= mean, 1e-6, STEEPEST)
    return Tail(start, len(tail), total, decay)


def _mean(decay: float, bins: int) -> float:
    """Of the index, 0 … bins − 1, with weights exp(−decay · index)."""
    return 1 / math.expm1(decay) - bins / math.expm1(decay * bins)


def _variance(decay: float, bins: int) -> float:
    weights = [math.exp(-decay * index) for index in range(bins)]
    total = math.fsum(weights)
    mean = math.fsum(index * weight for index, weight in enumerate(weights)) / total
    return max(math.fsum((index - mean) ** 2 * weight for index, weight in enumerate(weights)) / total, 1e-6)
