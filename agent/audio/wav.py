"""WAV files that stand in for a microphone: RIFF with PCM of 16 or 32 bits, any rate, any number of channels.

The standard library's `wave` refuses WAVE_FORMAT_EXTENSIBLE before Python 3.12, and this has to stay small, so the
chunks are read here (Microsoft/IBM "Multimedia Programming Interface and Data Specifications 1.0", RIFF WAVE).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

PCM, EXTENSIBLE = 1, 0xFFFE


class BadWav(Exception):
    """The file cannot stand in for a microphone; str says why."""


@dataclass(frozen=True, slots=True)
class Wav:
    """Where the PCM of a file is. `start` and `frames`: first byte and number of frames."""

    rate_hz: int
    channels: int
    bits: int
    start: int
    frames: int

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8


def read_header(file: BinaryIO, name: str) -> Wav:
    """Find format and data. Raises BadWav. A length beyond the end of the file is cut down to what is there."""
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise BadWav(f"{name} is not a WAV file")
    form: tuple[int, int, int] | None = None
    while len(header := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", header)
        if kind == b"fmt ":
            form = _format(file.read(length + length % 2), name)
        elif kind == b"data":
            if form is None:
                raise BadWav(f"{name} has no format before its data")
            return _data(file, length, form)
        else:
            file.seek(length + length % 2, 1)
    raise BadWav(f"{name} has no data")


def _format(body: bytes, name: str) -> tuple[int, int, int]:
    """(rate, channels, bits) of a `fmt ` chunk."""
    if len(body) < 16:
        raise BadWav(f"{name} has a damaged format")
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)
    if tag != PCM or bits not in (16, 32):
        raise BadWav(f"{name} is not PCM of 16 or 32 bits; convert it: sox {name} -b 16 -e signed out.wav")
    if not 1 <= channels <= 32 or not 8000 <= rate_hz <= 192_000:
        raise BadWav(f"{name} has {channels} channels at {rate_hz} Hz; 1 to 32 at 8,000 to 192,000 are possible")
    return rate_hz, channels, bits


def _data(file: BinaryIO, length: int, form: tuple[int, int, int]) -> Wav:
    start = file.tell()
    there = file.seek(0, 2) - start
    file.seek(start)
    rate_hz, channels, bits = form
    return Wav(rate_hz, channels, bits, start, min(length, there) // (channels * bits // 8))
