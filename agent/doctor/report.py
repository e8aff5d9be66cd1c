"""The running service's own report: `health.json` in its runtime folder, written by the daemon.

It is written where something changes, so an old one is as good as a new one while the process that wrote it lives.
Everything in it is checked, since a file of another version, or half of one, must not bring the doctor down.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.doctor.finding import Finding

NAME = "health.json"
MAX_BYTES = 65_536
POLL_S = 0.2
HEARING = ("mic", "wake")
OURS = ("voice-agent", "agent.cli")  # what stands in the command line of the service


@dataclass(frozen=True, slots=True)
class PartState:
    status: str
    reason: str
    since: str


@dataclass(frozen=True, slots=True)
class Report:
    """`alive`: the process that wrote it is still there; `age_s`: since when nothing has changed.

    `mic`, `speaker`: what the devices give, "" before they were opened.
    """

    path: Path
    alive: bool
    age_s: float
    version: str
    pid: int
    phase: str
    health: dict[str, PartState]
    counters: dict[str, int]
    mic: str
    speaker: str

    @property
    def hears(self) -> bool:
        return self.alive and all(part in self.health and self.health[part].status == "ok" for part in HEARING)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """There is a report, but `reason` keeps it from being used."""

    path: Path
    reason: str
    remedy: str


def paths() -> Iterator[Path]:
    """Where a service writes it: its own folder, the system's, the user's."""
    if given := os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
        yield Path(given) / NAME
    yield Path("/run/voice-agent") / NAME
    if own := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(own) / "voice-agent" / NAME


def read() -> Report | Unreadable | None:
    """The first report there is; None where there is none."""
    for path in paths():
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return Unreadable(path, f"cannot be read: {error.strerror}", "sudo voice-agent doctor")
        try:
            return _parsed(path, json.loads(data))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            return Unreadable(path, "is no report of this version", "sudo systemctl restart voice-agent")
    return None


def running() -> Report | None:
    """The report of a service that runs now."""
    found = read()
    return found if isinstance(found, Report) and found.alive else None


def wait_until_hears(seconds: float, progress: Callable[[str], None] = lambda text: None) -> Finding:
    """Wait until the service hears: microphone and wake word. A failure says what was missing at the end."""
    began = time.monotonic()
    told = ""
    while True:
        found = read()
        waited_s = time.monotonic() - began
        if isinstance(found, Report) and found.hears:
            shown = f"after {waited_s:.1f} s of waiting"
            return Finding("service", "ok", "hears", shown, figures={"waited_s": round(waited_s, 1)})
        missing = _missing(found)
        if missing != told:
            told = missing
            progress(f"waiting for the service: {missing}")
        if waited_s >= seconds:
            remedy = "journalctl -u voice-agent -n 50; systemctl status voice-agent"
            figures = {"waited_s": round(waited_s, 1)}
            return Finding("service", "failure", "hears", f"not within {seconds:g} s: {missing}", remedy, figures)
        time.sleep(min(POLL_S, max(0.01, seconds - waited_s)))


def _missing(found: Report | Unreadable | None) -> str:
    match found:
        case None:
            return "it has written no report (is it running?)"
        case Unreadable():
            return f"{found.path} {found.reason}"
        case Report(alive=False):
            return f"its process {found.pid} has ended"
        case Report():
            states = ((part, found.health.get(part)) for part in HEARING)
            return "; ".join(_told(part, state) for part, state in states if not state or state.status != "ok")


def _told(part: str, state: PartState | None) -> str:
    if state is None:
        return f"{part} unknown"
    return f"{part} {state.status}{f' ({state.reason})' if state.reason else ''}"


def _parsed(path: Path, body: Any) -> Report:
    """Raises ValueError, TypeError, KeyError where it is not what the contract says."""
    at = datetime.fromisoformat(body["at"])
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    age_s = (datetime.now(UTC) - at).total_seconds()
    pid = int(body["pid"])
    health = {
        _text(part): PartState(_text(state["status"]), _text(state.get("reason")), _text(state.get("since")))
        for part, state in body["health"].items()
    }
    counters = {_text(name): int(count) for name, count in body.get("counters", {}).items()}
    texts = (_text(body.get(key)) for key in ("version", "phase", "mic", "speaker"))
    version, phase, mic, speaker = texts
    return Report(path, _lives(pid), age_s, version, pid, phase, health, counters, mic, speaker)


def _text(value: object) -> str:
    """Whatever it was, printable and short."""
    return "".join(c if c.isprintable() else " " for c in str(value if value is not None else ""))[:300]


def _lives(pid: int) -> bool:
    """Whether that process is there, and still ours: numbers are given again."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except PermissionError:
        return True
    except OSError:
        return False
    return any(name in words for name in OURS)
