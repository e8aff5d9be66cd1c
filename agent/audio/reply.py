"""What one turn has to say: waiting in the engine's own rate, resampled piece by piece as the device needs it. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from agent.audio.pcm import Samples
from agent.audio.resample import Floats, Resampler, to_int16
from agent.events import Turn

SLICE_S = 0.25


@dataclass(frozen=True, slots=True)
class Segment:
    """From the device's frame `sent` on, the turn's sound is what was handed to `play` from frame `given` on."""

    sent: int
    given: int
    resampler: Resampler


@dataclass(slots=True)
class Reply:
    """What one turn has to say."""

    turn: Turn
    waiting: deque[tuple[Samples, int]] = field(default_factory=deque)  # PCM and its rate
    waiting_s: float = 0.0
    ended: bool = False
    end_sent: bool = False
    given: int = 0  # frames taken from `waiting`, at their own rate
    sent: int = 0  # frames at the device's rate
    played: int = 0
    since: int = 0  # what was sent when the speaker came back, and may have been lost
    segments: list[Segment] = field(default_factory=list)

    def add(self, pcm: Samples, rate_hz: int) -> None:
        step = round(SLICE_S * rate_hz)
        self.waiting.extend((pcm[at : at + step], rate_hz) for at in range(0, len(pcm), step))
        self.waiting_s += len(pcm) / rate_hz

    def heard(self, played: int) -> tuple[int, int]:
        """The device's position -> (position, rate) as handed to `play`."""
        segment = next((each for each in reversed(self.segments) if each.sent <= played), self.segments[0])
        from_hz, to_hz = segment.resampler.from_hz, segment.resampler.to_hz
        return min(self.given, segment.given + (played - segment.sent) * from_hz // to_hz), from_hz

    def next(self, device_hz: int) -> Samples | None:
        """The next slice at the device's rate; None where nothing waits."""
        if not self.waiting:
            return self._flushed() if self.ended and self.segments else None
        pcm, rate_hz = self.waiting.popleft()
        self.waiting_s -= len(pcm) / rate_hz
        tail = np.zeros(0, np.float32)
        if not self.segments or self.segments[-1].resampler.from_hz != rate_hz:
            tail = self.segments[-1].resampler.flush() if self.segments else tail
            self.segments.append(Segment(self.sent + len(tail), self.given, Resampler(rate_hz, device_hz, "MQ")))
        self.given += len(pcm)
        return self._counted(np.concatenate([tail, self.segments[-1].resampler.feed(pcm.astype(np.float32))]))

    def _flushed(self) -> Samples:
        return self._counted(self.segments[-1].resampler.flush())

    def _counted(self, pcm: Floats) -> Samples:
        self.sent += len(pcm)
        return to_int16(pcm)
