"""Is it the right time? Without it TLS refuses every certificate, and timers and receipts are wrong.

The kernel knows whether somebody keeps its clock: adjtimex(2), as `timedatectl` asks it. No right is needed to read.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from datetime import UTC, datetime

from agent.doctor.context import Context
from agent.doctor.finding import Finding

EARLIEST, LATEST = 2025, 2100
UNSYNCHRONISED_US = 16_000_000  # what systemd takes for it: the kernel's own limit


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`; the rest is not read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("rest", ctypes.c_byte * 512),
    )


def examine(context: Context) -> Iterator[Finding]:
    context.say("is it synchronised?")
    yield judged(datetime.now(UTC), _error_us())


def judged(now: datetime, error_us: int | None) -> Finding:
    """`error_us`: how wrong the clock may be at most, in µs, None where the kernel does not tell."""
    shown = f"{now.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    figures = {"at": now.isoformat(timespec="seconds"), "max_error_ms": None if error_us is None else error_us / 1000}
    remedy = "sudo timedatectl set-ntp true; does the device reach a time server?"
    if not EARLIEST <= now.year <= LATEST:
        return Finding("clock", "failure", "time", f"it cannot be {shown}: TLS will refuse everybody", remedy, figures)
    if error_us is None:
        return Finding("clock", "info", "time", f"{shown}; the kernel does not tell how sure that is", "", figures)
    if error_us >= UNSYNCHRONISED_US:
        return Finding("clock", "warning", "time", f"{shown}, but nobody keeps the clock right", remedy, figures)
    return Finding("clock", "ok", "time", f"{shown}, at most {error_us / 1000:.0f} ms wrong", "", figures)


def _error_us() -> int | None:
    state = _Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.byref(state)) < 0:
        return None
    return int(state.maxerror)
