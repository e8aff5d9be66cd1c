"""Attempts at the wake word: stretches of speech, each with its highest score, whether it woke the agent or not.

Rules:
- Scores come as in the daemon: voice gate, replay and engine are the same.
- An attempt is counted by the voice, so that a word that scored nothing counts as missed. It begins with the first
  cluster of voice and ends when none has come for `OVER_MS`; less than `LEAST_MS` of voice is a cough or a door.
- Longer than `LONGEST_MS` is no wake word but a talk: it is dropped.
- The sound of an attempt stays in memory, to be scored again with another gain, and goes nowhere else.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.config import WakeSection
from agent.fitting.levels import LevelMeter, Levels
from agent.hearing.framing import Framer
from agent.hearing.gate import CLUSTER, REPLAY_MS, WINDOW, Voice
from agent.hearing.preroll import SECONDS, Preroll
from agent.hearing.spotter import Spotter
from agent.hearing.wake import Detection, Score, WakeEngine

OVER_MS = 800
LEAST_MS = 200
LONGEST_MS = 1000 * SECONDS - OVER_MS - REPLAY_MS


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """`peak`: the highest score; `pcm`: the sound, with what the gate replays before it."""

    peak: float
    levels: Levels
    pcm: Samples


class Attempts:
    """Incremental: blocks -> attempts at one word; for one thread."""

    def __init__(self, engine: WakeEngine, config: WakeSection, word: str) -> None:
        self._word = word
        self._preroll = Preroll()
        self._spotter = Spotter(engine, config, self._preroll, self._scored)
        self._framer = Framer(PERIOD)
        self._meter = LevelMeter()  # since the end of the last attempt
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._since: int | None = None  # position at which the attempt began
        self._voice_at = 0  # position of the last cluster of voice
        self._scores: deque[Score] = deque()  # since the last attempt
        self.score = 0.0  # the newest, for a meter
        self.too_long = False  # the last stretch of speech was dropped for that

    @property
    def speaking_s(self) -> float:
        """How long somebody has been speaking now, without a pause; 0.0 where nobody is."""
        return 0.0 if self._since is None else (self._voice_at - self._since) / RATE_HZ

    @property
    def level_dbfs(self) -> float:
        return self._meter.now_dbfs

    def feed(self, block: Block) -> list[Attempt]:
        """Attempts that are over with this block."""
        if block.gap:
            self._preroll.clear()
            self._spotter.reset()
            self._framer.flush()
            self._since = None
        self._preroll.append(block)
        voice, _ = self._spotter.feed(block)
        if not voice.open:
            self.score = 0.0
        whole = self._framer.together(block.pcm, block.position)
        return self._follow(voice, whole.pcm)

    def _scored(self, scores: list[Score], _: list[Detection]) -> None:
        self._scores += [score for score in scores if score.word == self._word]
        if self._scores:
            self.score = self._scores[-1].value

    def _follow(self, voice: Voice, pcm: Samples) -> list[Attempt]:
        attempts = []
        self._meter.feed(pcm, voice.voiced)
        for at, voiced in enumerate(voice.voiced):
            self._recent.append(voiced)
            position = voice.position + (at + 1) * PERIOD
            if sum(self._recent) >= CLUSTER:
                self._voice_at = position
                if self._since is None:
                    self._since = position - WINDOW * PERIOD
            if self._since is not None and position - self._voice_at >= OVER_MS * RATE_HZ // 1000:
                attempts += self._end(self._since, position)
        return attempts

    def _end(self, since: int, position: int) -> list[Attempt]:
        meter, self._meter = self._meter, LevelMeter()
        self._since = None
        peak = self._peak(since, position)
        length_ms = (self._voice_at - since) * 1000 // RATE_HZ
        self.too_long = length_ms > LONGEST_MS
        if self.too_long or meter.speech_s * 1000 < LEAST_MS:
            return []
        pcm, _ = self._preroll.since(since - REPLAY_MS * RATE_HZ // 1000)
        return [Attempt(peak, meter.levels(), pcm[: position - since + REPLAY_MS * RATE_HZ // 1000])]

    def _peak(self, since: int, until: int) -> float:
        """The highest score of a stretch; scores up to its end are forgotten."""
        peak = 0.0
        while self._scores and self._scores[0].position <= until:
            score = self._scores.popleft()
            peak = max(peak, score.value if score.position > since else 0.0)
        return peak


def peak_with(attempt: Attempt, gain_db: float, engine: WakeEngine, word: str) -> float:
    """The score that the attempt would have had with `gain_db` more."""
    loud = np.clip(attempt.pcm * 10 ** (gain_db / 20), -32768, 32767).astype(np.int16)
    engine.reset()
    return max((score.value for score in engine.feed(loud, 0) if score.word == word), default=0.0)
