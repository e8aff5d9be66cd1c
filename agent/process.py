"""One process of a child and its two pipes: start it, write to it without blocking, end it.

Used by `agent.child`, which adds the thread, the queue and the judgement of when to start another.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.records import Decoder

log = logging.getLogger(__name__)

PIPE_BYTES = 1 << 20  # 64 KiB would be 0.34 s at 48 kHz stereo


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to run a child: `python -m MODULE ARGS`.

    `ready_s`: a MESSAGE {"type": "ready"} has to come within; `silent_s`: without any record for so long it is hung;
    `queue_bytes`: what may wait for its stdin; `hang_is_death`: False where a hang is somebody else's fault (a sound
    server that does not answer), so that it is replaced for ever and never fatal.
    """

    name: str
    module: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    ready_s: float = 30.0
    silent_s: float = 2.0
    queue_bytes: int = 1 << 20
    oom_score_adj: int = 500
    hang_is_death: bool = True


@dataclass(slots=True)
class Process:
    """A running process; used by one thread alone."""

    popen: subprocess.Popen[bytes]
    stdin: int  # -1 once closed
    stdout: int
    started_at: float
    heard_at: float
    ready: bool = False
    wanted: int = 0  # selector events on stdin
    outbox: bytearray = field(default_factory=bytearray)
    decoder: Decoder = field(default_factory=Decoder)

    def due(self, spec: ChildSpec) -> float:
        """When it counts as hung, unless it gives a sign of life."""
        return self.heard_at + spec.silent_s if self.ready else self.started_at + spec.ready_s

    def flush(self) -> None:
        """Write as much of the outbox as fits the pipe. A child that closed its end is dying: its stdout will tell."""
        try:
            while self.outbox and self.stdin >= 0:
                del self.outbox[: os.write(self.stdin, self.outbox)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.outbox.clear()

    def want(self, selector: selectors.BaseSelector, events: int) -> None:
        if events == self.wanted or self.stdin < 0:
            return
        if self.wanted:
            selector.unregister(self.stdin)
        if events:
            selector.register(self.stdin, events)
        self.wanted = events

    def close_stdin(self, selector: selectors.BaseSelector) -> None:
        if self.stdin >= 0:
            self.want(selector, 0)
            assert self.popen.stdin
            self.popen.stdin.close()
            self.stdin = -1

    def farewell(self) -> str:
        """Why it closed its stdout: how it ended, if it did."""
        try:
            code = self.popen.wait(0.2)
        except subprocess.TimeoutExpired:
            return "closed its output"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"

    def kill(self, name: str) -> None:
        self.popen.kill()
        try:
            self.popen.wait(1.0)
        except subprocess.TimeoutExpired:
            log.error("%s: process %d cannot be killed, it is stuck in the kernel", name, self.popen.pid)
        assert self.popen.stdout
        self.popen.stdout.close()


def spawn(spec: ChildSpec) -> Process:
    popen = subprocess.Popen(
        [sys.executable, "-m", spec.module, *spec.args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, **spec.env},
        start_new_session=True,
    )
    assert popen.stdin
    assert popen.stdout
    stdin, stdout = popen.stdin.fileno(), popen.stdout.fileno()
    os.set_blocking(stdin, False)
    os.set_blocking(stdout, False)
    with contextlib.suppress(PermissionError):  # over the user's share of pipe memory: 64 KiB have to do
        fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    with contextlib.suppress(OSError):  # it has already died, or /proc is read-only: its stdout will tell
        _write_oom_score(popen.pid, spec.oom_score_adj)
    now = time.monotonic()
    return Process(popen, stdin, stdout, now, now)


def _write_oom_score(pid: int, score: int) -> None:
    with open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(score))


def readable(fd: int) -> bool:
    """Whether bytes wait: then the child is alive and it was this process that stood still."""
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        return bool(selector.select(0))
