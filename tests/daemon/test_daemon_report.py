"""The report of the running service: where it goes, when it is written, and that it harms nothing."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.clock import now
from agent.daemon.report import NAME, Report, runtime_folder
from agent.dialogue.state import PartHealth, State

COUNTERS = {"xruns": 0, "lost_periods": 0}
STATE = State(health={"mic": PartHealth("failed", "unplugged", datetime(2026, 1, 1, tzinfo=UTC))})


def test_the_folder_is_systemds_or_the_users_if_somebody_made_it(tmp_path: Path) -> None:
    assert runtime_folder({}) is None
    assert runtime_folder({"RUNTIME_DIRECTORY": "/run/a:/run/b", "XDG_RUNTIME_DIR": "/x"}) == Path("/run/a")
    assert runtime_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) is None
    (tmp_path / "voice-agent").mkdir()
    assert runtime_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path / "voice-agent"


def test_it_is_written_whole_and_readable_whatever_the_umask_and_only_where_something_changed(tmp_path: Path) -> None:
    report, file = Report(tmp_path, now), tmp_path / NAME
    before = os.umask(0o077)
    try:
        report.update(STATE, COUNTERS, "hw:1 16000 S16 1", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert json.loads(file.read_text())["health"] == {
        "mic": {"status": "failed", "reason": "unplugged", "since": "2026-01-01T00:00:00.000+00:00"}
    }
    written = file.stat().st_ino
    report.update(STATE, dict(COUNTERS), "hw:1 16000 S16 1", "")
    assert file.stat().st_ino == written
    report.update(STATE, COUNTERS | {"xruns": 1}, "hw:1 16000 S16 1", "")
    assert json.loads(file.read_text())["counters"]["xruns"] == 1
    report.remove()
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_written_and_a_lost_one_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Report(None, now).update(STATE, COUNTERS, "", "")
    report = Report(tmp_path / "gone", now)
    report.update(STATE, COUNTERS, "", "")
    report.update(replace(STATE, volume=1), COUNTERS | {"xruns": 2}, "", "")
    report.remove()
    assert "cannot be written" in caplog.text
