"""Is the microphone's signal sound? Its level, zeros that no microphone gives, clipping, a constant offset; how often
sound was lost; and the health of a part."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.clock import Clock
from agent.events import Event, Health, Part, Status

ZERO = 30 * RATE_HZ
WINDOW = 10 * RATE_HZ
SLICE = RATE_HZ // 10
CLIP_SHARE = 0.01
DC_SHARE = 0.05  # of full scale
XRUNS, XRUNS_WITHIN_S = 10, 60.0
SILENCE_DBFS = -120.0


@dataclass(frozen=True, slots=True)
class Level:
    """Of the last second, in dB of full scale (0 is the loudest), SILENCE_DBFS where there is nothing."""

    peak_dbfs: float
    rms_dbfs: float


class Meter:
    """Samples -> level and complaints. Counts samples, not clocks. `level()` may be called from any thread."""

    def __init__(self) -> None:
        self._second: deque[tuple[int, int, float]] = deque()  # samples, peak, sum of squares
        self._rest: list[Samples] = []
        self._rest_samples = 0
        self._zeros = 0
        self._seen = 0
        self._clipped = 0
        self._sum = 0
        self._clipping = False
        self._offset = False

    def feed(self, pcm: Samples) -> None:
        """Looked at in slices of 0.1 s, so that neither short blocks cost much nor long ones make a long second."""
        self._rest.append(pcm)
        self._rest_samples += len(pcm)
        if self._rest_samples < SLICE:
            return
        waiting = self._rest[0] if len(self._rest) == 1 else np.concatenate(self._rest)
        whole = len(waiting) // SLICE * SLICE
        for start in range(0, whole, SLICE):
            self._feed(waiting[start : start + SLICE])
        self._rest = [waiting[whole:]]
        self._rest_samples = len(waiting) - whole

    def _feed(self, pcm: Samples) -> None:
        peak = max(int(pcm.max()), -int(pcm.min()))
        wide = pcm.astype(np.float32)
        self._second.append((len(pcm), peak, float(np.dot(wide, wide))))
        while sum(count for count, _, _ in self._second) - self._second[0][0] >= RATE_HZ:
            self._second.popleft()
        self._zeros = 0 if peak else self._zeros + len(pcm)
        self._seen += len(pcm)
        self._sum += int(pcm.sum(dtype=np.int64))
        if peak >= 32_767:
            self._clipped += int(np.count_nonzero((pcm == 32_767) | (pcm == -32_768)))
        if self._seen >= WINDOW:
            self._clipping = self._clipped > CLIP_SHARE * self._seen
            self._offset = abs(self._sum) > DC_SHARE * 32_768 * self._seen
            self._seen = self._clipped = self._sum = 0

    def level(self) -> Level:
        seconds = list(self._second)
        count = sum(each for each, _, _ in seconds)
        if not count:
            return Level(SILENCE_DBFS, SILENCE_DBFS)
        peak = max(each for _, each, _ in seconds)
        return Level(_dbfs(peak), _dbfs(math.sqrt(sum(each for _, _, each in seconds) / count)))

    def complaint(self) -> str:
        """ "" or what is wrong with the signal, headed by its code."""
        if self._zeros >= ZERO:
            return "mic.zero: nothing but zeros for 30 s (a mute switch? the wrong channel?)"
        if self._clipping:
            return "mic.clip: too loud, over 1 % of the samples are clipped; lower the gain"
        if self._offset:
            return "mic.dc: the signal is off its zero line by over 5 % (a faulty or unpowered microphone?)"
        return ""


class Xruns:
    """Overruns of the last minute. Moments are monotonic seconds; used by one thread at a time."""

    def __init__(self) -> None:
        self._moments: deque[float] = deque()

    def add(self, now: float) -> None:
        self._moments.append(now)

    def complaint(self, now: float) -> str:
        """ "" or what is wrong, headed by its code."""
        while self._moments and now - self._moments[0] > XRUNS_WITHIN_S:
            self._moments.popleft()
        if len(self._moments) <= XRUNS:
            return ""
        return f"mic.xrun: sound was lost {len(self._moments)} times within a minute; is the machine overloaded?"


class PartHealth:
    """Emits a Health event whenever status or reason of a part change. Any thread."""

    def __init__(self, part: Part, emit: Callable[[Event], None], clock: Clock) -> None:
        self._part: Part = part
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()  # guards the order of events
        self._now: tuple[Status, str] | None = None

    @property
    def status(self) -> Status | None:
        return self._now[0] if self._now else None

    def set(self, status: Status, reason: str = "") -> None:
        with self._lock:
            if self._now != (status, reason):
                self._now = (status, reason)
                self._emit(Health(self._clock(), self._part, status, reason))


def _dbfs(amplitude: float) -> float:
    return max(SILENCE_DBFS, 20 * math.log10(amplitude / 32_768)) if amplitude > 0 else SILENCE_DBFS
