"""The second wake engine, behind the same Protocol."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hearing_helpers import among

from agent.audio.pcm import Samples
from agent.config import Config, WakeSection, WakeWord
from agent.hearing import wakewords
from agent.hearing.offline import find_wakes
from agent.hearing.wake import WakeModelError
from agent.lab.visitor import Utterance, Voice, voice

MICRO = Config(wake=WakeSection(engine="microwakeword"))
HEARD = ("flite slt", "flite rms", "flite kal16", "festival cmu_us_slt_arctic_hts")  # it knows fewer voices


def packaged() -> Path:
    spec = importlib.util.find_spec("pymicro_wakeword")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "models"


def test_the_threshold_is_the_model_s_own_unless_configured() -> None:
    assert dict(wakewords.load(MICRO).thresholds) == {"hey_jarvis": 0.97}
    own = Config(wake=WakeSection(engine="microwakeword", words=(WakeWord(model="okay_nabu", threshold=0.8),)))
    assert dict(wakewords.load(own).thresholds) == {"okay_nabu": 0.8}


@pytest.mark.room
def test_it_hears_visitors_through_the_gate(visitors: Mapping[Voice, Utterance]) -> None:
    engine = wakewords.load(MICRO)
    for name in HEARD:
        said = visitors[voice(name)]
        (found,) = find_wakes(among(said.samples, 10), engine, MICRO.wake)
        assert found.word == "hey_jarvis"
        assert -0.3 < (found.position - 32_000 - said.last_loud) / 16_000 < 0.5


def test_nobody_else_wakes_it(human: Mapping[str, Samples]) -> None:
    engine = wakewords.load(MICRO)
    assert [name for name, sound in human.items() if find_wakes(sound, engine, MICRO.wake)] == []


@pytest.mark.room
def test_words_of_both_engines_at_once(visitors: Mapping[Voice, Utterance]) -> None:
    words = (WakeWord(model="hey_mycroft"), WakeWord(model=str(packaged() / "hey_jarvis.json")))
    config = Config(wake=WakeSection(words=words))
    engine = wakewords.load(config)
    assert dict(engine.thresholds) == {"hey_mycroft": 0.5, "hey_jarvis": 0.97}
    found = find_wakes(among(visitors[voice("flite slt")].samples, 10), engine, config.wake)
    assert [d.word for d in found] == ["hey_jarvis"]


@pytest.mark.parametrize("spoil", ["no json", "no network", "network of another kind", "nothing of it"])
def test_a_damaged_model_is_named_and_harms_nothing(tmp_path: Path, spoil: str) -> None:
    described = json.loads((packaged() / "hey_jarvis.json").read_text())
    path = tmp_path / "own.json"
    if spoil == "network of another kind":
        (tmp_path / "hey_jarvis.tflite").write_bytes(b"not a network")
    text = {"no json": "<html>", "nothing of it": '{"model": 1}'}.get(spoil, json.dumps(described))
    path.write_text(text)
    config = Config(wake=WakeSection(words=(WakeWord(model=str(path)),)))
    with pytest.raises(WakeModelError, match=str(tmp_path)):
        wakewords.load(config)
