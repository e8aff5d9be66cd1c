"""When each frame was in the air: a clock made from what the device says, and the judge of its pace.

A look at a device at time `now` says that frame number `frames` has just come in. Between two interrupts that number
stands still, so a look can only be late, never early: the true time of frame 0 is the smallest `now - frames / rate`
seen (a minimum filter), which leaks upwards slowly enough to take no jitter in and fast enough to follow the drift of
real clocks (±200 ppm).

Pure: time is an argument, in nanoseconds on CLOCK_MONOTONIC; positions are in frames.
"""

from __future__ import annotations

SECOND_NS = 1_000_000_000
LEAK_PPM = 500


class StreamClock:
    def __init__(self, rate_hz: int, now_ns: int, frames: int, leak_ppm: int = LEAK_PPM) -> None:
        self._rate_hz = rate_hz
        self._leak_ppm = leak_ppm
        self._zero_ns = now_ns - frames * SECOND_NS // rate_hz
        self._looked_ns = now_ns

    def look(self, now_ns: int, frames: int) -> int:
        """Take in that `frames` frames had come by `now_ns`. Returns by how many frames that is late."""
        late_ns = now_ns - frames * SECOND_NS // self._rate_hz - self._zero_ns
        leak_ns = (now_ns - self._looked_ns) * self._leak_ppm // 1_000_000
        self._looked_ns = now_ns
        self._zero_ns += min(late_ns, leak_ns)
        return max(0, late_ns) * self._rate_hz // SECOND_NS

    def time_of(self, position: int) -> int:
        """The time at which the frame with this position was (or will be) in the air."""
        return self._zero_ns + position * SECOND_NS // self._rate_hz

    def position_at(self, now_ns: int) -> int:
        """The frame that is in the air now."""
        return (now_ns - self._zero_ns) * self._rate_hz // SECOND_NS


class Lateness:
    """Tells frames that are missing for good from a look that merely came late: the least lateness of a second."""

    def __init__(self, limit_frames: int) -> None:
        self._limit = limit_frames
        self._least: int | None = None
        self._since_ns = 0

    def look(self, now_ns: int, late: int) -> bool:
        """True where for a whole second no look was less late than the limit."""
        if self._least is None:
            self._least, self._since_ns = late, now_ns
        self._least = min(self._least, late)
        if now_ns - self._since_ns < SECOND_NS:
            return False
        missing, self._least = self._least > self._limit, None
        return missing


class SpeedLimit:
    """A bucket that fills at 1.5 times the nominal rate: a device that overdraws it runs too fast (ALSA's `null`)."""

    FACTOR = 1.5
    BURST_S = 3.0  # a sound server that was just opened may hand over two seconds at once

    def __init__(self, rate_hz: int, now_ns: int) -> None:
        self._rate = rate_hz * self.FACTOR
        self._room = self._most = rate_hz * self.BURST_S
        self._looked_ns = now_ns

    def took(self, now_ns: int, frames: int) -> bool:
        """Account for frames read. False where that was too much."""
        self._room = min(self._most, self._room + (now_ns - self._looked_ns) / SECOND_NS * self._rate) - frames
        self._looked_ns = now_ns
        return self._room >= 0
