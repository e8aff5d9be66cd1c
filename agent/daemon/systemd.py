"""What systemd is told, and by what right: sd_notify(3), and a watchdog that is fed by progress.

Rules:
- Without `NOTIFY_SOCKET`, or with one that nobody reads, all of this is silent.
- The watchdog has no thread and no timer. Whoever turns the main loop calls `tick`, and the ping goes out only where
  everything that was to be watched has moved within its limit; so a deaf process is restarted, and not only a dead one.
- A ping every third of `WATCHDOG_USEC`, and only where `WATCHDOG_PID` is unset or ours: children inherit the variables.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from systemd import daemon

STATUS_LIMIT = 80

log = logging.getLogger(__name__)


class Notifier:
    """Messages of sd_notify(3). A socket that takes nothing is said once and then ignored."""

    def __init__(self) -> None:
        self._complained = False
        self._status = ""

    def ready(self) -> None:
        """The start, or a reload, is complete."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`, cut to 80 characters; said only where it changed."""
        line = " ".join(text.split())[:STATUS_LIMIT]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def reloading(self) -> None:
        """To be followed by `ready`, whether the new configuration was taken or not: else systemd waits for ever."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def extend(self, seconds: float) -> None:
        """The start (or the stop) goes on; systemd's time-out counts anew from here, for so long."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def alive(self) -> None:
        """The ping of the watchdog."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        try:
            daemon.notify(message)
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.warning("systemd does not take %s: %s", message.split("=")[0], error, extra={"code": "notify"})


@dataclass(frozen=True, slots=True)
class _Check:
    """`progress` gives the last moment of progress, `limit_s` how old it may get."""

    name: str
    progress: Callable[[], float]
    limit_s: float


class Watchdog:
    """Used by the thread that turns the main loop. `clock` gives monotonic seconds, as the checks do."""

    def __init__(self, notifier: Notifier, clock: Callable[[], float] = time.monotonic) -> None:
        self._notifier = notifier
        self._clock = clock
        self._interval_s = interval_s(os.environ, os.getpid())
        self._checks: list[_Check] = []
        self._pinged: float | None = None
        self._stale: tuple[str, ...] = ()

    @property
    def interval_s(self) -> float | None:
        """How often `tick` is to be called at least; None where systemd does not watch."""
        return self._interval_s

    def watch(self, name: str, progress: Callable[[], float], limit_s: float) -> None:
        """Withhold the ping when `progress()` is older than `limit_s`. A recovery in hand counts as progress."""
        self._checks.append(_Check(name, progress, limit_s))

    def tick(self) -> tuple[str, ...]:
        """Ping if it is time and all is fresh. Returns the names of those that are stale, and logs them anew."""
        now = self._clock()
        stale = tuple(check.name for check in self._checks if now - check.progress() > check.limit_s)
        if stale and stale != self._stale:
            log.error("no progress: %s; the watchdog is not fed", ", ".join(stale), extra={"code": "watchdog.stale"})
        if self._stale and not stale:
            log.info("progress again: %s", ", ".join(self._stale), extra={"code": "watchdog.fresh"})
        self._stale = stale
        if self._interval_s is not None and not stale and self._due(now):
            self._pinged = now
            self._notifier.alive()
        return stale

    def _due(self, now: float) -> bool:
        # A tick comes a little early or late: half an interval early is still a third of the limit.
        return self._pinged is None or self._interval_s is None or now - self._pinged >= self._interval_s / 2


def interval_s(environment: Mapping[str, str], pid: int) -> float | None:
    """Seconds between pings, as systemd wants them of this process; None where it wants none."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    try:
        limit_us = int(environment.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return limit_us / 3e6 if limit_us > 0 else None
