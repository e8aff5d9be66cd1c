"""The echo reference: what the speaker was given, at 16 kHz, found by the time at which it was in the air.

Rules:
- The speaker's child tells what it hands to the device: mixed, with the gains of that moment, and stamped. So all that
  shapes the sound is in it (ramps, volume, earcons, what was dropped), but for a mixer outside.
- Between two dry moments of the device frames follow each other without a gap: a *run*. A stamp can only be late (see
  `agent.audio.streamclock`), so a run's clock is made from all of its stamps. A stamp that is late by more than
  `LOST_S` means that sound is missing, and begins a new run.
- Where nothing was played, or is known of, there are zeros.
- A time falls between two samples: a cubic (Lagrange's, four points) is laid through them. Clocks that drift apart make
  that place wander; without it a filter would meet a jump of a whole sample every second or so.

Two threads: the child's I/O thread puts, the ear reads.
"""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.audio.resample import Floats, Resampler
from agent.audio.streamclock import SECOND_NS, StreamClock
from agent.records import Record

KEPT_S = 4.0
LOST_S = 0.05
TAIL_S = 0.6  # how long a room goes on sounding
RUNS = 16
LEAK_PPM = 30  # of a run's clock: an offset does no harm, but each change of it is a movement to an adaptive filter


class _Run:
    """Sound without a gap. `first`: the device's frame at which it begins."""

    def __init__(self, rate_hz: int, first: int, at_ns: int) -> None:
        self.rate_hz = rate_hz
        self.next = first  # frame that follows
        self._first = first
        self._clock = StreamClock(rate_hz, at_ns, 0, LEAK_PPM)
        self._resampler = Resampler(rate_hz, RATE_HZ, "LQ")
        self._sound = np.zeros(0, np.float32)
        self._cut_at: float | None = None
        self._start = 0  # index, at 16 kHz and from the run's beginning, of the first sample kept

    @property
    def over(self) -> bool:
        return self._cut_at is not None

    def look(self, at_ns: int, position: int) -> float:
        """Take in a stamp; returns by how many seconds it is late."""
        return self._clock.look(at_ns, position - self._first) / self.rate_hz

    def put(self, pcm: Samples) -> None:
        self.next += len(pcm)
        self._sound = np.concatenate((self._sound, self._resampler.feed(pcm.astype(np.float32))))
        old = len(self._sound) - round(KEPT_S * RATE_HZ)
        if old > RATE_HZ:  # now and then, and not with every record
            self._sound = self._sound[old:]
            self._start += old

    @property
    def ends_at(self) -> float:
        """Monotonic seconds."""
        if self._cut_at is not None:
            return self._cut_at
        return self._clock.time_of(self.next - self._first) / SECOND_NS

    def cut(self, at: float) -> None:
        """What is later than that was not heard."""
        place = (at - self._clock.time_of(0) / SECOND_NS) * RATE_HZ - self._start
        self._sound = self._sound[: max(0, round(place))]
        self._cut_at = at

    def add_to(self, out: Floats, at: float) -> None:
        """What of the run sounds from `at` on, to the samples of `out`."""
        place = (at - self._clock.time_of(0) / SECOND_NS) * RATE_HZ - self._start
        whole = int(np.floor(place))
        first, last = max(0, -whole), min(len(out), len(self._sound) - whole)
        if first >= last:
            return
        low, high = whole + first - 1, whole + last + 2
        around = np.pad(self._sound[max(0, low) : high], (max(0, -low), max(0, high - len(self._sound))))
        out[first:last] += np.convolve(around, _cubic(place - whole), "valid")[: last - first]


def _cubic(between: float) -> Floats:
    """Weights of the four samples around a place, for `np.convolve`: from the last one to the first."""
    d = between
    weights = (
        (d + 1) * d * (d - 1) / 6,
        -(d + 1) * d * (d - 2) / 2,
        (d + 1) * (d - 1) * (d - 2) / 2,
        -d * (d - 1) * (d - 2) / 6,
    )
    return np.array(weights, np.float32)


def _follows(record: Record, run: _Run, rate_hz: int) -> bool:
    if not record.delay or record.position != run.next or rate_hz != run.rate_hz or run.over:
        return False
    return run.look(record.mono_ns, record.position) <= LOST_S


class Reference:
    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below
        self._runs: deque[_Run] = deque(maxlen=RUNS)
        self._turn = 0

    @property
    def turn(self) -> int:
        """Whose speech was handed to the device last; 0: nobody's, or an earcon's alone."""
        return self._turn

    def put(self, record: Record, rate_hz: int) -> None:
        """What the child has told (`agent.audio.monitor`)."""
        pcm = np.frombuffer(record.payload, "<i2")
        with self._lock:
            self._turn = record.turn
            run = self._runs[-1] if self._runs else None
            if run is None or not _follows(record, run, rate_hz):
                run = self._begin(rate_hz, record)
            run.put(pcm)

    def _begin(self, rate_hz: int, record: Record) -> _Run:
        """What an older run had beyond this moment was dropped, or is counted twice."""
        self._cut(record.mono_ns / SECOND_NS)
        run = _Run(rate_hz, record.position, record.mono_ns)
        self._runs.append(run)
        return run

    def silenced(self, at: float) -> None:
        """The device was silenced at `at`: what it held was not heard."""
        with self._lock:
            self._cut(at)
            self._turn = 0

    def _cut(self, at: float) -> None:
        if self._runs and self._runs[-1].ends_at > at:
            self._runs[-1].cut(at)

    def playing(self, at: float) -> bool:
        """Whether something of it may be heard at `at`, or in the room still."""
        with self._lock:
            return bool(self._runs) and at < self._runs[-1].ends_at + TAIL_S

    def read(self, at: float, count: int) -> Floats:
        """`count` samples at 16 kHz, on the scale of int16, the first of which was in the air at `at`."""
        out = np.zeros(count, np.float32)
        with self._lock:
            for run in self._runs:
                run.add_to(out, at)
        return out
