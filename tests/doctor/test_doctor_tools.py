"""MCP servers that are there, refuse, are away, and have other tools than those that are allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from real_mcp import RealMcp
from sick_llm import closed_port, hang, status
from sick_mcp import SickMcp, tools

from agent.config import Config, Llm, LlmProfile, McpServer, Tools
from agent.doctor import tools as doctor
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.thinking.mcp_library import imported

TOKEN = "canary-token-77"
PROFILES = {"home": LlmProfile(base_url="http://127.0.0.1:9/v1")}


@pytest.fixture(autouse=True)
def _credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "token").write_text(TOKEN)


def examined(url: str, profiles: Any = PROFILES, **server: Any) -> list[Finding]:
    made = McpServer(url=url, **{"connect_timeout_s": 20.0, **server})
    config = Config(llm=Llm(profiles=profiles), tools=Tools(mcp={"house": made}))
    found = list(doctor.examine(Context(config, False, lambda text: None)))
    assert TOKEN not in str(found)
    assert all(finding.severity in ("ok", "info") or finding.remedy for finding in found)
    return found


def test_there_is_nothing_to_look_at() -> None:
    (found,) = doctor.examine(Context(Config(), False, lambda text: None))
    assert found.severity == "info"


def test_all_is_well_and_nothing_is_called() -> None:
    with RealMcp(token=TOKEN) as home:
        (found,) = examined(home.url, token="token", allow={"HassTurnOn": "safe", "HassUnlock": "confirm"})
    assert found.severity == "ok"
    assert (found.figures["listed"], found.figures["offered"]) == (6, 2)
    assert home.calls == []


def test_a_mistyped_tool_is_named() -> None:
    with RealMcp() as home:
        _, near, far = examined(home.url, allow={"HasTurnOn": "safe", "zzz": "safe"})
    assert (near.title, near.remedy) == ("house: HasTurnOn", 'did you mean "HassTurnOn"?')
    assert "it has: HassTurnOn" in far.remedy


def test_nothing_is_allowed() -> None:
    with RealMcp() as home:
        _, found = examined(home.url)
    assert found.remedy == 'allow = { HassTurnOn = "confirm" }'


def test_a_tool_that_cannot_be_offered() -> None:
    wild = {"name": "wild", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}}}
    with SickMcp(list=tools(wild)) as server:
        _, found = examined(server.url, allow={"wild": "safe"})
    assert "refers to itself" in found.detail


@pytest.mark.parametrize(
    ("symptom", "remedy"),
    [
        (status(401), "valid token"),
        (status(404), "/api/mcp"),
        (status(503), "does the server run"),
        (hang(), "does the server run"),
    ],
    ids=["401", "404", "503", "hangs"],
)
def test_it_refuses_or_hangs(symptom: Any, remedy: str) -> None:
    with SickMcp(initialize=symptom) as server:
        (found,) = examined(server.url, token="token", allow={"turn_on": "safe"}, connect_timeout_s=3.0)
    assert found.severity == "failure"
    assert remedy in found.remedy


def test_it_is_away() -> None:
    (found,) = examined(f"http://127.0.0.1:{closed_port()}/mcp", allow={"turn_on": "safe"})
    assert "connection refused" in found.detail


def test_no_model_could_use_them() -> None:
    with RealMcp() as home:
        found, _ = examined(home.url, {}, allow={"HassTurnOn": "safe"})
    assert found.title == "language model"
