"""What outlives the process: receipts of turns, settings changed by voice or MQTT, counts of wake scores, timers.

The state folder is `$STATE_DIRECTORY` (systemd), else `$XDG_STATE_HOME/voice-agent`. Writing happens on a thread of its
own: an SD card may stall for seconds, and neither sound nor dialogue may wait for it. A full or read-only disk is the
health of the part "disk"; the voice works on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from agent.clock import Clock
from agent.commands import KeepTimers
from agent.daemon.timer_store import TimerStore, TimerStoreError
from agent.events import Event, Health, Status, TimersKept
from agent.requests import Value

QUEUE = 256
MAX_RECEIPTS_BYTES = 4 << 20
SETTINGS, WAKE_SCORES, DIGESTS, RESTART = "settings.json", "wake_scores.json", "verified.json", "restart.json"
SERVICE_FOLDER = Path("/var/lib/voice-agent")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = logging.getLogger(__name__)


class AlreadyRunning(Exception):
    """Another daemon holds the state folder."""


def state_folder() -> Path:
    """The folder for state, made if it is missing."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = Path(given) if given else base / "voice-agent"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def places(name: str) -> Iterator[Path]:
    """Where a file of the running service's state may lie, for whoever only looks: the service's folder, the user's."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "voice-agent"
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    for folder in ([Path(given)] if given else []) + [SERVICE_FOLDER, home]:
        try:
            there = (folder / name).is_file()
        except PermissionError:
            there = True  # reading it will say so
        if there:
            yield folder / name


def lock(folder: Path) -> IO[str]:
    """Hold the folder for this process, as long as the returned file is open. Raises AlreadyRunning."""
    handle = (folder / "lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise AlreadyRunning(f"another voice-agent runs already: it holds {folder / 'lock'}") from None
    return handle


def read_settings(folder: Path) -> dict[str, Any]:
    """Settings as they were last changed; {} where there are none or the file is damaged (it is moved aside)."""
    return _read(folder / SETTINGS)


def read_wake_scores(folder: Path) -> dict[str, Any]:
    """What `Store.wake_scores` last wrote (`agent.hearing.scores` understands it); {} as for settings."""
    return _read(folder / WAKE_SCORES)


def read_restart(folder: Path) -> float | None:
    """When, in monotonic seconds of this boot, the agent last ended because somebody asked for a restart."""
    document = _read(folder / RESTART)
    at = document.get("monotonic_s")
    return float(at) if isinstance(at, int | float) and document.get("boot") == _boot() else None


def _boot() -> str:
    """proc(5); the monotonic clock begins with it."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read and begins anew: %s", path, error)
        with contextlib.suppress(OSError):
            path.rename(path.with_suffix(".corrupt"))
        return {}
    return document if isinstance(document, dict) else {}


class Store:
    """The writing thread. `receipt` and `setting` only enqueue. `keep_receipts` may be changed at any time."""

    def __init__(self, folder: Path, emit: Callable[[Event], None], clock: Clock, keep_receipts: bool) -> None:
        self._folder = folder
        self._emit = emit
        self._clock = clock
        self.keep_receipts = keep_receipts
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(QUEUE)
        self._settings = read_settings(folder)
        self._timers = TimerStore(folder, _boot(), lambda: f"{clock().wall:%Y%m%d-%H%M%S}")
        self.kept = self._timers.read()
        self._healthy = True
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        if self.kept.flaw:
            log.warning("%s", self.kept.flaw, extra={"code": "timers.flaw"})
            self._emit(Health(self._clock(), "disk", "degraded", self.kept.flaw))
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, for a second at most."""
        self._put(None)
        self._thread.join(1.0)

    def receipt(self, receipt: Mapping[str, Any]) -> None:
        if self.keep_receipts:
            line = json.dumps(receipt, ensure_ascii=False) + "\n"
            self._put(lambda: self._append(line))

    def setting(self, name: str, value: Value | None) -> None:
        """Keep what somebody has set; None: forget it."""
        self._put(lambda: self._save(name, value))

    def wake_scores(self, document: Mapping[str, Any]) -> None:
        """Replace the recorded wake scores; the document must not change any more."""
        self._put(lambda: self._replace(WAKE_SCORES, document))

    def restart(self, monotonic_s: float) -> None:
        """The process ends because somebody asked for a restart."""
        self._put(lambda: self._replace(RESTART, {"boot": _boot(), "monotonic_s": monotonic_s}))

    def timers(self, command: KeepTimers) -> None:
        """Write all timers; `TimersKept` tells when they are on the disk, or why they are not."""
        if not self._put(lambda: self._keep(command)):
            self._kept(command, "too much waits for the disk")

    def _put(self, job: Callable[[], None] | None) -> bool:
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            self.dropped += 1
            return False
        return True

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                job()
            except OSError as error:
                self._report(healthy=False, reason=f"cannot write to {self._folder}: {error.strerror}")
            except TimerStoreError as error:
                self._report(healthy=False, reason=str(error))
            else:
                self._report(healthy=True, reason="")
        self._timers.close()

    def _report(self, healthy: bool, reason: str) -> None:
        """A flaw found at the start remains until the next one: what was lost is lost."""
        if healthy != self._healthy:
            self._healthy = healthy
            well: Status = "degraded" if self.kept.flaw else "ok"
            status, why = (well, self.kept.flaw) if healthy else ("failed", reason)
            self._emit(Health(self._clock(), "disk", status, why))

    def _keep(self, command: KeepTimers) -> None:
        try:
            self._timers.write(command.timers)
        except TimerStoreError as error:
            self._kept(command, str(error))
            raise
        self._kept(command)

    def _kept(self, command: KeepTimers, reason: str = "") -> None:
        self._emit(TimersKept(self._clock(), command.revision, not reason, reason))

    def _append(self, line: str) -> None:
        path = self._folder / "turns.jsonl"
        if path.exists() and path.stat().st_size > MAX_RECEIPTS_BYTES:
            path.replace(path.with_suffix(".jsonl.1"))
        with path.open("a", encoding="utf-8") as file:
            file.write(line)

    def _save(self, name: str, value: Value | None) -> None:
        if value is None:
            self._settings.pop(name, None)
        else:
            self._settings[name] = value
        self._replace(SETTINGS, self._settings)

    def _replace(self, name: str, document: Mapping[str, Any]) -> None:
        part = self._folder / f"{name}.part"
        with part.open("w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / name)
