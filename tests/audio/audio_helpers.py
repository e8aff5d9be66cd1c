"""What the tests of audio need: a private PulseAudio with null sinks (a real ALSA path), a log of health, a tone."""

from __future__ import annotations

import os
import queue
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.events import Event, Health, Instant, Status

WAIT_S = 20.0
ALSA_CONF = """</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.spk { type pulse device spk }
pcm.lips { type pulse device mic }
"""


class SoundServer:
    """One PulseAudio in a folder of its own. Sink `mic` is where people speak, its monitor the microphone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / "alsa.conf").write_text(ALSA_CONF)
        self.env = {
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "PULSE_SERVER": f"unix:{folder}/pa",
            "ALSA_CONFIG_PATH": str(folder / "alsa.conf"),
        }
        self.pid = 0

    def offer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in self.env.items():
            monkeypatch.setenv(name, value)

    def start(self, sinks: bool = True) -> None:
        modules = ["module-native-protocol-unix auth-anonymous=1 socket=" + str(self.folder / "pa")]
        if sinks:
            modules += [
                "module-null-sink sink_name=mic rate=16000 channels=1",
                "module-null-sink sink_name=spk rate=48000",
            ]
        loads = [part for module in modules for part in ("-L", module)]
        options = ["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        self.pid = self._spawn("pulseaudio", *options, *loads)
        self._until(self._answers)
        if sinks:
            self.default_to_the_room()

    def default_to_the_room(self) -> None:
        self.pactl("set-default-source", "mic.monitor")
        self.pactl("set-default-sink", "spk")
        for monitor in ("mic.monitor", "spk.monitor"):  # a null sink takes 2 s steps unless somebody wants less
            self._spawn("parec", f"--device={monitor}", "--latency-msec=10", "/dev/null")
        self._until(lambda: self.pactl("list", "short", "source-outputs").count("\n") >= 2)
        for sink in ("mic", "spk"):  # nor does it notice in the middle of such a step
            self.pactl("suspend-sink", sink, "1")
            self.pactl("suspend-sink", sink, "0")

    def add_sinks(self) -> None:
        self.pactl("load-module", "module-null-sink", "sink_name=mic", "rate=16000", "channels=1")
        self.pactl("load-module", "module-null-sink", "sink_name=spk", "rate=48000")
        self.default_to_the_room()

    def remove_sinks(self) -> None:
        self.pactl("unload-module", "module-null-sink")

    def pactl(self, *arguments: str) -> str:
        return subprocess.run(
            ["pactl", *arguments], env={**os.environ, **self.env}, check=True, capture_output=True, text=True
        ).stdout

    def record(self, path: Path, monitor: str = "spk.monitor") -> subprocess.Popen[bytes]:
        """Record what the room hears as raw 16 kHz mono, until the process is ended."""
        options = [f"--device={monitor}", "--latency-msec=10", "--rate=16000", "--channels=1", "--format=s16le"]
        pid = self._spawn("parec", *options, str(path))
        return next(process for process in self._processes if process.pid == pid)

    def stop(self) -> None:
        while self._processes:
            process = self._processes.pop()
            process.kill()
            process.wait()

    def _spawn(self, *command: str) -> int:
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(
                command, env={**os.environ, **self.env}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.append(process)
        return process.pid

    def _answers(self) -> bool:
        try:
            return bool(self.pactl("info"))
        except subprocess.CalledProcessError:
            return False

    def _until(self, done: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_S
        while not done():
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.02)  # PulseAudio has no event for this


def clock() -> Instant:
    return Instant(time.monotonic(), datetime.now(UTC))


class HealthLog:
    """Takes events; waits for a state of health."""

    def __init__(self) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.seen: list[Health] = []

    def until(self, status: Status, reason: str = "", during: Callable[[], object] | None = None) -> Health:
        """Wait for this status with a reason that contains `reason`; meanwhile call `during` again and again."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            try:
                event = self.events.get(timeout=0.01 if during else WAIT_S)
            except queue.Empty:
                assert during, f"no {status} {reason!r}; seen: {self.seen}"
                during()
                continue
            assert isinstance(event, Health)
            self.seen.append(event)
            if event.status == status and reason in event.reason:
                return event
        raise AssertionError(f"no {status} {reason!r}; seen: {self.seen}")


def tone(rate_hz: int, seconds: float, hz: float = 440.0, amplitude: float = 8000.0) -> NDArray[np.int16]:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz)).astype(np.int16)
