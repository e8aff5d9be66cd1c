"""What may be chosen is what is installed: a folder of models that each test fills."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.choices import options
from agent.config import Config


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICE_AGENT_MODELS", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, *files: str) -> None:
    (folder / name).mkdir()
    for file in files:
        (folder / name / file).touch()


def test_voices_are_those_of_the_language_and_the_operators_own(folder: Path) -> None:
    for name in ("en_US-joe-medium", "de_DE-thorsten-medium"):
        install(folder, name, f"{name}.onnx", f"{name}.onnx.json")
    install(folder, "grandma", "grandma.onnx", "grandma.onnx.json")
    install(folder, "hey_house", "hey_house.onnx")
    found = options(Config())
    assert found["voice"] == ("en_US-joe-medium", "grandma")
    assert "hey_house" in found["wake_word"]
    assert options(Config(persona={"language": "de"}))["voice"] == ("de_DE-thorsten-medium", "grandma")


def test_wake_words_are_those_of_the_engine(folder: Path) -> None:
    install(folder, "hey_house", "hey_house.json", "hey_house.tflite")
    assert options(Config())["wake_word"] == ("hey_jarvis", "alexa", "hey_mycroft", "hey_marvin")
    words = options(Config(wake={"engine": "microwakeword", "words": [{"model": "/x/own.json"}]}))["wake_word"]
    assert words == ("/x/own.json", "hey_jarvis", "okay_nabu", "alexa", "hey_mycroft", "hey_house")


def test_a_language_needs_a_recogniser_and_a_voice(folder: Path) -> None:
    install(folder, "vosk-small-de", "am")
    install(folder, "de_DE-thorsten-medium", "de_DE-thorsten-medium.onnx")
    install(folder, "fr_FR-siwis-medium", "fr_FR-siwis-medium.onnx")
    piper = {"engine": "piper"}
    assert options(Config(tts=piper, persona={"language": "de"}))["language"] == ("de",)
    install(folder, "vosk-small-fr", "am")
    english = options(Config(tts={"engine": "piper", "voice": "en_US-joe-medium"}, asr={"model": "vosk-small-en-us"}))
    assert english["language"] == ("en", "de", "fr"), "what does not speak them is not insisted on"


def test_profiles_are_in_the_order_of_the_file() -> None:
    home = {"base_url": "http://localhost:11434/v1"}
    assert options(Config(llm={"profiles": {"home": home, "cloud": home}}))["llm_profile"] == ("home", "cloud")
    assert options(Config())["llm_profile"] == ()
