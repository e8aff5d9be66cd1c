"""The one place that looks at the clocks; everybody else is told the time."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.events import Instant

Clock = Callable[[], Instant]

LOCALTIME = Path("/etc/localtime")  # localtime(5)


def now() -> Instant:
    """This moment on the monotonic and on the wall clock, in the system's time zone."""
    here = zone()
    return Instant(time.monotonic(), datetime.now(UTC).astimezone() if here is None else datetime.now(here))


def zone() -> tzinfo | None:
    """The system's time zone with its rules, so that "tomorrow at seven" is right also in the night in which the clock
    changes. None where it cannot be read: then only the present offset from UTC is known."""
    name = os.environ.get("TZ", "").removeprefix(":")
    with suppress(OSError, ValueError):
        if name:
            return _named(name)
        stat = LOCALTIME.stat()
        return _read(stat.st_ino, stat.st_mtime_ns)
    return None


def _named(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except KeyError:
        return None


@lru_cache(maxsize=2)
def _read(inode: int, mtime_ns: int) -> tzinfo:
    """Read again where somebody has set another zone."""
    with LOCALTIME.open("rb") as file:
        return ZoneInfo.from_file(file)
