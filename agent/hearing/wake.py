"""Wake words: what an engine gives (scores), and when scores amount to a detection.

Rules:
- An engine is fed samples without gaps and answers with scores at positions; it knows nothing of thresholds.
- *Patience* is how long a word's scores have to stay at or above its threshold, *refractory time* how long after a
  detection no other follows; both count audio, so hops of 10 ms and of 80 ms mean the same. Refractory time holds for
  all words together: "jarvis" within "hey jarvis" is one wake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.audio.pcm import RATE_HZ, Samples


class WakeModelError(Exception):
    """A wake model is missing, damaged or of an unknown shape. str() names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Score:
    """How sure the engine is (0..1) that `word` ended by `position` (one past the last sample of the scoring hop)."""

    word: str
    value: float
    position: int


@dataclass(frozen=True, slots=True)
class Detection:
    """A wake word was said. `position`: one past the last sample of the hop that decided."""

    word: str
    score: float
    position: int


class WakeEngine(Protocol):
    """Owned by one thread. `thresholds`: for each word it listens for, what it takes."""

    @property
    def thresholds(self) -> Mapping[str, float]: ...

    def feed(self, pcm: Samples, position: int) -> list[Score]:
        """Scores in the order of time. `position` is that of the first sample; it follows the last one fed."""
        ...

    def reset(self) -> None:
        """Forget everything heard; the next samples come after silence and may have any position."""
        ...

    def twin(self) -> WakeEngine:
        """Another one on the same models, for other sound and another thread. Raises WakeModelError."""
        ...


class WakeDetector:
    """Incremental: scores -> detections."""

    def __init__(self, thresholds: Mapping[str, float], patience_ms: int = 0, refractory_ms: int = 1000) -> None:
        self._thresholds = thresholds
        self._patience = patience_ms * RATE_HZ // 1000
        self._refractory = refractory_ms * RATE_HZ // 1000
        self._since: dict[str, int] = {}  # word -> position of the first score of the run above its threshold
        self._deaf_until: int | None = None

    def feed(self, scores: list[Score]) -> list[Detection]:
        return [found for score in scores if (found := self._judge(score))]

    def reset(self) -> None:
        """The scores that follow have nothing to do with those before. Refractory time goes on."""
        self._since.clear()

    def _judge(self, score: Score) -> Detection | None:
        if score.value < self._thresholds[score.word]:
            self._since.pop(score.word, None)
            return None
        since = self._since.setdefault(score.word, score.position)
        if score.position - since < self._patience:
            return None
        if self._deaf_until is not None and score.position < self._deaf_until:
            return None
        self._deaf_until = score.position + self._refractory
        return Detection(score.word, score.value, score.position)
