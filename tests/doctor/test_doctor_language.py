"""Language models that answer, refuse, hang and are not there."""

from __future__ import annotations

import importlib.util
import re
import time
from pathlib import Path
from typing import Any

import pytest
from sick_llm import SickLlm, answer, closed_port, hang, status

from agent import models
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


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed")
@pytest.mark.skipif(models.installed("smollm2-135m") is None, reason="the model smollm2-135m is not installed")
def test_how_fast_the_embedded_one_writes() -> None:
    """Its figures are of what it really wrote: as many tokens take as long as it says, and no longer."""
    patient = {"first_token_timeout_s": 60.0, "cold_first_token_timeout_s": 90.0, "token_timeout_s": 60.0}
    own = LlmProfile(kind="embedded", model="smollm2-135m", **patient, total_timeout_s=120.0)
    began = time.monotonic()
    (found,) = language.examine(Context(Config(llm=Llm(use=("own",), profiles={"own": own})), False, lambda text: None))
    took_s = time.monotonic() - began
    figures = {name: value for name, value in found.figures.items() if isinstance(value, int | float)}
    assert {"rtf", "tokens_per_s", "read_tokens_per_s", "first_token_ms"} <= set(figures), found
    assert language.TALE_TOKENS / figures["tokens_per_s"] < took_s
    assert figures["read_tokens_per_s"] > figures["tokens_per_s"]  # reading is done in batches
    assert 0.2 < figures["rtf"] * figures["tokens_per_s"] * 4 / language.SPOKEN_S < 5, "a token is about four letters"
    said = re.search(r"([\d.]+) tokens a second: ([\d.]+) × real time", found.detail)
    assert said, found
    assert [float(said[1]), float(said[2])] == pytest.approx([figures["tokens_per_s"], figures["rtf"]], abs=0.0051)


@pytest.mark.parametrize(("rtf", "severity"), [(0.3, "ok"), (1.2, "warning")])
def test_a_model_that_writes_slower_than_the_voice_speaks(rtf: float, severity: str) -> None:
    profile = LlmProfile(kind="embedded", model="big")
    found = language._answered("own", profile, 0.1, 0.2, language.Pace(40.0, 5.0, rtf))
    assert found.severity == severity
    assert ("slower than the voice speaks" in found.remedy) == (severity == "warning")


def test_how_long_a_text_is_spoken() -> None:
    assert language.spoken_s("What a lovely day it is, all of today.") == pytest.approx(38 / 18)
    assert language.spoken_s("좋은 아침") == pytest.approx(13 / 18)
    assert language.spoken_s("") == 0.0


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
