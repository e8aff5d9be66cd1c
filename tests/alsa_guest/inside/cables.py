"""The guest's sound cards, and people at the other end of the cable.

snd-aloop is a cable with two ends for each substream: what is played to one device is captured from the other. Both
ends must agree on rate, channels and format; who opens first decides.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from audio_helpers import WAIT_S, HealthLog, clock
from numpy.typing import NDArray

from agent.audio.capture import Capture
from agent.audio.pcm import RATE_HZ, Block
from agent.config import Mic

MIC, LIPS = "hw:CARD=Loopback,DEV=1,SUBDEV=0", "hw:CARD=Loopback,DEV=0,SUBDEV=0"
SPEAKER, ROOM = "hw:CARD=Loopback,DEV=0,SUBDEV=1", "hw:CARD=Loopback,DEV=1,SUBDEV=1"
CODE = Path("/opt/voice-agent/code")
ALOOP = Path("/sys/bus/platform/drivers/snd_aloop")
USB = Path("/sys/bus/usb/devices/1-1/authorized")
ROOM_HZ = 48_000
Pcm = NDArray[np.int16]


class Heard:
    """A capture and all that it has heard."""

    def __init__(self, config: Mic, health: HealthLog) -> None:
        self.fatal: list[str] = []
        self.capture = Capture(config, health.events.put, clock, self.fatal.append)
        self.blocks: list[Block] = []

    def read(self) -> None:
        self.blocks += self.capture.read(0.1)

    def listen(self, seconds: float) -> None:
        """Until so much sound more has come."""
        wanted = self.samples + round(seconds * RATE_HZ)
        self.until(lambda: self.samples >= wanted)

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not done():
            assert time.monotonic() < end
            self.read()

    @property
    def samples(self) -> int:
        return sum(len(block.pcm) for block in self.blocks)

    @property
    def pcm(self) -> Pcm:
        return np.concatenate([block.pcm for block in self.blocks])


@contextmanager
def program(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another program, ended afterwards with all that it started."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@contextmanager
def holding(device: str, direction: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another program that has the device open: it plays silence, or records to nowhere."""
    tool, file = ("aplay", "/dev/zero") if direction == "playback" else ("arecord", "/dev/null")
    options = options or ("-f", "S16_LE", "-r", str(ROOM_HZ), "-c", "2")
    with program(tool, "-q", "-D", device, "-t", "raw", *options, file) as process:
        kind = "p" if direction == "playback" else "c"
        until(lambda: any(is_open(device, kind)), process)
        yield process


def is_open(device: str, kind: str) -> Iterator[bool]:
    card = device.split("CARD=")[1].split(",")[0]
    for params in Path("/proc/asound", card).glob(f"pcm*{kind}/sub*/hw_params"):
        yield not params.read_text().startswith("closed")


def is_running(pcm: str) -> bool:
    """Whether the loopback card moves sound there, on whichever substream ("pcm0p": what is played to device 0)."""
    return any("RUNNING" in status.read_text() for status in Path("/proc/asound/Loopback", pcm).glob("sub*/status"))


def until(done: Callable[[], bool], process: subprocess.Popen[bytes] | None = None, timeout_s: float = WAIT_S) -> float:
    """Wait for what has no event (/proc); returns how long it took."""
    begun = time.monotonic()
    while not done():
        assert time.monotonic() < begun + timeout_s, "it did not come"
        assert process is None or process.poll() is None, process and process.communicate()[1].decode()
        time.sleep(0.02)
    return time.monotonic() - begun


def write_wav(path: Path, pcm: Pcm, rate_hz: int, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.repeat(pcm, channels).tobytes())
    return path


class Recording:
    """What comes out at the other end of the speaker's cable, from before it is opened on."""

    def __init__(self, folder: Path, rate_hz: int = ROOM_HZ) -> None:
        self._path = folder / "room.raw"
        self._options = ("-f", "S16_LE", "-r", str(rate_hz), "-c", "1", "-t", "raw")
        self._rate_hz = rate_hz

    def __enter__(self) -> Recording:
        self._process = subprocess.Popen(["arecord", "-q", "-D", ROOM, *self._options, str(self._path)])
        self.wait(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def wait(self, seconds: float) -> None:
        """For so much sound more; a file that grows has no event."""
        end = self.pcm().size + seconds * self._rate_hz
        until(lambda: self.pcm().size >= end, self._process)

    def pcm(self) -> Pcm:
        return np.fromfile(self._path, np.int16) if self._path.exists() else np.zeros(0, np.int16)


def strength(pcm: Pcm, hz: float, rate_hz: int = ROOM_HZ) -> float:
    """Amplitude of this tone in the sound."""
    wave = np.exp(-2j * np.pi * hz * np.arange(len(pcm)) / rate_hz)
    return float(2 * abs(np.dot(pcm.astype(np.float64), wave)) / max(1, len(pcm)))


def loud_s(pcm: Pcm, rate_hz: int = ROOM_HZ, above: int = 500) -> float:
    """Seconds of periods that are louder than that."""
    period = rate_hz // 100
    periods = np.abs(pcm[: len(pcm) // period * period].astype(np.int32)).reshape(-1, period)
    return float((periods.max(axis=1) > above).sum()) / 100


def unplug() -> float:
    """The loopback card goes, as a driver's device does that is pulled out; its moment."""
    now = time.monotonic()
    (ALOOP / "unbind").write_text("snd_aloop.0")
    return now


def plug_in() -> float:
    (ALOOP / "bind").write_text("snd_aloop.0")
    return time.monotonic()
