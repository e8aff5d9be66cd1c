"""The real llama.cpp server with a real small model, in its child process."""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import Any

import psutil
import pytest
from sick_llm import SickLlm, answer, status
from sick_mcp import SickMcp

from agent import models
from agent.commands import Exchange
from agent.config import LlmProfile, McpServer, Tools
from agent.events import LlmFailed, ReplyDelta, ReplyDone

MODEL = "smollm2-135m"


@pytest.fixture(scope="module")
def model() -> str:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed; `pip install 'voice-agent[local-llm]'` installs it")
    if models.installed(MODEL) is None:
        pytest.skip(f"model {MODEL} is not installed; `voice-agent models install {MODEL}` installs it")
    return MODEL


def embedded(model: str | None, **settings: Any) -> LlmProfile:
    patient = {"first_token_timeout_s": 60.0, "cold_first_token_timeout_s": 90.0, "token_timeout_s": 60.0}
    return LlmProfile(
        kind="embedded",
        model=model,
        **{**patient, "total_timeout_s": 120.0, "max_tokens": 24, "temperature": 0.0, **settings},
    )


def servers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "agent.thinking.embedded" in child.cmdline()]


def test_answers_and_ends_with_the_thinker(profiles_rig, model):
    r = profiles_rig({"own": embedded(model)})
    assert isinstance(r.ask(1, "What is the capital of France?"), ReplyDone)
    assert "Paris" in r.text(1)
    history = (Exchange("What is the capital of France?", r.text(1)),)
    assert isinstance(r.ask(2, "Tell me more about it.", history), ReplyDone)
    assert [state for state, _ in r.health()] == ["loading", "ok"]
    (server,) = servers()
    r.stop()
    server.wait(5)
    assert servers() == []


def test_sleeps_when_nobody_asks(profiles_rig, model):
    r = profiles_rig({"own": embedded(model)})
    r.ask(1)
    (server,) = servers()
    before = server.cpu_times()
    time.sleep(1.5)  # the measuring time
    after = server.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.3


def test_cancel_frees_the_machine(profiles_rig, model):
    r = profiles_rig({"own": embedded(model, max_tokens=1000)})
    r.tell(1, "Write a very long story about the sea.")
    r.wait(lambda e: isinstance(e, ReplyDelta), 90)
    r.cancel(1)
    assert isinstance(r.ask(2, "Say yes."), ReplyDone), "its only slot is free again"


def test_killed_server_is_replaced(profiles_rig, model):
    r = profiles_rig({"own": embedded(model)})
    assert isinstance(r.ask(1), ReplyDone)
    servers()[0].kill()
    r.wait(lambda _: [state for state, _ in r.health()].count("ok") == 2, 60)
    assert isinstance(r.ask(2), ReplyDone)
    assert len(servers()) == 1


def test_second_choice_is_loaded_when_needed(profiles_rig, model):
    with SickLlm(answer("Mine."), status(401)) as llm:
        r = profiles_rig({"home": LlmProfile(base_url=llm.base_url), "own": embedded(model)})
        assert isinstance(r.ask(1), ReplyDone)
        assert servers() == []
        assert isinstance(r.ask(2, "What is the capital of France?"), ReplyDone)
        assert "Paris" in r.text(2)
        assert len(servers()) == 1


def test_damaged_model_is_a_failure_and_no_crash(profiles_rig, model, tmp_path):
    damaged = tmp_path / "damaged.gguf"
    whole = models.require("llm-gguf", "en", model)
    with whole.open("rb") as file:
        damaged.write_bytes(file.read(1_000_000))
    r = profiles_rig({"own": embedded(str(damaged))})
    assert "cannot load" in r.wait_health("failed")
    for turn in (1, 2):
        end = r.ask(turn)
        assert isinstance(end, LlmFailed)
        assert (end.code, "cannot load" in end.detail) == ("unreachable", True)


@pytest.mark.parametrize("named", [MODEL, "/nowhere/x.gguf", None])
def test_missing_model_names_the_remedy(profiles_rig, tmp_path, monkeypatch, named):
    monkeypatch.setenv("VOICE_AGENT_MODELS", str(tmp_path))
    r = profiles_rig({"own": embedded(named)})
    end = r.ask()
    assert isinstance(end, LlmFailed)
    wanted = "/nowhere/x.gguf" if named and "/" in named else f"voice-agent models install {MODEL}"
    assert wanted in end.detail
    assert wanted in r.wait_health("failed")


def test_missing_wheel_names_the_remedy(profiles_rig, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    r = profiles_rig({"own": embedded(MODEL)})
    end = r.ask()
    assert isinstance(end, LlmFailed)
    assert "voice-agent[local-llm]" in end.detail


def test_takes_tools_and_answers(profiles_rig, model):
    """So small a model seldom calls one; what matters is that the offer harms nothing."""
    with SickMcp() as server:
        mcp = McpServer(url=server.url, allow={"turn_on": "safe"}, connect_timeout_s=30.0)
        r = profiles_rig({"own": embedded(model)}, tools=Tools(mcp={"home": mcp}))
        end = r.ask(1, "What is the capital of France?")
        assert isinstance(end, ReplyDone), end
        assert r.text(1)
        assert "tools/list" in server.methods
