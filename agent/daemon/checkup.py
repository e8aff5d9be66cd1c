"""`cmd/doctor`: `voice-agent doctor --json` as a child of the running service, and a summary of what it found.

The doctor reads the service's own report instead of taking its devices away. Left out is what makes a sound, and the
speed of the engines: beside a working agent it would measure the agent, and need the memory of a second one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.commands import Answer, Scalar, ShowEvent

LIMIT_S = 300.0
MAX_BYTES = 8000
MAX_TEXT = 300
NICE = 10
PARTS = (
    "config", "versions", "board", "clock", "disk", "service", "realtime", "devices", "panel", "web", "models",
    "wyoming", "language", "broker",
)  # fmt: skip
COUNTED = {"failure": "failures", "warning": "warnings", "info": "notes", "ok": "passed"}
SYSTEMDS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

Data = Mapping[str, Scalar | tuple[Mapping[str, Scalar], ...]]

log = logging.getLogger(__name__)


class Failed(Exception):
    """There is no report; says why. `code` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Checkup:
    """One examination at a time. `ask` and `stop` are for the main thread; `tell` is called on a thread of its own."""

    def __init__(self, config: Path | None, tell: Callable[[Answer | ShowEvent], None]) -> None:
        self._config = config
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: str | None) -> None:
        if self._process is not None and self._process.poll() is None:
            self._failed(request, Failed("busy", "an examination is going on already; its result comes soon"))
            return
        options = ["--config", str(self._config)] if self._config else []
        command = [sys.executable, "-m", "agent.cli", "doctor", "--json", "--no-sound", *options, "--only", *PARTS]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if name not in SYSTEMDS},
                start_new_session=True,
            )
        except OSError as error:
            self._failed(request, Failed("failed", f"the doctor cannot be started: {error.strerror}"))
            return
        with contextlib.suppress(OSError):  # it has already ended
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
        threading.Thread(target=self._wait, args=(self._process, request), name="doctor", daemon=True).start()

    def stop(self) -> None:
        if self._process is not None:
            _kill(self._process)

    def _wait(self, process: subprocess.Popen[bytes], request: str | None) -> None:
        try:
            document = _report(process)
        except Failed as failed:
            self._failed(request, failed)
            return
        data = summary(document)
        self._tell(
            ShowEvent("examined", None, {name: value for name, value in data.items() if not isinstance(value, tuple)})
        )
        if request is not None:
            self._tell(Answer(request, ok=True, data=data))

    def _failed(self, request: str | None, failed: Failed) -> None:
        log.warning("no examination: %s", failed, extra={"code": f"doctor.{failed.code}"})
        if request is not None:
            self._tell(Answer(request, False, failed.code, str(failed)))
        else:
            self._tell(ShowEvent("error", None, {"code": f"doctor.{failed.code}", "message": str(failed)}))


def _report(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for it to end. Raises Failed."""
    try:
        printed, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        _kill(process)
        process.communicate()
        raise Failed(
            "timeout", f"it did not end within {LIMIT_S:g} s; voice-agent doctor shows where it hangs"
        ) from None
    try:
        document = json.loads(printed)
        assert isinstance(document["findings"], list)
    except (ValueError, KeyError, TypeError, AssertionError):
        raise Failed("failed", f"it ended with {process.returncode} and no report; run voice-agent doctor") from None
    found: dict[str, Any] = document
    return found


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def summary(document: Mapping[str, Any]) -> Data:
    """How many findings of each severity, and those that are not ok, the worst first, as far as 8 kB go."""
    findings = document["findings"]
    order = list(COUNTED)
    bad = sorted(
        (each for each in findings if each["severity"] != "ok"), key=lambda each: order.index(each["severity"])
    )
    told = [_told(each) for each in bad]
    counts = {name: sum(each["severity"] == severity for each in findings) for severity, name in COUNTED.items()}
    message = f"{told[0]['part']}, {told[0]['title']}: {told[0]['detail']}" if told else "all is well"
    data: dict[str, Scalar] = {**counts, "message": message}
    room, shown = MAX_BYTES - _size(data), list[Mapping[str, Scalar]]()
    for each in told:
        room -= _size(each) + 1
        if room < 0:
            break
        shown.append(each)
    return {**data, "left_out": len(told) - len(shown), "findings": tuple(shown)}


def _told(finding: Mapping[str, Any]) -> dict[str, Scalar]:
    return {name: str(finding[name])[:MAX_TEXT] for name in ("part", "severity", "title", "detail", "remedy")}


def _size(fields: Mapping[str, Scalar]) -> int:
    return len(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
