"""Starting and stopping, with the files in the page cache: medians of `n` starts, from the launch of the process.

`ready_ms` until it tells systemd READY=1; `listening_ms` until it is ready and the microphone carries sound, so that a
wake word would be heard; `loaded_ms` until the voice and the recogniser are loaded too. `stop_ms`: SIGTERM to its end.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.lab.bench.ttfa import ROOT
from agent.lab.broker import Broker
from agent.lab.resident import Resident, ResidentFailed, Value
from agent.lab.room import Room
from agent.lab.watch import Watcher

BARS = (Bar("listening_ms", 3000, 2000),)
RUNS = 5
LIMIT_S = 60.0
SETTINGS: dict[str, Value] = {"mqtt.device": ROOT.rsplit("/", maxsplit=1)[-1]}


def run(progress: Progress) -> Figures:
    rows: list[dict[str, float]] = []
    with Room() as room:
        for number in range(RUNS + 1):
            progress("the first start, to fill the page cache" if number == 0 else f"start {number} of {RUNS}")
            with Broker() as broker:  # a new one each time: it must not remember the last life
                rows.append(_start(room, broker))
    medians = {key: percentiles([row[key] for row in rows[1:]], 50)[0] for key in rows[0]}
    return {"n": RUNS, **medians, "config": SETTINGS}


def _start(room: Room, broker: Broker) -> dict[str, float]:
    watcher = Watcher(broker.host, broker.port, ROOT)
    watcher.start()
    try:
        with tempfile.TemporaryDirectory(prefix="notify-") as folder, _Systemd(Path(folder) / "notify") as systemd:
            env = {**room.env, "NOTIFY_SOCKET": systemd.address}
            agent = Resident({**SETTINGS, "mqtt.port": broker.port}, env)
            with agent:
                ready_s = systemd.wait_ready(agent.check) - agent.started_at
                hears_s = agent.wait_parts(watcher, ("mic", "wake"), LIMIT_S)
                loaded_s = agent.wait_parts(watcher, ("mic", "wake", "asr", "tts", "speaker"), LIMIT_S)
                told = time.monotonic()
                agent.stop()
                stop_s = time.monotonic() - told
    finally:
        watcher.stop()
    seconds = {"ready_ms": ready_s, "listening_ms": max(ready_s, hears_s), "loaded_ms": loaded_s, "stop_ms": stop_s}
    return {key: value * 1000 for key, value in seconds.items()}


class _Systemd:
    """The other end of NOTIFY_SOCKET (sd_notify(3))."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> _Systemd:
        self._socket.bind(self.address)
        self._socket.settimeout(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait_ready(self, check: Callable[[], None]) -> float:
        """When READY=1 came, monotonic seconds. Raises ResidentFailed."""
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            try:
                message = self._socket.recv(4096)
            except TimeoutError:
                check()
                continue
            if b"READY=1" in message.split(b"\n"):
                return time.monotonic()
        raise ResidentFailed(f"no READY=1 within {LIMIT_S:g} s")
