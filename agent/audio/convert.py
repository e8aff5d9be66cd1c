"""From what the device gives to what models want: one channel (or the mean of all), 16 kHz, int16, with time stamps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from agent.audio.pcm import RATE_HZ, Block, Samples
from agent.audio.resample import Floats, Resampler, to_int16
from agent.records import Record

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What the microphone child said about the frames that follow; each opening of the device is a new one."""

    rate_hz: int
    channels: int
    sample: Literal["S16", "S32"]

    @property
    def frame_bytes(self) -> int:
        return self.channels * (2 if self.sample == "S16" else 4)


def to_mono(data: bytes, stream: Stream, channel: int | Literal["mix"]) -> Floats:
    """Interleaved little-endian PCM -> one channel on the scale of int16. A channel that is not there: the last one."""
    kind, scale = ("<i2", 1.0) if stream.sample == "S16" else ("<i4", 1 / 65_536)
    frames = np.frombuffer(data, kind).reshape(-1, stream.channels)
    if channel == "mix" and stream.channels > 1:
        mono = frames.mean(axis=1, dtype=np.float64)
    else:
        mono = frames[:, 0 if channel == "mix" else min(channel, stream.channels - 1)]
    floats: Floats = (mono * scale).astype(np.float32)
    return floats


class Converter:
    """Records of one stream -> blocks. A jump of the position restarts the filter and marks a gap.

    `origin`: the position (16 kHz) of the stream's frame 0; `gap`: whether sound was lost before it.
    """

    def __init__(
        self, stream: Stream, channel: int | Literal["mix"], gain_db: float, origin: int = 0, gap: bool = False
    ) -> None:
        self._stream = stream
        self._channel: int | Literal["mix"] = channel
        self._gain = np.float32(10 ** (gain_db / 20))
        self._origin = origin
        self._plain = stream.rate_hz == RATE_HZ and stream.channels == 1 and stream.sample == "S16" and gain_db == 0
        self._resampler = Resampler(stream.rate_hz, RATE_HZ)
        self._expected: int | None = None
        self._start = 0  # the device's position at which the filter was started
        self._given = 0  # samples since then
        self._gap = gap

    def feed(self, record: Record) -> Block | None:
        """None while the filter keeps everything to itself."""
        if record.position != self._expected:
            self._restart(record.position)
        self._expected = record.position + len(record.payload) // self._stream.frame_bytes
        pcm = self._samples(record.payload)
        if not len(pcm):
            return None
        ago = (record.position - self._start) / self._stream.rate_hz - self._given / RATE_HZ
        position = self._origin + self._start * RATE_HZ // self._stream.rate_hz + self._given
        block = Block(pcm, position, record.mono_ns / SECOND_NS - ago, self._gap)
        self._gap = False
        self._given += len(pcm)
        return block

    def _restart(self, position: int) -> None:
        self._gap = self._gap or self._expected is not None
        self._start, self._given = position, 0
        self._resampler = Resampler(self._stream.rate_hz, RATE_HZ)

    def _samples(self, data: bytes) -> Samples:
        if self._plain:
            return np.frombuffer(data, "<i2")
        return to_int16(self._resampler.feed(to_mono(data, self._stream, self._channel) * self._gain))
