"""A session in a process of its own (`session_process.py`), so that its memory, threads and death are its own."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import psutil


class SessionChild:
    """`with SessionChild(port) as child: child.wait_up(10)`. It shows a state, and its health on stdout."""

    def __init__(self, port: int, protocol: str = "5", keepalive_s: int = 15) -> None:
        file = Path(__file__).with_name("session_process.py")
        self._command = [sys.executable, str(file), str(port), "kitchen", protocol, str(keepalive_s)]

    def __enter__(self) -> SessionChild:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        self.process = psutil.Process(self._process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def wait_up(self, timeout_s: float) -> float:
        """Until it tells that it is up (again); when that was, monotonic seconds."""
        assert self._process.stdout is not None
        assert select.select([self._process.stdout], [], [], timeout_s)[0], f"not up within {timeout_s:.1f} s"
        at = time.monotonic()
        assert self._process.stdout.readline() == b"up\n"
        return at

    def usage(self) -> tuple[int, int, int]:
        """RSS in bytes, file descriptors, threads."""
        return self.process.memory_info().rss, self.process.num_fds(), self.process.num_threads()
