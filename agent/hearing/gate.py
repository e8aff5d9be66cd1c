"""The voice gate: is there voice, every 10 ms; and is it worth running the wake model now?

Theory:
- Two witnesses. WebRTC's detector (a likelihood ratio over the spectrum, with a noise model of its own that learns
  within half a second) knows noise, hum and fans at any level, but is undecided on digital silence and takes the first
  sound after it for noise. Energy over an adaptive noise floor knows silence, but not what a sound is. A period is
  *voiced* where both agree, or where it is louder than the floor by so much that the detector is not asked.
- The detector reports a running mean, `p += 0.1 * (now - p)` (WebRTC's modules/audio_processing/ns, speech probability
  estimator), which lags by 70 ms at both ends of speech. It is undone here, to get the `now`.
- Energy is that of the first difference of the samples: a DC offset vanishes, mains hum is 34 dB down, speech stays.
  The detector is less sure on an offset, so one that is not small is taken off before.
- The floor follows what the detector calls noise, down fast, up by at most 30 dB a second, and creeps up by 1 dB a
  second even in speech, so that no mistake lasts.
- Opening needs 3 voiced periods of 5 (a click has one or two); closing needs 1.5 s without such a cluster: an open gate
  costs a little CPU, a closed one may cost a wake word. Who opens the gate late still misses nothing as long as the
  preroll is replayed (`REPLAY_MS`).

Eight periods cost a few numpy calls, ufuncs only (wrappers written in Python cost more than the work when the caches
are cold), and eight calls of the detector: 60 µs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

import numpy as np
from numpy.typing import NDArray
from pywebrtc_audio import VoiceDetector

from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.hearing.framing import Framer

LIKELY = 0.5  # probability of voice
SMOOTHING = 0.1  # of the detector's running mean
MARGIN_DB = 2.5  # over the floor, where the detector says voice
LOUD_DB = 15.0  # over the floor, whatever the detector says
QUIET_DB = 6.0  # below this level (dB re 1 LSB², of the first difference) nothing is voice: dither has 1 dB
OFFSET = 64  # LSB: the least DC offset that is taken off
SLOW = 0.05  # of the offset: share of the way towards the mean of a period
CLUSTER, WINDOW = 3, 5  # periods
CLOSE_MS = 1500
REPLAY_MS = 480

FALL, RISE = 0.3, 0.05  # of the floor: shares of the way towards a new level, per period
RISE_DB, CREEP_DB = 0.3, 0.01  # at most per period


@dataclass(frozen=True, slots=True)
class Voice:
    """What a stretch of whole periods held. `position`: its first sample; `level_db`: of the first difference.

    `open`: the state of the gate after the last period.
    """

    position: int
    voiced: tuple[bool, ...]
    level_db: tuple[float, ...]
    open: bool

    @property
    def end(self) -> int:
        """Position one past the last sample."""
        return self.position + PERIOD * len(self.voiced)


class VoiceGate:
    """Incremental: samples in any slicing -> one `Voice` for the whole periods in them."""

    def __init__(self) -> None:
        self._detector = VoiceDetector(RATE_HZ, 1)
        self._framer = Framer(PERIOD)
        self._last = np.zeros(1, np.float32)  # the sample before the next period
        self._floor_db: float | None = None
        self._offset = 0.0  # LSB
        self._mean = 0.5  # the detector's, of the period before
        self._recent = 0  # voiced or not, one bit a period, newest lowest
        self._quiet = CLOSE_MS  # ms since the last cluster of voice
        self._end = 0

    @property
    def open(self) -> bool:
        return self._quiet < CLOSE_MS

    @property
    def floor_db(self) -> float | None:
        """The noise floor, dB re 1 LSB² of the first difference; None before the first period."""
        return self._floor_db

    def reset(self) -> None:
        """After a gap: forget what was heard. The floor stays, for the room is still the same."""
        self._framer.flush()
        self._detector.reset()
        self._recent, self._quiet, self._mean = 0, CLOSE_MS, 0.5

    def feed(self, pcm: Samples, position: int) -> Voice:
        """Judge the whole periods that `pcm` completes (perhaps none)."""
        whole = self._framer.together(pcm, position)
        if not len(whole.pcm):
            return Voice(position, (), (), self.open)
        if whole.position != self._end:
            self._last = whole.pcm[:1].astype(np.float32)
        self._end = whole.end
        levels = self._levels(whole.pcm)
        centred = self._centred(whole.pcm).reshape(-1, PERIOD)
        voiced = [self._judge(level, self._detector.process(row)) for level, row in zip(levels, centred, strict=True)]
        return Voice(whole.position, tuple(voiced), tuple(levels), self.open)

    def _centred(self, sound: Samples) -> Samples:
        share = SLOW * len(sound) / PERIOD
        self._offset += min(share, 1.0) * (float(np.add.reduce(sound, dtype=np.int64)) / len(sound) - self._offset)
        if abs(self._offset) < OFFSET:
            return sound
        return np.clip(sound.astype(np.int32) - round(self._offset), -32768, 32767).astype(np.int16)

    def _levels(self, pcm: Samples) -> list[float]:
        sound = np.concatenate((self._last, pcm), dtype=np.float32)
        self._last = sound[-1:]
        steps: NDArray[np.float32] = (sound[1:] - sound[:-1]).reshape(-1, PERIOD)
        energies: list[float] = np.add.reduce(steps * steps, axis=1).tolist()
        return [10 * log10(energy / PERIOD + 1e-3) for energy in energies]

    def _judge(self, level: float, mean: float) -> bool:
        now = (mean - (1 - SMOOTHING) * self._mean) / SMOOTHING
        self._mean = mean
        floor = level if self._floor_db is None else self._floor_db
        likely = now >= LIKELY and level >= QUIET_DB
        voiced = (likely and level >= floor + MARGIN_DB) or level >= max(floor + LOUD_DB, QUIET_DB)
        if level < floor:
            floor += FALL * (level - floor)
        else:
            floor += CREEP_DB if likely else min(RISE * (level - floor), RISE_DB)
        self._floor_db = floor
        self._recent = (self._recent << 1 | voiced) & ((1 << WINDOW) - 1)
        self._quiet = 0 if self._recent.bit_count() >= CLUSTER else min(self._quiet + 10, CLOSE_MS)
        return voiced
