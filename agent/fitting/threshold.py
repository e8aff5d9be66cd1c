"""Which threshold suits: low enough for the people of the house, high enough for what else is heard there.

Rules:
- `reach`: the highest threshold that nearly all attempts clear, with room for a softer voice: `ROOM` below the lowest
  of them in log-odds. Of ten attempts one may be an accident (a cough, a door), of fewer than ten none.
- `calm`: the lowest threshold with at most one false wake in `CALM_DAYS`, by the recorded scores.
- Between the two, what is configured stays, for every change is to have a reason. Where they contradict each other
  (`calm` above `reach`), hearing people goes first, down to `UNSEEN`, and what it costs is said.
- A few attempts of one voice say nothing about others: while too little is recorded, nothing is raised, and nothing
  lowered below `UNSEEN`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.fitting.bounds import at_least
from agent.fitting.falsewakes import Background, FalseWakes
from agent.hearing.scores import log_odds, odds_score

ROOM = 1.0  # log-odds
CALM_DAYS = 7.0
UNSEEN, LEAST, MOST = 0.3, 0.1, 0.95
STEP = 0.01
HOPELESS = 0.05  # attempts below were not recognised as the word at all


@dataclass(frozen=True, slots=True)
class Proposal:
    """`heard` of `attempts` clear the threshold; `reason` is one sentence on why it is as it is."""

    threshold: float
    heard: int
    attempts: int
    false_wakes: FalseWakes | None
    reason: str

    @property
    def recall_at_least(self) -> float:
        """The share of such attempts that is heard, with 95 % confidence."""
        return at_least(self.heard, self.attempts)


def propose(peaks: Sequence[float], current: float, background: Background | None) -> Proposal:
    """`peaks`: the score of each attempt, at least one; `current`: the threshold in force."""
    reach, calm = _reach(peaks), _calm(background)
    if reach is None:
        threshold, reason = current, "the word was not recognised at all: try from nearer, or another wake word"
    elif calm is None:
        threshold = min(current, max(reach, UNSEEN))
        reason = "lower, to hear you" if threshold < current else "it fits"
    elif calm <= reach:
        threshold = min(max(current, calm), reach)
        reason = _between(threshold, current)
    else:
        threshold = max(reach, min(calm, UNSEEN))
        reason = "as high as your own words allow; the background scores high here"
    threshold = round(min(max(threshold, LEAST), MOST), 2)
    if threshold < current and _heard(peaks, threshold) == _heard(peaks, current) < len(peaks):
        threshold, reason = current, "a lower one would hear no more of them: try from nearer, or another wake word"
    false_wakes = background.at(threshold) if background else None
    return Proposal(threshold, _heard(peaks, threshold), len(peaks), false_wakes, reason)


def _heard(peaks: Sequence[float], threshold: float) -> int:
    return sum(peak >= threshold for peak in peaks)


def _between(threshold: float, current: float) -> str:
    if threshold > current:
        return "higher, since the background scores high here; you are still heard"
    return (
        "low enough to hear you, and calm enough" if threshold < current else "it fits: you are heard, and it is calm"
    )


def _reach(peaks: Sequence[float]) -> float | None:
    """None where most attempts are hopeless."""
    sound = sorted(peak for peak in peaks if peak >= HOPELESS)
    if 2 * len(sound) < len(peaks):
        return None
    lowest = sound[len(peaks) // 10 if len(sound) == len(peaks) else 0]
    return odds_score(log_odds(lowest) - ROOM)


def _calm(background: Background | None) -> float | None:
    """None where too little was recorded to tell."""
    if background is None or background.tail is None:
        return None
    steps = (LEAST + STEP * count for count in range(round((MOST - LEAST) / STEP) + 1))
    return next((step for step in steps if (background.at(step).rate or 0.0) <= 1 / CALM_DAYS), MOST)
