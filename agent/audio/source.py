"""Where the microphone child gets its frames from: an ALSA device, or a WAV file that behaves like one."""

from __future__ import annotations

import time
from typing import BinaryIO, Protocol

from agent.audio.alsa import DeviceError, Format, Pcm, SampleFormat, Wish, open_pcm
from agent.audio.streamclock import SECOND_NS
from agent.audio.wav import BadWav, Wav, read_header

RATES_HZ = (16_000, 48_000, 44_100)
CHANNELS = (1, 2, 4, 6, 8)
FILE = "file:"
AUDIO_CLOCK = "?clock=audio"


class Source(Protocol):
    """A stream of frames that never blocks; every method raises DeviceError once the stream is lost."""

    format: Format

    def available(self) -> int: ...
    def read(self) -> bytes | None: ...
    def descriptors(self) -> list[tuple[int, int]]: ...
    def woke(self, events: list[tuple[int, int]]) -> None: ...
    def close(self) -> None: ...


def open_device(
    device: str, rate_hz: int | None, channels: int | None, sample: SampleFormat | None, buffer_ms: int
) -> Source:
    """None means: what the device gives, the cheapest first. Raises DeviceError."""
    if device.startswith(FILE):
        return WavSource(device)
    wish = Wish(
        device,
        "capture",
        buffer_ms / 1000,
        (rate_hz,) if rate_hz else RATES_HZ,
        (channels,) if channels else CHANNELS,
        (sample,) if sample else ("S16", "S32"),
    )
    pcm: Pcm = open_pcm(wish)
    pcm.read()  # the first read starts the stream
    return pcm


def open_wav(device: str) -> tuple[BinaryIO, Wav]:
    """The file behind "file:x.wav" or "file:x.wav?clock=audio", at its first frame. Raises DeviceError."""
    path = device.removeprefix(FILE).removesuffix(AUDIO_CLOCK)
    try:
        file = open(path, "rb")  # noqa: SIM115 - it goes to the caller
    except OSError as error:
        raise DeviceError("absent", f"no microphone file {path}: {error.strerror}") from error
    try:
        return file, read_header(file, path)
    except BadWav as error:
        file.close()
        raise DeviceError("format", str(error)) from error


def wav_format(wav: Wav) -> Format:
    return Format(wav.rate_hz, wav.channels, "S16" if wav.bits == 16 else "S32", wav.rate_hz // 100, wav.rate_hz)


class WavSource:
    """A file played in real time as if somebody spoke it into a microphone; after its end there is silence."""

    def __init__(self, device: str) -> None:
        self._file, self._wav = open_wav(device)
        self.format = wav_format(self._wav)
        self._left = self._wav.frames
        self._read = 0
        self._start_ns = time.monotonic_ns()

    def available(self) -> int:
        elapsed_ns = time.monotonic_ns() - self._start_ns
        return elapsed_ns * self.format.rate_hz // SECOND_NS - self._read

    def read(self) -> bytes | None:
        period = self.format.period
        frames = min(period, self._left)
        pcm = self._file.read(frames * self.format.frame_bytes)
        self._left -= frames
        self._read += period
        return pcm + bytes(period * self.format.frame_bytes - len(pcm))

    def descriptors(self) -> list[tuple[int, int]]:
        return []

    def woke(self, events: list[tuple[int, int]]) -> None:
        """Nothing to clear."""

    def close(self) -> None:
        self._file.close()
