"""Stops at any moment of the start: a sweep from the first milliseconds to long after READY=1."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from living import unwanted
from systemd_ear import SystemdEar

from agent.lab.room import Room

pytestmark = pytest.mark.room

Record = Callable[[str, object], None]

STOP_S = 9.0  # three times what the contract allows
CONFIG = "version = 1\n[mqtt]\nenabled = false\n"
AFTER_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.7)


def catches(pid: int, number: int) -> bool:
    """Whether the process has a handler for this signal: before that, the system ends it by the signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_at_any_moment_of_the_start_is_clean(
    room: Room, tmp_path: Path, record_property: Record, number: signal.Signals
) -> None:
    """SIGHUP before and after it changes nothing. What comes before there is any Python is not in our hands."""
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    took: dict[float, str] = {}
    with SystemdEar(tmp_path) as systemd:
        env = {**room.env, **systemd.env(), "STATE_DIRECTORY": str(tmp_path / "state")}
        command = [sys.executable, "-m", "agent.cli", "run", "--config", str(file)]
        for after_s in AFTER_S if number == signal.SIGTERM else AFTER_S[3::3]:
            with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(after_s)
                ours = catches(process.pid, signal.SIGTERM)
                told = time.monotonic()
                if number != signal.SIGTERM:
                    os.kill(process.pid, number)
                os.kill(process.pid, signal.SIGTERM)
                if number != signal.SIGTERM:
                    os.kill(process.pid, number)
                _, log = process.communicate(timeout=STOP_S)
            took[after_s] = f"{time.monotonic() - told:.2f}" + ("" if ours else " (no handler yet)")
            assert process.returncode in ((0,) if ours else (0, -number)), (after_s, log)
            assert unwanted(log) == [], after_s
    record_property("stopped_within_s", took)
    assert any("(" not in text for text in took.values()), took
