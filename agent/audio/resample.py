"""Streaming change of the sample rate (libsoxr).

soxr keeps time: output sample k belongs to the time k / to_hz after the first input sample, exactly. What it owes is
still inside the filter (LQ up to 20 ms, HQ up to 42 ms, varying with its inner blocks), so sound is stamped by counting
samples and never by when it came out.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from agent.audio.pcm import Samples

Floats = NDArray[np.float32]  # mono, on the scale of int16: full scale is ±32,768


class Resampler:
    """Mono floats at one rate -> mono floats at another; at equal rates they pass through."""

    def __init__(self, from_hz: int, to_hz: int, quality: Literal["LQ", "MQ", "HQ"] = "LQ") -> None:
        self.from_hz, self.to_hz = from_hz, to_hz
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, "float32", quality) if from_hz != to_hz else None
        self._taken = 0
        self._given = 0

    def feed(self, pcm: Floats) -> Floats:
        return self._count(len(pcm), self._stream.resample_chunk(pcm) if self._stream else pcm)

    def flush(self) -> Floats:
        """The end of the sound: what is still inside. The resampler is used up."""
        rest = np.zeros(0, np.float32)
        return self._count(0, self._stream.resample_chunk(rest, last=True) if self._stream else rest)

    @property
    def delay_s(self) -> float:
        """How much sound has gone in and not come out yet."""
        return self._taken / self.from_hz - self._given / self.to_hz

    def _count(self, taken: int, given: Floats) -> Floats:
        self._taken += taken
        self._given += len(given)
        return given


def to_int16(pcm: Floats) -> Samples:
    """Rounded, saturated at full scale."""
    return np.clip(np.rint(pcm), -32_768, 32_767).astype(np.int16)
