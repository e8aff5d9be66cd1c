"""The satellite that listens, whose port is taken, and that anybody may reach."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from sick_wyoming import SickWyoming, closed_port

from agent.config import Config, WyomingSection
from agent.doctor import satellite
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.satellite.description import description
from agent.satellite.host import Told
from agent.satellite.satellite import Satellite


class Nobody:
    def satellite(self, told: Told) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    """Of one that listens."""
    config = WyomingSection(enabled=True, port=closed_port())
    serving = Satellite(
        config, description("kitchen", None, [("hey_jarvis", "hey jarvis")], "en"), Nobody(), pytest.fail
    )
    serving.start()
    yield config.port
    serving.stop()


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.doctor.report.running", lambda: None)


def examined(**section: Any) -> dict[str, Finding]:
    config = Config(wyoming=WyomingSection(**{"enabled": True, **section}))
    found = {each.title: each for each in satellite.examine(Context(config, False, lambda text: None))}
    assert all(each.severity in ("ok", "info") or each.remedy for each in found.values())
    return found


def test_it_is_off() -> None:
    assert examined(enabled=False)["satellite"].severity == "info"


def test_it_answers(port: int) -> None:
    deadline = 100
    while (found := examined(port=port)["port"]).figures.get("ms") is None and deadline:
        deadline -= 1  # it begins to listen on its own thread
    assert (found.severity, "kitchen answers" in found.detail) == ("ok", True)


def test_its_port_is_free() -> None:
    found = examined(port=closed_port())
    assert found["port"].severity == "ok"
    assert "nobody else" in found["who may connect"].detail


def test_its_port_is_taken() -> None:
    with SickWyoming() as server:
        assert examined(port=server.port)["port"].severity == "failure"
    with socket.socket() as sleeper:
        sleeper.bind(("127.0.0.1", 0))
        found = examined(port=sleeper.getsockname()[1])["port"]
    assert (found.severity, "in use" in found.detail) == ("failure", True)


def test_the_service_runs_and_does_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.doctor.report.running", lambda: "a report")
    found = examined(port=closed_port())["port"]
    assert (found.severity, "nobody answers" in found.detail) == ("failure", True)


def test_too_many_may_connect() -> None:
    assert examined(port=closed_port(), allow=("192.168.1.0/24",))["who may connect"].severity == "ok"
    assert examined(port=closed_port(), allow=("10.0.0.0/8",))["who may connect"].severity == "warning"


def test_who_answers_is_said() -> None:
    assert "goes to Home Assistant" in examined(port=closed_port())["who answers"].detail
    assert "only announces" in examined(port=closed_port(), answers="agent")["who answers"].detail
