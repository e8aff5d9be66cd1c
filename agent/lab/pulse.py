"""A private PulseAudio server: own folder, unix socket, modules loaded one by one, ended by its id.

The ALSA side: `asound.conf` is the system's alsa.conf without its hooks, since they would load a "default" of their own
after ours, and that one does not fail where the microphone is gone but listens to whatever source is left.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from agent.lab.processes import end, require, spawn

PACKAGES = {
    "pulseaudio": "pulseaudio",
    "pactl": "pulseaudio-utils",
    "pacat": "pulseaudio-utils",
    "parec": "pulseaudio-utils",
    "setpriv": "util-linux",
}
ALSA_CONF = Path("/usr/share/alsa/alsa.conf")
READY_S = 10.0

Kind = Literal["source-output", "sink-input"]


class PulseFailed(RuntimeError):
    """The sound server did not do what it was asked; the text holds what it said."""


class Pulse:
    """The server. `start()` returns when it answers."""

    def __init__(self, defaults: Mapping[str, str]) -> None:
        """`defaults`: the names of the devices behind the ALSA PCM "default": {"capture": …, "playback": …}."""
        self._defaults = dict(defaults)
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise PulseFailed("the sound server is not running")
        return self._folder

    @property
    def env(self) -> dict[str, str]:
        """For processes that shall hear and speak in this room; what else they need is taken from ours."""
        folder = str(self.folder)
        own = {
            "PULSE_SERVER": f"unix:{folder}/pa",
            "PULSE_RUNTIME_PATH": folder,
            "PULSE_STATE_PATH": folder,
            "PULSE_CONFIG_PATH": folder,
            "XDG_RUNTIME_DIR": folder,
            "ALSA_CONFIG_PATH": f"{folder}/asound.conf",
        }
        return {**os.environ, **own}

    def start(self) -> None:
        """Raises PackagesMissing, PulseFailed."""
        require(PACKAGES)
        if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
            raise PulseFailed("ALSA's plugin for PulseAudio not found; run: sudo apt-get install -y libasound2-plugins")
        self._folder = Path(tempfile.mkdtemp(prefix="room-"))
        try:
            (self.folder / "asound.conf").write_text(self._asound_conf())
            self._launch()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._process is not None:
            self.cont()
            end(self._process)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def hang(self) -> None:
        """SIGSTOP: clients stay connected and nothing moves."""
        self._running().send_signal(signal.SIGSTOP)

    def cont(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def pactl(self, *arguments: str) -> str:
        """What pactl prints. Raises PulseFailed."""
        command = ["pactl", *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=READY_S, check=False)
        if done.returncode != 0:
            raise PulseFailed(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def load(self, module: str, *arguments: str) -> int:
        """The index of the new module."""
        return int(self.pactl("load-module", module, *arguments))

    def unload(self, index: int) -> None:
        self.pactl("unload-module", str(index))

    def streams(self, kind: Kind) -> list[dict[str, Any]]:
        """The streams of clients and modules: objects with "index", "client", "source" or "sink", "owner_module"."""
        found: list[dict[str, Any]] = json.loads(self.pactl("-f", "json", "list", f"{kind}s"))
        return found

    def kill_streams(self, kind: Kind, indexes: list[int]) -> None:
        """End streams as the disappearance of a card does: their clients get an error. (pactl cannot.)"""
        with socket.socket(socket.AF_UNIX) as cli:
            cli.settimeout(READY_S)
            cli.connect(str(self.folder / "cli"))
            cli.sendall(b"".join(f"kill-{kind} {index}\n".encode() for index in indexes))
            cli.shutdown(socket.SHUT_WR)
            while cli.recv(4096):
                pass

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise PulseFailed("the sound server is not running")
        return self._process

    def _launch(self) -> None:
        modules = [
            f"module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket={self.folder}/pa",
            f"module-cli-protocol-unix socket={self.folder}/cli",
        ]
        command = [
            "pulseaudio",
            "-n",
            "--daemonize=no",
            "--use-pid-file=no",
            "--exit-idle-time=-1",
            "--log-target=stderr",
        ]
        command += [f"--load={module}" for module in modules]
        log = self.folder / "log"
        with log.open("wb") as errors:
            self._process = spawn(command, self.env, stderr=errors)
        until = time.monotonic() + READY_S
        while self._process.poll() is None and time.monotonic() < until:
            try:
                self.pactl("info")
            except PulseFailed:
                time.sleep(0.02)
            else:
                return
        raise PulseFailed(f"pulseaudio does not answer: {log.read_text(errors='replace').strip()}")

    def _asound_conf(self) -> str:
        system = ALSA_CONF.read_text() if ALSA_CONF.exists() else ""
        without_hooks = re.sub(r"^@hooks", "room_without_hooks", system, flags=re.MULTILINE)
        playback, capture = self._defaults["playback"], self._defaults["capture"]
        ours = f"""
pcm.!default {{
  type asym
  playback.pcm {{ type pulse device {playback} }}
  capture.pcm {{ type pulse device {capture} }}
}}
ctl.!default {{ type pulse }}
pcm.pulse {{ type pulse }}
"""
        return without_hooks + ours
