"""The real engines, in this process and in their children."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from agent.audio.pcm import Samples
from agent.config import Config, Persona, Tts
from agent.models import ModelMissing
from agent.speaking.espeak import Espeak
from agent.speaking.piper import Piper
from agent.speaking.say import Reader
from agent.speaking.speakable import LIMIT
from agent.speaking.tts import Engine, SpeechError, Unusable
from agent.speaking.voices import voices

SENTENCE = "Penguins are flightless birds that live almost entirely in the southern hemisphere."
ODD = [
    "",
    " ",
    "😀",
    "...",
    "\x00\x1b[31m",
    "\ud800",
    "[[ h@ ]]",
    "[[",
    "<b>",
    "-w /tmp/x",
    "你好",
    "a\nb",
    "$(id)",
    "%s",
]


@pytest.fixture(scope="module")
def piper(joe: Path) -> Piper:
    engine = Piper(joe, threads=2, rate=1.0)
    engine.load()
    return engine


@pytest.fixture
def espeak(espeak_ng: str) -> Espeak:
    return Espeak("en-us", 1.0)


def sound(engine: Engine, text: str) -> Samples:
    return np.frombuffer(b"".join(pcm for _, pcm in engine.synthesise(text)), "<i2")


@pytest.fixture(params=["piper", "espeak"])
def engine(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.getfixturevalue(request.param)
    return chosen


def test_an_engine_speaks(engine: Engine) -> None:
    (rate_hz, pcm), *more = engine.synthesise(SENTENCE)
    assert not more
    assert rate_hz == 22_050
    spoken = np.frombuffer(pcm, "<i2")
    assert 3.0 < len(spoken) / rate_hz < 8.0
    assert 5_000 < np.abs(spoken.astype(int)).max() <= 32_767
    assert np.abs(spoken[: rate_hz // 50].astype(int)).max() > 50  # no silence before it


@pytest.mark.parametrize("text", ODD)
def test_nothing_upsets_an_engine(engine: Engine, text: str) -> None:
    sound(engine, text)
    assert len(sound(engine, "Okay."))


def test_too_long_a_text_is_cut(engine: Engine) -> None:
    assert len(sound(engine, "word, " * 200_000)) < 60 * 22_050


def test_the_rate_shortens(piper: Piper, joe: Path, espeak_ng: str) -> None:
    quick = Piper(joe, threads=2, rate=2.0)
    quick.load()
    # Piper rounds each phoneme up to whole frames (0.64 on average, by chance 0.61 to 0.67); espeak-ng halves.
    assert 0.4 < len(sound(quick, SENTENCE)) / len(sound(piper, SENTENCE)) < 0.75
    assert 0.4 < len(sound(Espeak("en-us", 2.0), SENTENCE)) / len(sound(Espeak("en-us", 1.0), SENTENCE)) < 0.65


def test_piper_is_cancelled_within_a_sentence(piper: Piper) -> None:
    """Cancelled again and again, since the first time may come before the run has begun."""
    ended, cancelling = threading.Event(), threading.Event()

    def cancel() -> None:
        cancelling.set()
        while not ended.wait(0.001):
            piper.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    cancelling.wait()
    assert len(sound(piper, SENTENCE * 4)) == 0
    ended.set()
    thread.join()
    assert len(sound(piper, "Okay.")) > 0


def test_a_missing_voice_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"nowhere\.onnx .*voice-agent models"):
        Piper(tmp_path / "nowhere.onnx", 1, 1.0).load()


@pytest.mark.parametrize("damage", ["cut", "flipped", "config", "keys"])
def test_a_damaged_voice_is_named(joe: Path, tmp_path: Path, damage: str) -> None:
    model, config = tmp_path / "x.onnx", tmp_path / "x.onnx.json"
    shutil.copy(f"{joe}.json", config)
    match damage:
        case "cut":
            model.write_bytes(joe.read_bytes()[:100_000])
        case "flipped":
            model.write_bytes(bytes(255 - byte for byte in joe.read_bytes()[:5000]))
        case "config":
            shutil.copy(joe, model)
            config.write_text("{")
        case "keys":
            shutil.copy(joe, model)
            config.write_text("{}")
    with pytest.raises(Unusable, match=r"x\.onnx .*voice-agent models"):
        Piper(model, 1, 1.0).load()


def test_a_voice_that_would_download_is_refused(joe: Path, tmp_path: Path) -> None:
    config = json.loads(Path(f"{joe}.json").read_text(encoding="utf-8"))
    (tmp_path / "x.onnx").symlink_to(joe)
    (tmp_path / "x.onnx.json").write_text(json.dumps(config | {"phoneme_type": "pinyin"}))
    with pytest.raises(Unusable, match="g2pW"):
        Piper(tmp_path / "x.onnx", 1, 1.0).load()


def test_espeak_is_missing_or_has_no_such_voice(espeak_ng: str) -> None:
    with pytest.raises(Unusable, match="apt-get install espeak-ng"):
        Espeak("en-us", 1.0, program="espeak-ng-is-not-here").load()
    with pytest.raises(Unusable, match="xx-none"):
        Espeak("xx-none", 1.0).load()
    with pytest.raises(Unusable, match="is no espeak-ng voice"):
        Espeak("-w/tmp/x", 1.0).load()


@pytest.mark.parametrize("language", ["de", "fr", "es", "it", "zh", "ko", "pt-BR", "en-GB", "ja", "ru"])
def test_espeak_has_a_voice_for_the_language(espeak_ng: str, language: str) -> None:
    (spec,) = voices(Config(tts=Tts(engine="espeak"), persona=Persona(language=language)))
    engine = Espeak(spec.voice, 1.0)
    engine.load()
    assert len(sound(engine, "1 2 3"))


def test_espeak_gives_up_on_a_program_that_fails(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho no memory >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(SpeechError, match="no memory"):
        sound(Espeak("en", 1.0, program=str(program)), "x")


def test_who_speaks(joe: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [spec.engine for spec in voices(Config())] == ["piper", "espeak"]
    assert [spec.engine for spec in voices(Config(tts=Tts(voice=str(joe))))] == ["piper", "espeak"]
    assert [spec.voice for spec in voices(Config(tts=Tts(engine="espeak", voice="en-us+f3")))] == ["en-us+f3"]
    monkeypatch.setenv("VOICE_AGENT_MODELS", str(tmp_path))
    assert [spec.engine for spec in voices(Config())] == ["espeak"]
    for tts in (Tts(engine="piper"), Tts(voice="en_US-joe-medium")):
        with pytest.raises(ModelMissing, match="voice-agent models install"):
            voices(Config(tts=tts))


def test_reading_aloud_through_a_child(joe: Path, espeak_ng: str) -> None:
    with Reader(voices(Config()), "en") as reader:
        reader.wait()
        clauses = list(reader.read(f"**Okay**, 😀 {SENTENCE}"))
        assert clauses[0].text == "Okay,"
        assert " ".join(clause.text for clause in clauses) == f"Okay, {SENTENCE}"
        assert 4.0 < sum(len(clause.pcm) / clause.rate_hz for clause in clauses) < 10.0
        assert [clause.at_s for clause in clauses] == sorted(clause.at_s for clause in clauses)
        assert not list(reader.read("😀 <think>" + "x" * 1_000_000))
        words = " ".join(clause.text for clause in reader.read("Go on! " * 1000))
        assert LIMIT - 100 < len(words) <= LIMIT


def test_a_damaged_voice_falls_back_to_espeak(joe: Path, espeak_ng: str, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nonsense")
    shutil.copy(f"{joe}.json", tmp_path / "x.onnx.json")
    with Reader(voices(Config(tts=Tts(voice=str(tmp_path / "x.onnx")))), "en") as reader:
        with pytest.raises(SpeechError, match=r"x\.onnx"):
            reader.wait()
        assert [clause.text for clause in reader.read("Hello.")] == ["Hello."]
