"""A terminal of 80 columns with a program in it: what it shows, and keys for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from types import TracebackType

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])")
COLUMNS, LINES = 80, 50


class Terminal:
    """`with Terminal(["setup"], env) as terminal: terminal.expect("Language"); terminal.type("")`."""

    def __init__(self, arguments: list[str], env: Mapping[str, str]) -> None:
        self._arguments = [sys.executable, "-m", "agent.cli", *arguments]
        self._env = {**env, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(LINES)}
        self._seen = ""
        self._mark = 0
        self._master = -1
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            self._arguments, env=self._env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._master)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def text(self) -> str:
        """All that was ever shown, without colours; of pictures that changed, all of them."""
        return ESCAPES.sub("", self._seen)

    def expect(self, pattern: str, timeout_s: float = 20.0) -> str:
        """Wait for it to be shown, after what was expected before; what matched."""
        until = time.monotonic() + timeout_s
        while True:
            found = re.compile(pattern).search(self.text, self._mark)
            if found:
                self._mark = found.end()
                return found[0]
            if not self._read(until - time.monotonic()):
                raise AssertionError(f"no {pattern!r}; there was\n{self.text[self._mark :][-3000:]}")

    def type(self, text: str, enter: bool = True) -> None:
        os.write(self._master, (text + ("\r" if enter else "")).encode())

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.write(self._master, b"\x03")

    def hang_up(self) -> None:
        """The connection is lost: the signal, and the end of what is typed."""
        os.kill(self.pid, signal.SIGHUP)
        os.write(self._master, b"\x04")

    def ended(self, timeout_s: float = 20.0) -> int:
        """Wait for the program's end; its exit code."""
        assert self._process is not None
        until = time.monotonic() + timeout_s
        while self._read(until - time.monotonic()):  # to the end of what it shows
            pass
        return self._process.wait(max(0.1, until - time.monotonic()))

    def _read(self, timeout_s: float) -> bool:
        """False where nothing came."""
        if timeout_s <= 0 or not select.select([self._master], [], [], timeout_s)[0]:
            return False
        data = b""
        with contextlib.suppress(OSError):  # EIO: the program has ended
            data = os.read(self._master, 65_536)
        self._seen += data.decode(errors="replace")
        return bool(data)
