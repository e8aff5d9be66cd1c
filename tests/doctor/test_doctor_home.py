"""Home Assistants that are well, do not know the device, do not know where it is, refuse, and are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sick_home import DEVICE, LAMP, PIPELINES, RUN, TOKEN, SickHome, hang, says
from sick_llm import SickLlm, closed_port, status

from agent.config import Config, Llm, LlmProfile, MqttSection, Persona
from agent.doctor import language
from agent.doctor.context import Context
from agent.doctor.finding import Finding

QUICK = {"connect_timeout_s": 0.5, "first_token_timeout_s": 0.5, "cold_first_token_timeout_s": 0.5}
UNKNOWING = says("Sorry, I couldn't understand that.", kind="error", code="no_intent_match")


@pytest.fixture(autouse=True)
def _credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr("agent.thinking.refusals.JITTER_S", (0.01, 0.02))


def examined(base_url: str, speaks: str = "en", mqtt: bool = True, **profile: Any) -> list[Finding]:
    made = LlmProfile(kind="home_assistant", base_url=base_url, api_key="token", **{**QUICK, **profile})
    llm = Llm(use=("house",), profiles={"house": made})
    sections = {"persona": Persona(language=speaks), "mqtt": MqttSection(enabled=mqtt, device="kitchen")}
    found = list(language.examine(Context(Config(llm=llm, **sections), False, lambda text: None)))
    assert TOKEN not in str(found)
    assert all(each.severity == "ok" or each.remedy for each in found)
    return found


def test_it_answers_and_knows_where_the_device_is() -> None:
    with SickHome(UNKNOWING) as home:
        answered, device = examined(home.base_url)
    assert (answered.severity, answered.figures["kind"]) == ("ok", "home_assistant")
    assert "first word after" in answered.detail
    assert (device.severity, device.detail) == ("ok", "known, in the area kitchen")


@pytest.mark.parametrize(
    ("server", "asked", "severity", "said"),
    [
        ({"devices": [LAMP]}, {}, "warning", "it knows no voice-agent-kitchen"),
        ({"devices": [{**DEVICE, "area_id": None}]}, {}, "warning", "it is in no area"),
        ({}, {"mqtt": False}, "info", "not announced over MQTT"),
        ({"without": (RUN, "assist_pipeline/pipeline/list")}, {}, "warning", "it has no Assist"),
    ],
)
def test_here_means_nothing(server: dict[str, Any], asked: dict[str, Any], severity: str, said: str) -> None:
    with SickHome(**server) as home:
        answered, device = examined(home.base_url, **asked)
    assert (answered.severity, device.severity) == ("ok", severity)
    assert said in device.detail


def test_no_assistant_speaks_the_language() -> None:
    with SickHome() as home:
        *_, spoken = examined(home.base_url, speaks="fr")
        assert 'none of its assistants speaks "fr"' in spoken.detail
        assert len(examined(home.base_url, speaks="fr", agent="Haus")) == 2, "it was chosen by somebody"
    with SickHome(pipelines={**PIPELINES, "pipelines": [{"id": "x", "conversation_language": "*"}]}) as home:
        assert len(examined(home.base_url, speaks="fr")) == 2


def test_it_refuses_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary.wrong")
    with SickHome() as home:
        (found,) = examined(home.base_url)
    assert (found.severity, found.detail) == ("failure", "Home Assistant refuses the token")
    assert "long-lived access token" in found.remedy


def test_an_assistant_that_is_not_there() -> None:
    with SickHome() as home:
        (found,) = examined(home.base_url, agent="Butler")
    assert found.detail == 'Home Assistant has no assistant "Butler"'
    assert '"Home", "Haus"' in found.remedy


def test_it_hangs() -> None:
    with SickHome(hang()) as home:
        (found,) = examined(home.base_url)
    assert found.figures["code"] == "timeout"


def test_nobody_and_somebody_else_is_there() -> None:
    (nobody,) = examined(f"http://127.0.0.1:{closed_port()}")
    assert "does Home Assistant run" in nobody.remedy
    with SickLlm(status(404)) as web:
        (other,) = examined(f"http://127.0.0.1:{web.port}")
    assert "HTTP 404" in other.detail
