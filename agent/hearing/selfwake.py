"""The agent's own speech, scored before it is played: where it would wake the agent, the ear is on its guard.

Rules:
- Whatever is handed to the speaker is scored by a wake engine of its own, in order, in a thread with low priority. That
  is 20 to 60 times as fast as speech, and begins when the sound is handed over; so the score is there long before the
  word is, and nothing waits for it. Sound that is not scored yet guards nothing: a machine that is too busy to score
  may wake itself, but is never deaf for it.
- A score counts from a share of the word's threshold on (`SHARE`): a room may raise it.
- A window reaches from `BEFORE_S` before the score to `AFTER_S` after it: engines decide a little earlier or later, and
  the echo comes late and takes its time.
- Times are those of the turn's sound; what the speaker reports maps them to the clock. What was dropped guards nothing.

`OwnWords` is pure; `SelfWake` adds the thread.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import soxr

from agent.audio.pcm import RATE_HZ, Samples
from agent.events import Turn
from agent.hearing.wake import Score, WakeEngine

SHARE = 0.2
BEFORE_S, AFTER_S = 0.35, 0.7
TURNS = 4
QUEUE = 4096
SLICE_S = 0.5
NICE = 10


@dataclass(slots=True)
class _Turn:
    """Seconds of the turn's sound: how much there is, and where it would wake us.

    `anchor`: so many seconds had been heard at that monotonic moment.
    """

    said_s: float = 0.0
    windows: list[tuple[float, float]] = field(default_factory=list)
    anchor: tuple[float, float] | None = None


class OwnWords:
    """What is known of the newest turns."""

    def __init__(self) -> None:
        self._turns: dict[Turn, _Turn] = {}
        self._over: Turn = -1

    def wanted(self, turn: Turn) -> bool:
        return turn > self._over

    def said(self, turn: Turn, seconds: float) -> None:
        if self.wanted(turn):
            self._turns.setdefault(turn, _Turn()).said_s += seconds
            while len(self._turns) > TURNS:
                del self._turns[min(self._turns)]

    def scored(self, turn: Turn, high: list[float]) -> None:
        """`high`: where a newly scored part would wake us."""
        if (known := self._turns.get(turn)) is not None:
            known.windows += [(each - BEFORE_S, each + AFTER_S) for each in high]

    def sounded(self, turn: Turn, seconds: float, at: float) -> None:
        if (known := self._turns.get(turn)) is not None:
            known.anchor = seconds, at

    def over(self, turn: Turn, at: float) -> None:
        """What has been heard dies away still; nothing else follows."""
        self._over = max(self._over, turn)
        for each in [each for each in self._turns if each <= turn]:
            known = self._turns[each]
            if known.anchor is None:
                del self._turns[each]
                continue
            heard = known.anchor[0] + at - known.anchor[1]
            known.said_s = min(known.said_s, heard)
            known.windows = [window for window in known.windows if window[0] < heard]

    def guarded(self, at: float) -> bool:
        return any(_guarded(known, at) for known in self._turns.values())


def _guarded(known: _Turn, at: float) -> bool:
    if known.anchor is None:
        return False
    seconds = known.anchor[0] + at - known.anchor[1]
    if seconds > known.said_s + AFTER_S:
        return False
    return any(start <= seconds <= end for start, end in known.windows)


class SelfWake:
    """Told by the player's threads, asked by the ear's; scores in its own."""

    def __init__(self, now: Callable[[], float], on_fatal: Callable[[str], None]) -> None:
        self._now = now  # monotonic seconds
        self._on_fatal = on_fatal
        self._queue: queue.Queue[tuple[Turn, Samples, int] | None] = queue.Queue(QUEUE)
        self._lock = threading.Lock()  # guards the two below
        self._words = OwnWords()
        self._engine: WakeEngine | None = None
        self._thread: threading.Thread | None = None

    def use(self, engine: WakeEngine) -> None:
        """Score with this one from now on; it belongs to this object's thread."""
        with self._lock:
            self._engine = engine

    def start(self) -> None:
        """Start the thread. Idempotent."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="selfwake", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Joins the thread. Idempotent."""
        if self._thread and self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def said(self, turn: Turn, pcm: Samples, rate_hz: int) -> None:
        """Sound that follows what the turn has to say so far."""
        with self._lock:
            self._words.said(turn, len(pcm) / rate_hz)
        step = round(SLICE_S * rate_hz)
        try:
            for at in range(0, len(pcm), step):
                self._queue.put_nowait((turn, pcm[at : at + step], rate_hz))
        except queue.Full:
            self._on_fatal(f"own speech is not scored any more: {QUEUE} pieces wait")

    def sounded(self, turn: Turn, seconds: float, at: float) -> None:
        with self._lock:
            self._words.sounded(turn, seconds, at)

    def over(self, turn: Turn) -> None:
        with self._lock:
            self._words.over(turn, self._now())

    def guarded(self, at: float) -> bool:
        """Whether a wake word that ended at `at` (monotonic seconds) may be the agent's own."""
        with self._lock:
            return self._words.guarded(at)

    # The thread's own.

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        stopped = False
        scorer: Scorer | None = None
        try:
            while (item := self._queue.get()) is not None:
                scorer = self._score(scorer, *item)
            stopped = True
        finally:
            if not stopped:
                self._on_fatal("the thread that scores own speech died")

    def _score(self, scorer: Scorer | None, turn: Turn, pcm: Samples, rate_hz: int) -> Scorer | None:
        with self._lock:
            engine, wanted = self._engine, self._words.wanted(turn)
        if engine is None or not wanted:
            return scorer
        if scorer is None or (scorer.turn, scorer.rate_hz, scorer.engine) != (turn, rate_hz, engine):
            scorer = Scorer(turn, rate_hz, engine, scorer.seconds if scorer and scorer.turn == turn else 0.0)
        high = scorer.feed(pcm)
        with self._lock:
            self._words.scored(turn, high)
        return scorer


class Scorer:
    """One turn's sound -> the places where it would wake us, in seconds."""

    def __init__(self, turn: Turn, rate_hz: int, engine: WakeEngine, start_s: float = 0.0) -> None:
        self.turn, self.rate_hz, self.engine = turn, rate_hz, engine
        self.seconds = self._start_s = start_s
        self._resampler = soxr.ResampleStream(rate_hz, RATE_HZ, 1, "float32", "LQ") if rate_hz != RATE_HZ else None
        self._fed = 0
        engine.reset()

    def feed(self, pcm: Samples) -> list[float]:
        self.seconds += len(pcm) / self.rate_hz
        sound = pcm
        if self._resampler is not None:
            floats = self._resampler.resample_chunk(pcm.astype(np.float32))
            sound = np.clip(np.rint(floats), -32768, 32767).astype(np.int16)
        scores = self.engine.feed(sound, self._fed)
        self._fed += len(sound)
        return [self._start_s + score.position / RATE_HZ for score in scores if self._high(score)]

    def _high(self, score: Score) -> bool:
        return score.value >= SHARE * self.engine.thresholds[score.word]
