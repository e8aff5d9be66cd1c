"""Realtime scheduling for the one thread of an audio child that must not be late."""

from __future__ import annotations

import os

PRIORITY = 5


def schedule_realtime() -> str:
    """Put the calling thread before all ordinary ones (SCHED_RR). Returns why not, where the system does not allow it.

    Threads that it starts are ordinary again. See sched(7); systemd grants it by LimitRTPRIO=.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except PermissionError:
        return f"realtime scheduling is not allowed (LimitRTPRIO={PRIORITY} grants it); going on without"
    return ""
