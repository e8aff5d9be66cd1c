"""Language models that answer, refuse, hang and are not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sick_llm import SickLlm, answer, closed_port, hang, status

from agent.config import Config, Llm, LlmProfile
from agent.doctor import language
from agent.doctor.context import Context
from agent.doctor.finding import Finding

KEY = "canary-key-77"
QUICK = {"connect_timeout_s": 0.5, "first_token_timeout_s": 0.5, "cold_first_token_timeout_s": 0.5}


@pytest.fixture(autouse=True)
def _credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "key").write_text(KEY)
    monkeypatch.setattr("agent.thinking.refusals.JITTER_S", (0.01, 0.02))


def examined(base_url: str, **profile: Any) -> Finding:
    made = LlmProfile(base_url=base_url, api_key="key", **{**QUICK, **profile})
    config = Config(llm=Llm(use=("home",), profiles={"home": made}))
    (found,) = language.examine(Context(config, False, lambda text: None))
    assert KEY not in str(found)
    assert found.severity in ("ok", "info") or found.remedy
    return found


def test_it_answers() -> None:
    with SickLlm(answer("Hello there.")) as llm:
        found = examined(llm.base_url, model="small")
        request = llm.requests[0]
    assert found.severity == "ok"
    assert "first word of small after" in found.detail
    assert request.body["max_tokens"] == 1
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_its_one_token_was_a_thought() -> None:
    with SickLlm(answer("")) as llm:
        assert examined(llm.base_url).severity == "failure"  # an empty reply that ends by itself is none


def test_it_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "SLOW_S", 0.05)
    with SickLlm(answer("Hello.", first_s=0.1)) as llm:
        assert examined(llm.base_url).severity == "warning"


def test_it_refuses_the_key() -> None:
    with SickLlm(status(401, {"error": {"message": f"bad key {KEY}"}}), models=401) as llm:
        found = examined(llm.base_url)
    assert found.severity == "failure"
    assert "401" in found.detail
    assert "credential" in found.remedy


def test_it_hangs() -> None:
    with SickLlm(hang()) as llm:
        found = examined(llm.base_url)
    assert found.figures["code"] == "timeout"


def test_it_does_not_know_the_model() -> None:
    with SickLlm(status(404, {"error": {"message": 'model "tiny" not found'}})) as llm:
        found = examined(llm.base_url, model="tiny")
    assert found.severity == "failure"
    assert 'model "tiny" not found' in found.detail


def test_which_model_was_meant() -> None:
    profile = LlmProfile(base_url="http://x/v1", model="llama3")
    assert 'did you mean "llama3.2"' in language._suggestion(profile, ["llama3.2", "qwen"])
    assert "the server knows: a, b" in language._suggestion(profile, ["a", "b"])
    assert language._suggestion(profile, []) == ""


def test_nobody_is_there() -> None:
    found = examined(f"http://127.0.0.1:{closed_port()}/v1")
    assert found.figures["code"] == "unreachable"
    assert "curl http://127.0.0.1" in found.remedy


def test_none_and_unused() -> None:
    (none,) = language.examine(Context(Config(), False, lambda text: None))
    assert none.severity == "info"
    config = Config(llm=Llm(profiles={"spare": LlmProfile(base_url="http://x/v1")}))
    (spare,) = language.examine(Context(config, False, lambda text: None))
    assert "never asked" in spare.detail


def test_what_only_another_persona_asks_is_asked() -> None:
    with SickLlm(answer("Hello there.")) as llm:
        profiles = {name: LlmProfile(base_url=llm.base_url) for name in ("hers", "nobodys")}
        config = Config(llm=Llm(profiles=profiles), personas={"nari": {"llm": ["hers"]}})
        found = {each.title: each for each in language.examine(Context(config, False, lambda text: None))}
    assert found["hers"].severity == "ok"
    assert "never asked" in found["nobodys"].detail
