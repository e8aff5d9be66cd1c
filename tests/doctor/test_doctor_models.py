"""Models that are whole, damaged, missing; engines that really run, and how a real-time factor is judged."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from agent import models as catalogue
from agent.audio.pcm import RATE_HZ
from agent.config import AsrSection, Config, Persona, Tts, WakeSection, WakeWord
from agent.doctor import engines, models
from agent.doctor.context import Context
from agent.doctor.finding import Finding

ESPEAK = Tts(engine="espeak")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICE_AGENT_MODELS", str(tmp_path))
    return tmp_path


def context(**sections: object) -> Context:
    return Context(Config.model_validate(sections), False, lambda text: None)


def examined(**sections: object) -> dict[str, Finding]:
    return {finding.title: finding for finding in models.examine(context(**sections))}


@pytest.mark.skipif(importlib.util.find_spec("moonshine_voice") is None, reason="moonshine-voice is not installed")
def test_what_comes_with_the_packages_is_whole() -> None:
    found = examined(tts=ESPEAK)
    assert found["wake word hey_jarvis"].severity == "ok"
    assert found["recogniser"].severity == "ok"
    assert "voice" not in found  # espeak-ng brings its own


def test_a_damaged_model(folder: Path) -> None:
    base = folder / "en_US-joe-medium"
    base.mkdir()
    opens = catalogue.find("en_US-joe-medium")
    assert opens
    (base / opens.opens).write_bytes(b"half of it")
    (base / catalogue.MANIFEST).write_text(json.dumps({"files": {opens.opens: "00" * 32}}))
    found = examined(tts=Tts(engine="piper", voice="en_US-joe-medium"))["voice"]
    assert found.severity == "failure"
    assert "damaged" in found.detail
    assert "models install --force en_US-joe-medium" in found.remedy


def test_a_missing_model_hides_no_other() -> None:
    found = examined(asr=AsrSection(engine="vosk"), tts=ESPEAK)
    assert found["recogniser"].severity == "failure"
    assert "voice-agent models install" in found["recogniser"].remedy
    assert found["wake word hey_jarvis"].severity == "ok"


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "computer.onnx").write_bytes(b"x")
    found = examined(wake=WakeSection(words=(WakeWord(model=f"{tmp_path}/computer.onnx"),)), tts=ESPEAK)
    assert found["wake word computer"].severity == "info"


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
@pytest.mark.skipif(importlib.util.find_spec("moonshine_voice") is None, reason="moonshine-voice is not installed")
def test_the_engines_run() -> None:
    found = {finding.title: finding for finding in engines.examine(context(tts=ESPEAK))}
    assert set(found) == {"voice", "recogniser", "wake word hey_jarvis"}
    assert all(float(str(each.figures["rtf"])) > 0 for each in found.values())
    assert "november" in str(found["recogniser"].figures["understood"]).lower()


def test_each_wake_word_has_a_figure_of_its_own() -> None:
    """Of two engines. All together cost as much as the dearer one at least; half of it leaves room for chance."""
    package = importlib.util.find_spec("pymicro_wakeword")
    assert package
    assert package.origin
    nabu = Path(package.origin).parent / "models/okay_nabu.json"
    words = (WakeWord(model="alexa"), WakeWord(model=str(nabu)), WakeWord(model="hey_jarvis"))
    sound = np.random.default_rng(0).normal(0, 800, 6 * RATE_HZ).astype(np.int16)
    found = list(engines._wake(Config(wake=WakeSection(words=words)), sound))
    assert [finding.title for finding in found] == [
        "wake word alexa", "wake word okay_nabu", "wake word hey_jarvis", "wake words",
    ]  # fmt: skip
    *single, together = (float(str(finding.figures["rtf"])) for finding in found)
    assert all(0 < factor < 1 for factor in single)
    assert together > 0.5 * max(single)
    assert "alexa, okay_nabu, hey_jarvis" in found[-1].detail
    assert [finding.figures["engine"] for finding in found[1:3]] == ["microwakeword", "openwakeword"]
    assert found[-1].figures["engine"] == "microwakeword, openwakeword"


def test_a_wake_word_that_is_damaged_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "computer.onnx").write_bytes(b"x")
    words = (WakeWord(model=f"{tmp_path}/computer.onnx"), WakeWord(model="hey_jarvis"))
    sound = np.zeros(2 * RATE_HZ, np.int16)
    broken, whole = engines._wake(Config(wake=WakeSection(words=words)), sound)
    assert (broken.title, broken.severity) == ("wake word computer", "failure")
    assert (whole.title, "rtf" in whole.figures) == ("wake word hey_jarvis", True)


def test_engines_that_do_not(tmp_path: Path) -> None:
    (tmp_path / "computer.onnx").write_bytes(b"x")
    word = WakeSection(words=(WakeWord(model=f"{tmp_path}/computer.onnx"),))
    missing = context(wake=word, asr=AsrSection(engine="vosk"), tts=Tts(engine="piper"), persona=Persona(language="sw"))
    found = list(engines.examine(missing))
    assert [finding.severity for finding in found] == ["failure"] * 3
    assert all(finding.remedy for finding in found)


@pytest.mark.parametrize(("factor", "severity"), [(0.1, "ok"), (0.5, "warning"), (0.9, "failure")])
def test_too_slow_for_this_device(factor: float, severity: str) -> None:
    found = engines.paced("wake words", "x", factor, engines.WAKE, "", {})
    assert found.severity == severity
    assert severity == "ok" or "slow for this device" in found.remedy


@pytest.mark.parametrize(("language", "word"), [("en", "November"), ("de", "Montag"), ("xx", "1, 2, 3")])
def test_a_sentence_for_every_language(language: str, word: str) -> None:
    assert word in engines.sentence(language)


def test_what_another_persona_needs_is_looked_at_too() -> None:
    found = examined(tts=ESPEAK, personas={"nari": {"language": "ko"}, "ann": {"voice": "nobody"}, "same": {}})
    assert "vosk-small-ko" in found["recogniser of nari"].remedy
    assert found["voice of ann"].severity == "failure"
    assert not [title for title in found if title.endswith("of same")]
