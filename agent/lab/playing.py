"""A sound on its way to the microphone, and when it really was there.

`pacat` plays it into the microphone's sink. What was played is then found on the microphone's tape by correlation, so
that its time is that of the samples and not of our calls.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import soxr

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.processes import end, spawn
from agent.lab.tape import Tape

LATE_S = 10.0  # a sound that is not on the tape so long after it was played never arrived
AHEAD_MS = 500  # handed to the server ahead of time, so that a busy machine does not tear the sound
MARGIN_S = 0.2  # times on a tape are good to some ms, and a sound may begin at once
MATCH = 0.3  # the least normalised correlation that counts as "this is it"


class SoundLost(RuntimeError):
    """What was played did not arrive at the microphone."""


@dataclass(frozen=True, slots=True)
class Played:
    """When a sound was at the microphone: its first sample, and the end of its last (monotonic seconds)."""

    start: float
    end: float
    rate_hz: int = RATE_HZ

    def time_of(self, index: int) -> float:
        """Monotonic seconds at which this sample of what was played was at the microphone."""
        return self.start + index / self.rate_hz


class Playing:
    """A sound on its way to the microphone."""

    def __init__(self, samples: Samples, rate_hz: int, env: Mapping[str, str], sink: str, tape: Tape) -> None:
        self._samples = samples
        self._rate_hz = rate_hz
        self._env = env
        self._sink = sink
        self._tape = tape
        self._began = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: threading.Thread | None = None

    def start(self) -> None:
        command = [
            "pacat",
            "--playback",
            f"--device={self._sink}",
            "--raw",
            "--format=s16le",
            f"--rate={self._rate_hz}",
        ]
        command += ["--channels=1", f"--latency-msec={AHEAD_MS}", "--client-name=room"]
        self._began = time.monotonic()
        self._process = spawn(command, self._env, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self._writer = threading.Thread(target=self._write, args=(self._process,), name="visitor")
        self._writer.start()

    def wait(self) -> Played:
        """Wait for the end of the sound; when it was at the microphone. Raises SoundLost."""
        assert self._process is not None
        assert self._process.stderr is not None
        seconds = len(self._samples) / self._rate_hz
        try:
            status = self._process.wait(seconds + LATE_S)
        except subprocess.TimeoutExpired:
            raise SoundLost(f"{seconds:.1f} s of sound were not played in time") from None
        if status != 0:
            raise SoundLost(self._process.stderr.read().decode(errors="replace").strip())
        return self._find(seconds)

    def stop(self) -> None:
        if self._process is None or self._writer is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        self._writer.join()
        end(self._process)
        self._process = self._writer = None

    def _write(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        data = memoryview(self._samples.tobytes())
        try:
            while data:
                data = data[process.stdin.write(data) or 0 :]
            process.stdin.close()
        except BrokenPipeError:
            return  # pacat is gone; `wait` tells why

    def _find(self, seconds: float) -> Played:
        ended = time.monotonic()
        if not self._tape.wait_until(ended, LATE_S):
            raise SoundLost("the microphone carries nothing")
        at_mic = self._samples
        if self._rate_hz != RATE_HZ:
            at_mic = soxr.resample(self._samples, self._rate_hz, RATE_HZ)
        if not at_mic.any():
            return Played(ended - seconds, ended, self._rate_hz)
        since = self._began - MARGIN_S
        offset = locate(at_mic, self._tape.cut(since, ended))
        if offset is None:
            raise SoundLost("what was played is not among what the microphone heard")
        start = since + offset / RATE_HZ
        return Played(start, start + seconds, self._rate_hz)


def locate(sound: Samples, tape: Samples) -> int | None:
    """The index on the tape at which the sound begins, by normalised cross-correlation of its loudest second.

    None where nothing on the tape is like it. Other sounds may be mixed in.
    """
    length = min(len(sound), RATE_HZ)
    power = np.cumsum(np.concatenate([[0.0], sound.astype(np.float64) ** 2]))
    first = int(np.argmax(power[length:] - power[:-length]))
    piece = sound[first : first + length].astype(np.float64)
    if len(tape) < length:
        return None
    size = 1 << (len(tape) + length).bit_length()
    spectrum = np.fft.rfft(tape.astype(np.float64), size) * np.conj(np.fft.rfft(piece, size))
    likeness = np.fft.irfft(spectrum, size)[: len(tape) - length + 1]
    energy = np.cumsum(np.concatenate([[0.0], tape.astype(np.float64) ** 2]))
    scale = np.sqrt((energy[length:] - energy[:-length]).clip(1.0) * float(piece @ piece))
    best = int(np.argmax(likeness / scale))
    return best - first if likeness[best] / scale[best] >= MATCH else None
