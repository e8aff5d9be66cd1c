"""The one place that looks at the clocks; everybody else is told the time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from agent.events import Instant

Clock = Callable[[], Instant]


def now() -> Instant:
    """This moment on the monotonic and on the wall clock (local time zone)."""
    return Instant(time.monotonic(), datetime.now(UTC).astimezone())
