"""The running service's own report: fresh, left over, half written, unreadable; and what systemd says of the unit."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.alsa import DeviceError
from agent.config import Audio, Config, Mic, Speaker
from agent.doctor import devices, realtime, report, service, sound
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.doctor.report import Report, Unreadable

NOW = datetime.now(UTC)
OK = {"status": "ok", "reason": "", "since": NOW.isoformat()}
UNIT = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "NRestarts": "0", "ExecMainStatus": "0"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(report, "paths", lambda: iter([tmp_path / report.NAME]))
    return tmp_path


@pytest.fixture(scope="module")
def living() -> Iterator[int]:
    """A process that looks like the service."""
    command = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()", "voice-agent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process.pid


def write(folder: Path, pid: int, **changes: Any) -> None:
    body = {
        "at": NOW.isoformat(), "version": "0.1.0", "pid": pid, "phase": "idle", "health": {"mic": OK, "wake": OK},
        "counters": {"xruns": 0, "lost_periods": 0}, "mic": "default 16000 Hz", "speaker": "",
    }  # fmt: skip
    (folder / report.NAME).write_text(json.dumps({**body, **changes}))


def told(folder: Path) -> dict[str, Finding]:
    return {finding.title: finding for finding in service.of_report(report.read())}


def test_none(folder: Path) -> None:
    assert report.read() is None
    assert told(folder) == {}


def test_of_a_living_service(folder: Path, living: int) -> None:
    """It is written where something changes: an hour without a change is no fault."""
    write(folder, living, at=(NOW - timedelta(hours=1)).isoformat())
    assert report.running()
    found = told(folder)
    assert found["its mic"].severity == "ok"
    assert "16000 Hz" in found["its mic"].detail
    assert found["its counters"].detail == "no xruns, nothing lost"


def test_what_it_says_is_wrong_is_passed_on(folder: Path, living: int) -> None:
    since = NOW.isoformat()
    bad = {"mic": {"status": "failed", "reason": "unplugged", "since": since}, "llm": {"status": "degraded"}}
    write(folder, living, health=bad, counters={"xruns": 3})
    found = told(folder)
    assert found["its mic"].severity == "failure"
    assert "unplugged" in found["its mic"].detail
    assert "--only devices sound" in found["its mic"].remedy
    assert found["its llm"].severity == "warning"
    assert "3 xruns" in found["its counters"].detail


@pytest.mark.parametrize("pid", [2**22 + 1, -1, 0])
def test_left_over(folder: Path, pid: int) -> None:
    write(folder, pid)
    assert report.running() is None
    assert "which has ended" in told(folder)["own report"].detail


def test_its_number_was_given_again(folder: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        write(folder, other.pid)
        assert report.running() is None
        other.kill()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"at": 3}', '{"at": "2026-01-01T00:00:00", "pid": 1}', "\xff"]
)
def test_garbage(folder: Path, text: str) -> None:
    (folder / report.NAME).write_bytes(text.encode("latin-1"))
    assert isinstance(report.read(), Unreadable)
    assert told(folder)["own report"].severity == "warning"


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda part: st.lists(part) | st.dictionaries(st.text(), part))
)
def test_any_health_is_read_or_refused(health: Any) -> None:
    body = {"at": NOW.isoformat(), "pid": 1, "health": health}
    try:
        parsed = report._parsed(Path("x"), body)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return
    assert isinstance(parsed, Report)


def capture_of_card(folder: Path, name: str) -> Path:
    """The status file of the capture device of card 0, which the kernel also shows by the card's name."""
    status = folder / "proc/asound/card0/pcm0c/sub0/status"
    status.parent.mkdir(parents=True)
    (folder / "proc/asound" / name).symlink_to("card0")
    return status


def test_a_device_that_the_service_holds(folder: Path, living: int) -> None:
    """That is how it should be, and not looked into; held by somebody else, it is a fault."""
    context = Context(Config(), True, lambda text: None, folder)
    busy = DeviceError("busy", "plughw:CARD=Mic is in use by another program; stop it")
    status = capture_of_card(folder, "Mic")
    write(folder, living)
    status.write_text(f"state: RUNNING\nowner_pid   : {living}\n")
    held = devices.refused(context, "capture", "plughw:CARD=Mic", busy)
    assert held.severity == "info"
    assert held.remedy == devices.FREE_IT
    status.write_text(f"state: RUNNING\nowner_pid   : {os.getpid()}\n")
    taken = devices.refused(context, "capture", "plughw:CARD=Mic", busy)
    assert taken.severity == "failure"
    assert f"process {os.getpid()}" in taken.detail


def test_chirps_are_not_excused_by_a_service_that_has_nothing(
    folder: Path, living: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(mic: Mic) -> None:
        raise DeviceError("busy", f"{mic.device} is in use by another program; stop it")

    monkeypatch.setattr(devices, "open_mic", busy)
    status = capture_of_card(folder, "Mic")
    write(folder, living)
    config = Config(audio=Audio(mic=Mic(device="plughw:CARD=Mic")))
    context = Context(config, True, lambda text: None, folder)
    for owner, severity, words in ((living, "info", "the running service"), (os.getpid(), "failure", "in use by")):
        status.write_text(f"state: RUNNING\nowner_pid   : {owner}\n")
        (found,) = sound.examine(context)
        assert (found.part, found.severity) == ("sound", severity)
        assert words in found.detail


def test_a_child_that_is_not_to_be_in_real_time_is_not_blamed(folder: Path) -> None:
    """One that looks like the service, with an ordinary process that looks like its speaker's."""
    child = "print('up', flush=True); import sys; sys.stdin.read()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, 'agent.audio.speaker'])"
    command = [sys.executable, "-c", start, "voice-agent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        assert service.stdout
        service.stdout.readline()
        write(folder, service.pid)
        for wanted, titles in ((True, ["of the service's speaker"]), (False, [])):
            config = Config(audio=Audio(speaker=Speaker(realtime=wanted)))
            found = list(realtime.examine(Context(config, False, lambda text: None)))
            assert [each.title for each in found if each.severity == "warning"] == titles


def test_no_right_to_read(folder: Path) -> None:
    (folder / report.NAME).mkdir()
    found = report.read()
    assert isinstance(found, Unreadable)


def test_wait_until_it_hears(folder: Path, living: int) -> None:
    write(folder, living, health={"mic": {"status": "loading", "reason": "", "since": ""}, "wake": OK})
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    heard: list[Finding] = []
    waiting = threading.Thread(target=lambda: heard.append(report.wait_until_hears(30.0, said.put)))
    waiting.start()
    assert "mic loading" in said.get(timeout=20.0)
    write(folder, living)
    waiting.join()
    assert heard[0].severity == "ok"


def test_it_never_hears(folder: Path, living: int) -> None:
    assert "no report" in report.wait_until_hears(0.0).detail
    write(folder, living, health={"mic": {"status": "failed", "reason": "unplugged", "since": ""}, "wake": OK})
    found = report.wait_until_hears(0.3)
    assert found.severity == "failure"
    assert "mic failed (unplugged)" in found.detail


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({}, "ok", "active"),
        ({"NRestarts": "4"}, "warning", "active (running), restarted by systemd 4 times"),
        ({"NRestarts": "1"}, "warning", "restarted by systemd once"),
        ({"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "78"}, "failure", "bad configuration"),
        (
            {"ActiveState": "activating", "SubState": "auto-restart", "ExecMainStatus": "75"},
            "failure",
            "again and again",
        ),
        (
            {"ActiveState": "activating", "SubState": "auto-restart-queued", "ExecMainStatus": "70"},
            "failure",
            "again and again",
        ),
        (
            {"ActiveState": "failed", "Result": "watchdog", "ExecMainCode": "3", "ExecMainStatus": "6"},
            "failure",
            "killed by SIGABRT",
        ),
        ({"ActiveState": "inactive", "SubState": "dead"}, "warning", "inactive"),
        ({"ActiveState": "activating", "SubState": "start"}, "info", "activating"),
        ({"NRestarts": "", "ExecMainStatus": "[not set]"}, "ok", "active"),
    ],
)
def test_the_unit(changes: dict[str, str], severity: str, words: str) -> None:
    (found,) = service.of_unit({**UNIT, **changes})
    assert found.severity == severity
    assert words in found.detail


def test_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/a:/run/b")
    monkeypatch.setenv("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    found = [str(path) for path in report.paths()]
    assert found == [
        "/run/a/health.json",
        "/run/voice-agent/health.json",
        f"/run/user/{os.geteuid()}/voice-agent/health.json",
    ]
