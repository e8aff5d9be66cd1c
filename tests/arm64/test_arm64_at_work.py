"""One wake word, one recognition, one sentence of speech on arm64: the engines compute the right thing."""

from __future__ import annotations

import json
import re
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from emulated import Emulated
from installed import HOME, PYTHON

from agent import engines, models
from agent.audio.pcm import RATE_HZ, Samples
from agent.config import AsrSection, Config, WakeSection
from agent.hearing import wakewords
from agent.hearing.offline import Transcriber, find_wakes, read_wav
from agent.hearing.recogniser import child_spec
from agent.lab.processes import PackagesMissing
from agent.lab.visitor import KOREAN, Voice, say, voice

AGENT = f"{HOME}/bin/voice-agent"
QUESTION = "What is the capital of France?"
ANSWER = "The kitchen lamp is on, and the timer has three minutes left."
COMMANDS = ("지금 몇 시", "볼륨 이십")
ASOUND = """</usr/share/alsa/alsa.conf>
pcm.mouth { type file slave.pcm null file /dev/null infile /mnt/shared/room.raw format raw }
pcm.tape { type file slave.pcm null file /mnt/shared/tape.wav format wav }
"""


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z ]", " ", text.lower()).split()


def spoken(text: str, by: Voice, around_s: float = 0.5) -> Samples:
    """With quiet around it, and a little noise over all, as a room has it."""
    try:
        sound = say(text, by).samples
    except PackagesMissing as missing:
        pytest.skip(str(missing))
    quiet = np.zeros(round(around_s * RATE_HZ), np.int16)
    whole = np.concatenate([quiet, sound, quiet])
    return (whole + np.random.default_rng(0).normal(0, 10, len(whole))).clip(-32768, 32767).astype(np.int16)


def write(path: Path, sound: Samples) -> str:
    """The WAV file's path in the systems."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    return f"/mnt/shared/{path.name}"


@pytest.fixture(scope="session")
def moonshine() -> Iterator[Transcriber]:
    """The host's recogniser."""
    config = Config(asr=AsrSection(engine="moonshine"))
    try:
        choice = engines.recogniser(config.asr, "en")
    except models.ModelMissing as missing:
        pytest.skip(str(missing))
    transcriber = Transcriber(child_spec(choice, config))
    transcriber.start()
    yield transcriber
    transcriber.stop()


@pytest.mark.parametrize("engine", ["openwakeword", "microwakeword"])
def test_a_wake_word_is_heard_as_on_this_host(system: Emulated, shared: Path, engine: str) -> None:
    paths = [shared / "jarvis.wav", shared / "question.wav"]
    inside = [
        write(path, spoken(text, voice("flite slt")))
        for path, text in zip(paths, ("hey jarvis", QUESTION), strict=True)
    ]
    told = system.run([PYTHON, "/mnt/inside/wakes.py", engine, *inside]).stdout.splitlines()
    (word, position), *more = json.loads(told[0])
    assert (word, more) == ("hey_jarvis", [])
    assert json.loads(told[1]) == []
    config = Config(wake=WakeSection.model_validate({"engine": engine}))
    (here,) = find_wakes(read_wav(paths[0]), wakewords.load(config), config.wake)
    assert abs(position - here.position) <= RATE_HZ // 10


def test_a_question_is_understood(system: Emulated, shared: Path) -> None:
    """By the recogniser in its child. (`listen` gives up: emulated, it takes longer than anybody would wait.)"""
    inside = write(shared / "question.wav", spoken(QUESTION, voice("flite slt"), 0.3))
    done = system.run([PYTHON, "/mnt/inside/recognise.py", inside], timeout=300)
    assert words(done.stdout) == words(QUESTION)


def test_commands_of_a_grammar_are_understood(system: Emulated, shared: Path) -> None:
    try:
        model = models.require("asr-vosk", "ko")
    except models.ModelMissing as missing:
        pytest.skip(str(missing))
    (shared / "phrases.json").write_text(json.dumps(COMMANDS), encoding="utf-8")
    sounds = [write(shared / f"command{at}.wav", spoken(text, KOREAN)) for at, text in enumerate(COMMANDS)]
    there = f"{models.SYSTEM_FOLDER}/{model.name}"
    done = system.run([PYTHON, "/mnt/inside/commands.py", there, "/mnt/shared/phrases.json", *sounds])
    assert [json.loads(line) for line in done.stdout.splitlines()] == list(COMMANDS)


def test_an_answer_is_spoken_clearly(system: Emulated, shared: Path, moonshine: Transcriber) -> None:
    """Through Piper's child and the speaker's, into ALSA; another machine understands it."""
    if models.installed("en_US-joe-medium") is None:
        pytest.skip("no voice; run: voice-agent models install en_US-joe-medium")
    (shared / "asound.conf").write_text(ASOUND)
    tape = shared / "tape.wav"
    tape.unlink(missing_ok=True)
    env = {"ALSA_CONFIG_PATH": "/mnt/shared/asound.conf", "VOICE_AGENT__TTS__ENGINE": "piper"}
    system.run([AGENT, "say", "--speaker", "tape", ANSWER], env=env)
    with wave.open(str(tape)) as file:
        rate_hz, channels = file.getframerate(), file.getnchannels()
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, channels)[:, 0]
    heard = moonshine.transcribe(soxr.resample(np.ascontiguousarray(frames), rate_hz, RATE_HZ))
    assert words(heard.text) == words(ANSWER)


def test_the_microphone_s_child_reads_alsa(system: Emulated, shared: Path) -> None:
    (shared / "asound.conf").write_text(ASOUND)
    sound = np.random.default_rng(1).integers(-9000, 9000, 2 * RATE_HZ, np.int16)
    (shared / "room.raw").write_bytes(sound.tobytes())
    command = [PYTHON, "/mnt/inside/capture.py", "mouth", "/mnt/shared/heard.raw"]
    form = json.loads(system.run(command, env={"ALSA_CONFIG_PATH": "/mnt/shared/asound.conf"}).stdout)
    assert (form["rate_hz"], form["channels"], form["sample"], form["period"]) == (16_000, 1, "S16", 160)
    heard = np.frombuffer((shared / "heard.raw").read_bytes(), np.int16)
    first = form["period"]  # the read that starts a stream; a device that is not paced has a period for it already
    assert np.array_equal(heard, sound[first : first + len(heard)])
