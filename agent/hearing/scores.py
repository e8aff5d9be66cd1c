"""Recorded wake scores: how high the score rose while people lived their lives, so that a threshold can be judged.

Rules:
- Kept are counts, never sound, text or a time of day: per wake word a histogram of *peaks*, with the hours heard and
  the day on which it began. A few hundred bytes, written at most every `KEEP_S` of sound.
- A peak is the highest score of an *excursion* from `FLOOR` up. Scores belong to one excursion until none has come up
  for `APART_MS`, so that one word is one peak (runs declustering: Coles, "An Introduction to Statistical Modeling of
  Extreme Values", 2001, section 5.3.2).
- Peaks that woke the agent are counted apart: nobody knows which of them were meant. What rises again within a second
  after a wake belongs to it.
- Silence that the gate withheld from the engine is heard time; muted time is not.
- Bins are equally wide in log-odds ln(p / (1 − p)), where a score has room near 0 and near 1.
- Counts belong to a *setting* (engine, microphone, gain): with another one they begin anew. After `MEMORY_S` counts and
  time are halved, so that they follow the room and the seasons.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.audio.pcm import RATE_HZ
from agent.config import Config
from agent.hearing.wake import Detection, Score

FLOOR = 0.02
WIDTH = 0.25  # of a bin, in log-odds
BINS = 52  # the last one holds all above 0.9999
APART_MS = 500
BELONGS_MS = 1000
NEAR = 0.6  # of the threshold: from here on a peak is a near miss
TELL_S = 60.0  # of sound between two lines of the log on near misses of a word
KEEP_S = 600.0
MEMORY_S = 30 * 86_400.0
VERSION = 1

log = logging.getLogger(__name__)


def log_odds(score: float) -> float:
    inside = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(inside / (1 - inside))


def odds_score(odds: float) -> float:
    """The inverse of `log_odds`."""
    return 1 / (1 + math.exp(-odds))


BOTTOM = log_odds(FLOOR)


def bin_of(score: float) -> int:
    """The bin that a score of at least `FLOOR` falls into."""
    # A score on an edge, such as a threshold, belongs to the bin above it whatever rounding says.
    return min(max(int((log_odds(score) - BOTTOM) / WIDTH + 1e-9), 0), BINS - 1)


def edge(index: int) -> float:
    """The least score of a bin."""
    return odds_score(BOTTOM + index * WIDTH)


@dataclass(slots=True)
class Histogram:
    """Peaks of one word. `passed` did not wake the agent, `woke` did; `threshold`: the lowest that was in force."""

    setting: str
    since: str
    threshold: float
    heard_s: float = 0.0
    passed: list[float] = field(default_factory=lambda: [0.0] * BINS)
    woke: list[float] = field(default_factory=lambda: [0.0] * BINS)

    def age(self) -> None:
        """Let old counts matter less."""
        if self.heard_s > MEMORY_S:
            self.heard_s /= 2
            self.passed = [count / 2 for count in self.passed]
            self.woke = [count / 2 for count in self.woke]


def read(document: Mapping[str, Any]) -> dict[str, Histogram]:
    """The histograms by word in a stored document; what is not understood is left out."""
    words = document.get("words") if document.get("version") == VERSION else None
    if not isinstance(words, Mapping):
        return {}
    found = ((str(word), _histogram(entry)) for word, entry in words.items() if isinstance(entry, Mapping))
    return {word: histogram for word, histogram in found if histogram}


def _histogram(entry: Mapping[str, Any]) -> Histogram | None:
    try:
        threshold, heard_s = float(entry["threshold"]), float(entry["heard_s"])
        passed, woke = ([float(count) for count in entry[name]] for name in ("passed", "woke"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    sound = all(math.isfinite(number) and number >= 0 for number in (threshold, heard_s, *passed, *woke))
    if not sound or max(len(passed), len(woke)) > BINS:
        return None
    for counts in (passed, woke):
        counts += [0.0] * (BINS - len(counts))
    return Histogram(str(entry.get("setting")), str(entry.get("since")), threshold, heard_s, passed, woke)


def write(histograms: Mapping[str, Histogram]) -> dict[str, Any]:
    """The document that `read` reads."""
    words = {
        word: {
            "setting": each.setting,
            "since": each.since,
            "threshold": each.threshold,
            "heard_s": round(each.heard_s),
            "passed": _trimmed(each.passed),
            "woke": _trimmed(each.woke),
        }
        for word, each in histograms.items()
    }
    return {"version": VERSION, "words": words}


def _trimmed(counts: list[float]) -> list[float]:
    last = max((at for at, count in enumerate(counts, 1) if count), default=0)
    return [round(count, 3) for count in counts[:last]]


def setting(config: Config) -> str:
    """All that scores depend on, in short."""
    mic, wake = config.audio.mic, config.wake
    gate = "gated" if wake.gate else "ungated"
    return f"{wake.engine}, {wake.extra_phases} phases, {gate}, {mic.device}, {mic.channel}, {mic.gain_db:+g} dB"


@dataclass(slots=True)
class _Excursion:
    peak: float
    last: int  # position of the last score from FLOOR up
    woke: bool


class Ledger:
    """The book of peaks; for one thread. `keep` gets the document to store, `today` names the day ("2026-11-25")."""

    def __init__(
        self,
        config: Config,
        stored: Mapping[str, Any],
        keep: Callable[[dict[str, Any]], None],
        today: Callable[[], str],
    ) -> None:
        self._setting = setting(config)
        self._stored = read(stored)
        self._keep = keep
        self._today = today
        self._thresholds: Mapping[str, float] = {}
        self._words: dict[str, Histogram] = {}
        self._open: dict[str, _Excursion] = {}
        self._belongs_until: int | None = None  # position up to which what rises belongs to the last wake
        self._told: dict[str, float] = {}  # word -> seconds of sound at its last line in the log
        self._heard_s = 0.0
        self._kept_s = 0.0

    @property
    def words(self) -> Mapping[str, Histogram]:
        return self._words

    def begin(self, thresholds: Mapping[str, float]) -> None:
        """The engine is loaded and listens for these words."""
        self._thresholds = thresholds
        for word, threshold in thresholds.items():
            kept = self._stored.get(word)
            if kept is None or kept.setting != self._setting:
                kept = Histogram(self._setting, self._today(), threshold)
            kept.threshold = min(kept.threshold, threshold)
            self._words[word] = kept

    def scored(self, scores: list[Score], detections: list[Detection]) -> None:
        """What the engine and the detector said of a stretch of sound."""
        for score in scores:
            if score.value >= FLOOR:
                self._rise(score)
        for found in detections:
            self._belongs_until = found.position + BELONGS_MS * RATE_HZ // 1000
            for excursion in self._open.values():
                excursion.woke = True

    def heard(self, samples: int, end: int) -> None:
        """So much sound was taken in, up to this position."""
        self._heard_s += samples / RATE_HZ
        for histogram in self._words.values():
            histogram.heard_s += samples / RATE_HZ
        apart = APART_MS * RATE_HZ // 1000
        for word, excursion in list(self._open.items()):
            if not excursion.last <= end < excursion.last + apart:
                del self._open[word]
                self._count(word, excursion)
        if self._heard_s - self._kept_s >= KEEP_S:
            self.save()

    def save(self) -> None:
        """Hand the counts over to be stored, where anything was heard since the last time."""
        if self._heard_s > self._kept_s:
            self._kept_s = self._heard_s
            for histogram in self._words.values():
                histogram.age()
            self._keep(write(self._words))

    def finish(self) -> None:
        """The last sound has been heard: count what was still going on, and save."""
        for word, excursion in self._open.items():
            self._count(word, excursion)
        self._open.clear()
        self.save()

    def _rise(self, score: Score) -> None:
        excursion = self._open.get(score.word)
        if excursion is not None:
            excursion.peak = max(excursion.peak, score.value)
            excursion.last = score.position
        elif self._belongs_until is None or score.position > self._belongs_until:
            self._open[score.word] = _Excursion(score.value, score.position, woke=False)

    def _count(self, word: str, excursion: _Excursion) -> None:
        histogram = self._words[word]
        counts = histogram.woke if excursion.woke else histogram.passed
        counts[bin_of(excursion.peak)] += 1
        threshold = self._thresholds[word]
        if not excursion.woke and excursion.peak >= NEAR * threshold:
            self._tell(word, excursion.peak, threshold)

    def _tell(self, word: str, peak: float, threshold: float) -> None:
        if self._heard_s - self._told.get(word, -TELL_S) < TELL_S:
            return
        self._told[word] = self._heard_s
        name = word.replace("_", " ")
        text = '"%s" was nearly heard: its score rose to %.2f, the threshold is %.2f'
        log.info(text, name, peak, threshold, extra={"code": "wake.near"})
