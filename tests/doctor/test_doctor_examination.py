"""The examination as a whole: nothing that a check does stops the others, or takes longer than it may."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest

from agent.config import Config
from agent.doctor import examination
from agent.doctor.examination import examine
from agent.doctor.finding import Finding, exit_code, from_json, of_problem
from agent.lab.room import Room

LIMIT_S = 2.0


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A sound server that stands still: opening a device holds the whole interpreter."""
    with Room() as own:
        for name, value in own.env.items():
            monkeypatch.setenv(name, value)
        own.hang()
        yield own
        own.cont()


def test_a_check_that_hangs(hung: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "LIMITS_S", {"devices": LIMIT_S, "clock": 20.0})
    monkeypatch.setattr(examination, "START_S", 0.0)
    began = time.monotonic()
    found = list(examine(Config(), sound=False))
    took_s = time.monotonic() - began
    hanging = next(finding for finding in found if finding.title == "does not end")
    assert hanging.part == "devices"
    assert "opening the microphone default" in hanging.detail
    assert found[-1].part == "clock"
    assert took_s < 3 * (LIMIT_S + 2.0)
    assert not workers(), "the process that hung is left behind"


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "agent.doctor.worker" in child.cmdline()]


def test_a_check_that_is_killed() -> None:
    """As for want of memory."""

    def kill(part: str, doing: str) -> None:
        if part == "disk" and not doing:
            (worker,) = workers()
            worker.kill()

    found = list(examine(Config(), ["disk", "service", "versions"], False, kill))
    crashed = [finding for finding in found if finding.title == "crashed"]
    parts = [finding.part for finding in found]
    assert [finding.part for finding in crashed] == ["disk"]
    assert "SIGKILL" in crashed[0].detail
    assert list(dict.fromkeys(parts)) == ["versions", "disk", "service"]


def test_a_check_that_crashes() -> None:
    """A configuration that this version does not know: the process ends at once, each time."""
    found = list(examine(Config.model_construct(version=9), ["clock", "board"], False))
    assert [(finding.part, finding.title) for finding in found] == [("board", "crashed"), ("clock", "crashed")]
    assert all("ended with 1" in finding.detail for finding in found)


def test_findings_are_the_same_on_both_sides() -> None:
    finding = Finding("disk", "warning", "state", "é ✓", "do it", {"free_mb": 3, "names": ["a"]})
    assert from_json(finding.as_json()) == finding
    assert (
        of_problem("models", "voice", "it is gone; `install` brings it; or so", "").remedy
        == "`install` brings it; or so"
    )
    assert of_problem("models", "voice", "it is gone", "look").remedy == "look"
    assert of_problem("broker", "password", "x cannot be opened: Permission denied", "").severity == "warning"


def test_exit_codes() -> None:
    def of(*findings: tuple[str, str]) -> int:
        return exit_code([Finding(part, severity, "x") for part, severity in findings])  # type: ignore[arg-type]

    assert of() == of(("disk", "warning"), ("config", "info")) == 0
    assert of(("disk", "failure")) == of(("broker", "failure"), ("models", "warning")) == 75
    assert of(("disk", "failure"), ("models", "failure")) == of(("config", "failure")) == 78
