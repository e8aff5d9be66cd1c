"""What the world is told of the device: from the configuration and from the models that are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import models
from agent.config import Config
from agent.daemon.description import describe, stand
from agent.models import MANIFEST

VOICE = "en_US-joe-medium"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICE_AGENT_MODELS", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, **manifest: object) -> None:
    """As if it had been, with what the manifest says of it."""
    model = models.find(name)
    assert model is not None
    (folder / name).mkdir()
    (folder / name / (model.opens or "x")).touch()
    (folder / name / MANIFEST).write_text(json.dumps({"files": {}, **manifest}))


def test_facts_come_from_the_configuration_and_the_models(folder: Path) -> None:
    install(folder, VOICE)
    profile = {"kind": "openai", "base_url": "http://localhost:1/v1", "model": "m"}
    config = Config(
        room={"area": "Kitchen"},
        llm={"use": ["home"], "profiles": {"home": profile, "cloud": profile}},
        panel={"button": {"pin": 17}},
    )
    facts = describe(config).facts
    assert (facts.area, facts.has_llm, facts.has_button) == ("Kitchen", True, True)
    assert facts.model
    assert facts.options["voice"] == (VOICE,)
    assert facts.options["llm_profile"] == ("home", "cloud")
    assert "hey_jarvis" in facts.options["wake_word"]
    hers = {"llm": {"profiles": {"home": profile}}, "personas": {"nari": {"llm": ["home"]}}}
    assert describe(Config(**hers)).facts.has_llm
    assert describe(Config(**hers)).facts.options["persona"] == ("default", "nari")
    bare = describe(Config()).facts
    assert (bare.area, bare.has_llm, bare.has_button) == ("", False, False)


def test_models_are_current_unless_the_catalogue_names_other_files(folder: Path) -> None:
    voice, german = models.find(VOICE), models.find("vosk-small-de")
    assert voice is not None
    assert german is not None
    install(folder, VOICE, sources=models.sources(voice))
    install(folder, "vosk-small-ko")  # from before sources were written down
    assert stand() == {"installed": "current", "latest": "current", "outdated": [], "remedy": ""}
    install(folder, "vosk-small-de", sources=["0" * 64])
    assert stand() == {
        "installed": "vosk-small-de 00000000",
        "latest": f"vosk-small-de {german.files[0].md5[:8]}",
        "outdated": ["vosk-small-de"],
        "remedy": "voice-agent models install --force vosk-small-de",
    }
    (folder / "vosk-small-de" / MANIFEST).write_text("{")
    assert stand()["outdated"] == []
