"""A private MQTT broker: mosquitto on a free loopback port, without password, ended by its id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from agent.lab.processes import end, require, spawn, which

PACKAGES = {"mosquitto": "mosquitto", "setpriv": "util-linux"}


class BrokerFailed(RuntimeError):
    """The broker did not come up; the text holds what it said."""


class Broker:
    """`with Broker() as broker: … broker.port`. It forgets everything when it stops, and keeps its port."""

    host = "127.0.0.1"

    def __init__(self, port: int | None = None, settings: str = "", ready_s: float = 10.0) -> None:
        """`settings`: further lines of mosquitto.conf."""
        self.port = port or 0
        self._settings = settings
        self._ready_s = ready_s
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Listening when it returns. Raises PackagesMissing, BrokerFailed."""
        require(PACKAGES)
        folder = Path(tempfile.mkdtemp(prefix="broker-"))
        self._folder = folder
        self.port = self.port or _free_port()
        lines = [f"listener {self.port} {self.host}", "allow_anonymous true", "persistence false", "log_dest stderr"]
        conf = folder / "mosquitto.conf"
        conf.write_text("\n".join([*lines, self._settings, ""]))
        try:
            with (folder / "log").open("wb") as log:
                self._process = spawn([which("mosquitto") or "mosquitto", "-c", str(conf)], os.environ, stderr=log)
            self._await_listening(self._process, folder / "log")
        except BaseException:
            self.stop()
            raise

    def stop(self, kill: bool = False) -> None:
        """End it: properly, or as a power cut would (`kill`). It may be started again, on the same port."""
        if self._process is not None:
            if kill:
                self._process.kill()
            end(self._process)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def pause(self) -> None:
        """Hang it (SIGSTOP): connections stay open and nothing comes."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _await_listening(self, process: subprocess.Popen[bytes], log: Path) -> None:
        until = time.monotonic() + self._ready_s
        while process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection((self.host, self.port), 1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise BrokerFailed(f"mosquitto does not listen on port {self.port}: {log.read_text().strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((Broker.host, 0))
        port: int = probe.getsockname()[1]
        return port
