"""What "auto" means, and that every part that lacks its model is named at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent import engines
from agent.config_file import load
from agent.models import ModelMissing


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No models but the bundled ones."""
    monkeypatch.setenv("VOICE_AGENT_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def put(folder: Path, *files: str) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


def without_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_english_works_with_what_the_packages_bring(folder: Path) -> None:
    chosen = engines.choose(load())
    assert chosen.wake[0].engine == "openwakeword"
    assert chosen.wake[0].model.name == "hey_jarvis_v0.1.onnx"
    assert chosen.asr.engine == "moonshine"
    assert chosen.llm is None


def test_vosk_and_piper_come_first_once_installed(folder: Path) -> None:
    put(folder, "vosk-small-en-us/am/final.mdl", "en_US-joe-medium/en_US-joe-medium.onnx")
    chosen = engines.choose(load())
    assert (chosen.asr.engine, chosen.asr.model) == ("vosk", folder / "vosk-small-en-us")
    assert (chosen.tts.engine, chosen.tts.model) == ("piper", folder / "en_US-joe-medium/en_US-joe-medium.onnx")


def test_named_moonshine_model_decides(folder: Path) -> None:
    put(folder, "vosk-small-en-us/am/final.mdl")
    assert engines.choose(load(None, {"asr.model": "moonshine-tiny-en"})).asr.engine == "moonshine"


def test_grammar_needs_vosk(folder: Path) -> None:
    with pytest.raises(ModelMissing, match="vosk-small-en-us"):
        engines.choose(load(None, {"asr.grammar": ["light on"]}))


def test_espeak_is_the_voice_of_last_resort(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert engines.choose(load()).tts == engines.TtsChoice("espeak", None)
    without_espeak(monkeypatch)
    with pytest.raises(ModelMissing, match=r"tts: .*en_US-joe-medium"):
        engines.choose(load())
    with pytest.raises(ModelMissing, match="apt-get install espeak-ng"):
        engines.choose(load(None, {"tts.engine": "espeak"}))


def test_wake_words_of_both_engines(folder: Path) -> None:
    path = engines.choose(load(None, {"wake.engine": "microwakeword"})).wake[0].model
    assert path.suffix == ".json"
    words = [{"model": "hey_jarvis", "threshold": 0.8}, {"model": str(path)}]
    first, second = engines.choose(load(None, {"wake.words": words})).wake
    assert (first.engine, first.threshold) == ("openwakeword", 0.8)
    assert (second.engine, second.threshold) == ("microwakeword", 0.5)


def test_embedded_profile(folder: Path) -> None:
    overrides = {"llm.use": ["small"], "llm.profiles": {"small": {"kind": "embedded"}}}
    with pytest.raises(ModelMissing, match="install smollm2-135m"):
        engines.choose(load(None, overrides))
    put(folder, "smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf")
    llm = engines.choose(load(None, overrides)).llm
    assert llm is not None
    assert llm.suffix == ".gguf"


def test_everything_missing_is_named_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_espeak(monkeypatch)
    words = [{"model": "hey_jarvi"}, {"model": "/nowhere/own.onnx"}]
    with pytest.raises(ModelMissing) as error:
        engines.choose(load(None, {"wake.words": words, "persona.language": "de"}))
    lines = str(error.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["wake.words[0].model", "wake.words[1].model", "asr", "tts"]
    assert 'did you mean "hey_jarvis"' in lines[0]
    assert "models install vosk-small-de" in lines[2]
    assert "models install de_DE-thorsten-medium" in lines[3]
