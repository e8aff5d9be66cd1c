"""The other end of NOTIFY_SOCKET: what systemd would hear, in order and with the moment it came."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

LISTEN_S = 0.2


class SystemdEar:
    """`with SystemdEar(folder) as systemd: Resident(settings, env | systemd.env(watchdog_s=6))`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(LISTEN_S)
        self._came = threading.Condition()  # guards the messages
        self._messages: list[tuple[float, str]] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="systemd-ear")

    def __enter__(self) -> SystemdEar:
        self._socket.bind(str(self._path))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def env(self, watchdog_s: float | None = None) -> dict[str, str]:
        watchdog = {} if watchdog_s is None else {"WATCHDOG_USEC": str(round(watchdog_s * 1e6))}
        return {"NOTIFY_SOCKET": str(self._path), **watchdog}

    def mark(self) -> int:
        """How many messages there are; `wait` and `moments` can look at what comes after."""
        with self._came:
            return len(self._messages)

    def wait(self, wanted: Callable[[str], bool], timeout_s: float, after: int = 0) -> float:
        """When the first such message after the mark came (monotonic seconds). Raises AssertionError."""
        found = []

        def came() -> bool:
            found[:] = [at for at, text in self._messages[after:] if wanted(text)]
            return bool(found)

        with self._came:
            assert self._came.wait_for(came, timeout_s), f"not told; systemd heard {self._messages[after:]}"
            return found[0]

    def wait_silence(self, message: str, for_s: float, timeout_s: float) -> None:
        """Wait until exactly this message has not come for so long. Raises AssertionError."""
        until = time.monotonic() + timeout_s
        with self._came:
            while (now := time.monotonic()) - max(self._moments(message), default=until - timeout_s) < for_s:
                assert now < until, f"{message} comes again and again"
                self._came.wait(LISTEN_S)

    def moments(self, message: str) -> list[float]:
        """When exactly this message came."""
        with self._came:
            return self._moments(message)

    def heard(self) -> list[str]:
        with self._came:
            return [text for _, text in self._messages]

    def _moments(self, message: str) -> list[float]:
        return [at for at, text in self._messages if text == message]

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                continue
            at = time.monotonic()
            with self._came:
                self._messages += [(at, line) for line in data.decode().splitlines()]
                self._came.notify_all()
