"""The whole examination: which checks there are, in which order, and how long each may take.

The checks run one after the other in a process of their own (`agent.doctor.worker`), so that none can hang, crash or
slow down whoever asks: the command, or one day the agent itself. A check that does not end in time, or takes its
process with it, is a failure of its part, and a new process does the rest.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from agent.config import Config
from agent.doctor.finding import Finding, from_json

LIMITS_S: Mapping[str, float] = {
    "versions": 15.0,
    "board": 15.0,
    "clock": 10.0,
    "disk": 15.0,
    "service": 20.0,
    "realtime": 20.0,
    "devices": 25.0,
    "sound": 90.0,
    "panel": 15.0,
    "web": 30.0,
    "models": 180.0,  # a few hundred MB from an SD card
    "engines": 300.0,  # a small Pi loads for half a minute
    "wyoming": 60.0,  # two servers, of which none may answer
    "satellite": 15.0,
    "language": 180.0,
    "tools": 120.0,  # a few servers, of which none may answer
    "broker": 30.0,
}
START_S = 20.0  # for Python and the configuration, on the smallest device
PARTS = ("config", *LIMITS_S)
NEED_NO_CONFIG = ("versions", "board", "clock", "disk", "service", "realtime")
REAP_S = 2.0  # for who has closed its pipe to be gone, on a busy device
READ_BYTES = 65_536
TOLD_CHARS = 300

Progress = Callable[[str, str], None]  # part, what is being done ("" at its beginning)


def examine(
    config: Config, only: Sequence[str] = (), sound: bool = True, progress: Progress = lambda part, text: None
) -> Iterator[Finding]:
    """Findings as they come; blocks for up to some minutes. `only`: names out of LIMITS_S, empty for all.

    `sound`: whether the speaker may be heard. `progress` is called in the caller's thread.
    """
    waiting = [part for part in LIMITS_S if not only or part in only]
    while waiting:
        with _Worker(config, sound) as worker:
            while waiting:
                part = waiting.pop(0)
                progress(part, "")
                yield from worker.check(part, progress)
                if not worker.alive:
                    break


@dataclass(slots=True)
class _Worker:
    """One process and what it has written so far. Its stderr is a file, so that it can never be blocked by it."""

    config: Config
    sound: bool
    alive: bool = True
    _process: subprocess.Popen[bytes] | None = None
    _errors: IO[bytes] | None = None
    _begun: bytes = b""
    _last_said: str = ""
    _first: bool = field(default=True)

    def __enter__(self) -> _Worker:
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent.doctor.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            start_new_session=True,
        )
        self._tell(json.dumps({"config": self.config.model_dump(mode="json"), "sound": self.sound}))
        return self

    def __exit__(self, *_: object) -> None:
        """Its children end with it: their pipes close."""
        assert self._process
        assert self._errors
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe:
                pipe.close()

    def check(self, part: str, progress: Progress) -> Iterator[Finding]:
        limit_s = LIMITS_S[part]
        until = time.monotonic() + limit_s + (START_S if self._first else 0.0)
        self._first, self._last_said = False, ""
        self._tell(part)
        while (line := self._line(until)) is not None:
            message: dict[str, Any] = json.loads(line)
            match message:
                case {"say": str(text)}:
                    self._last_said = text
                    progress(part, text)
                case {"finding": dict(fields)}:
                    yield from_json(fields)
                case _:
                    return
        self.alive = False
        yield self._lost(part, limit_s)

    def _tell(self, line: str) -> None:
        assert self._process
        assert self._process.stdin
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            return  # it has died: `_line` finds out

    def _line(self, until: float) -> bytes | None:
        """The next line; None where none came in time, or the process is gone."""
        assert self._process
        assert self._process.stdout
        fd = self._process.stdout.fileno()
        while b"\n" not in self._begun:
            left = until - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                return None
            data = os.read(fd, READ_BYTES)
            if not data:
                return None
            self._begun += data
        line, _, self._begun = self._begun.partition(b"\n")
        return line

    def _lost(self, part: str, limit_s: float) -> Finding:
        assert self._process
        doing = f", at: {self._last_said}" if self._last_said else ""
        try:
            code = self._process.wait(REAP_S)
        except subprocess.TimeoutExpired:
            return Finding(
                part,
                "failure",
                "does not end",
                f"no result within {limit_s:g} s{doing}",
                "look at the journal and at dmesg; a device or a disk may hang",
            )
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        last = self._last_error()
        return Finding(
            part,
            "failure",
            "crashed",
            f"the check {how}{doing}{f' ({last})' if last else ''}",
            f"run it alone: voice-agent doctor --only {part}; out of memory? dmesg tells",
        )

    def _last_error(self) -> str:
        assert self._errors
        fd = self._errors.fileno()
        tail = max(0, os.fstat(fd).st_size - READ_BYTES)
        text = os.pread(fd, READ_BYTES, tail).decode(errors="replace").strip()
        return "".join(c for c in text.rpartition("\n")[2] if c.isprintable())[:TOLD_CHARS]
