"""A guest's microphone: periods that come over a network, as a source of blocks like that of ALSA.

When each sample was in the air is told by the guest's own clock; how that clock stands to ours is learned from what
arrives: nothing arrives before it was said, so the smallest difference seen is the true one plus the shortest way
(`agent.audio.streamclock` does the same with a device, with its leak for clocks that drift). So sound that was held up
is dated right, and a wake word that comes late is known to be late. Where all that came within `WINDOW_S` was late by
more than `STEP_S`, it is the guest's clock that was set (a computer that slept), and it is learned anew.

`put` is called by the server's thread, `read` by the guest's ear.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from agent.audio.convert import SECOND_NS, Stream
from agent.audio.intake import Intake
from agent.audio.pcm import RATE_HZ, Block
from agent.audio.soundness import Meter
from agent.audio.streamclock import LEAK_PPM
from agent.records import Kind, Record
from agent.web.protocol import BadFrame, Frame
from agent.web.recording import Decoded

LATE_S = 0.1
JITTERS = 1000  # packets that the figures are of
MAX_JUMP = 360_000  # periods: an hour
WINDOW_S, STEP_S = 5.0, 1.0
MAX_DELAY_S = 30.0  # a connection that brings nothing for so long is none


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a guest's sound arrives. Jitter: by how much later than the quickest packet, of the last thousand."""

    periods: int = 0
    lost: int = 0
    late: int = 0
    jitter_p50_ms: float = 0.0
    jitter_p99_ms: float = 0.0
    level_dbfs: float = -120.0


class Arrivals:
    """The guest's clock beside ours. `taken(guest_ms, now)`: monotonic seconds at which that moment was, here."""

    def __init__(self) -> None:
        self._ahead: float | None = None  # our monotonic seconds at the guest's 0
        self._seen = 0.0
        self._window = (0.0, math.inf)  # until when, and the smallest difference within it so far
        self._delays: deque[float] = deque(maxlen=JITTERS)

    def taken(self, guest_ms: float, now: float) -> tuple[float, float]:
        """(when it was, how much later than the quickest it has come), seconds."""
        ahead = now - guest_ms / 1000
        self._learn(ahead, now)
        if self._ahead is None or ahead < self._ahead:
            self._ahead = ahead
        else:
            self._ahead += min(ahead - self._ahead, (now - self._seen) * LEAK_PPM / 1e6)
        self._seen = now
        delay = min(ahead - self._ahead, MAX_DELAY_S)
        self._delays.append(delay)
        return now - delay, delay

    def _learn(self, ahead: float, now: float) -> None:
        until, smallest = self._window
        if now < until:
            self._window = until, min(smallest, ahead)
            return
        if self._ahead is not None and smallest - self._ahead > STEP_S and math.isfinite(smallest):
            self._ahead = smallest
        self._window = now + WINDOW_S, ahead

    def jitter_ms(self) -> tuple[float, float]:
        """Median and 99th percentile."""
        if not self._delays:
            return 0.0, 0.0
        median, high = np.percentile(np.array(self._delays), (50, 99)) * 1000
        return round(float(median), 1), round(float(high), 1)


class Microphone:
    """The source of a guest's ear, and what is known of how its sound arrives."""

    def __init__(self) -> None:
        self._intake = Intake(skips=False)  # off, a microphone hears nobody be silent
        self._meter = Meter()  # the reader's
        self._lock = threading.Lock()  # guards all below
        self._arrivals = Arrivals()
        self._stream: Stream | None = None
        self._first = 0  # period of the stream
        self._next = 0  # the period that is expected
        self._recording = 0  # the one that sound comes from
        self._periods = self._lost = self._late = 0

    def afresh(self) -> None:
        """What comes from now on is another stream: another connection, or the microphone was off."""
        with self._lock:
            self._arrivals = Arrivals()
            self._stream = None

    def put(self, frame: Frame, now: float) -> None:
        """Periods that came at `now`, monotonic seconds. Raises BadFrame where they cannot follow what came before."""
        count = len(frame.payload) * 100 // (2 * frame.rate_hz)
        with self._lock:
            if self._stream is None or self._stream.rate_hz != frame.rate_hz:
                self._stream = Stream(frame.rate_hz, 1, "S16")
                self._first = self._next = frame.number
            lost = frame.number - self._next
            if not 0 <= lost < MAX_JUMP:
                raise BadFrame(f"period {frame.number} after {self._next}")
            self._next = frame.number + count
            at, delay = self._arrivals.taken(frame.time + count * 10, now)
            self._periods += count
            self._lost += lost
            self._late += delay > LATE_S
            stream, position = self._stream, (frame.number - self._first) * frame.rate_hz // 100
        began_ns = round((at - count * 0.01) * SECOND_NS)
        record = Record(Kind.AUDIO, frame.payload, 0, position, began_ns)
        dropped = self._intake.put(stream, record)
        with self._lock:
            self._lost += dropped

    def put_decoded(self, sound: Decoded, now: float) -> None:
        """Of a recording; its last sample is as old as the slice that it came in, at least."""
        with self._lock:
            if self._stream is None or sound.recording != self._recording:
                self._stream, self._recording = Stream(RATE_HZ, 1, "S16"), sound.recording
            at, delay = self._arrivals.taken(sound.handed_ms, now)
            self._periods += len(sound.pcm) * 100 // RATE_HZ
            self._late += delay > LATE_S
            stream = self._stream
        began_ns = round((at - len(sound.pcm) / RATE_HZ) * SECOND_NS)
        dropped = self._intake.put(stream, Record(Kind.AUDIO, sound.pcm.tobytes(), 0, sound.position, began_ns))
        with self._lock:
            self._lost += dropped

    def arrival(self) -> Arrival:
        level = self._meter.level()
        with self._lock:
            p50, p99 = self._arrivals.jitter_ms()
            return Arrival(self._periods, self._lost, self._late, p50, p99, round(level.peak_dbfs, 1))

    # What the ear calls.

    def read(self, timeout_s: float) -> list[Block]:
        blocks = self._intake.blocks(self._intake.take(timeout_s))
        for block in blocks:
            self._meter.feed(block.pcm)
        return blocks

    def drain_every(self, periods: int) -> None:
        """A network brings what it brings."""
