"""A whole turn over recorded sound: what the benches of the first word and of the end of speech count with."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from agent import models
from agent.audio.pcm import RATE_HZ, Samples
from agent.config import Config
from agent.events import Partial
from agent.hearing import wakewords
from agent.lab.processes import PackagesMissing
from agent.lab.sitting import Sitting
from agent.lab.visitor import Utterance, say, voice
from agent.thinking.intents import Intents

SPEAKER = voice("cmu_us_slt_arctic_hts")


@pytest.fixture(scope="module")
def sitting() -> Sitting:
    match = Intents("en").match
    try:
        return Sitting(Config(), wakewords.load(Config()), lambda text, _: match(text), own_db=-12.0)
    except models.ModelMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def speak() -> Callable[[str], Utterance]:
    def speak(text: str) -> Utterance:
        try:
            return say(text, SPEAKER)
        except PackagesMissing as missing:
            pytest.skip(str(missing))

    return speak


def in_a_room(sound: Samples, after_s: float = 2.0) -> Samples:
    whole = np.pad(sound, (RATE_HZ, round(after_s * RATE_HZ)))
    noise = np.random.default_rng(1).normal(0, 10, len(whole))
    return np.clip(whole + noise, -32768, 32767).astype(np.int16)


def test_a_complete_command_is_answered_after_a_short_silence(
    sitting: Sitting, speak: Callable[[str], Utterance]
) -> None:
    said = speak("hey jarvis").then(speak("what time is it"), 0.3)
    told = sitting.sit(in_a_room(said.samples))
    assert told.woken
    assert told.text.lower().startswith("what time is it")
    assert told.endpoint is not None
    ended = 1.0 + said.last_loud / RATE_HZ
    assert told.endpoint.audio_at == pytest.approx(ended, abs=0.1)
    assert 0.2 < told.endpoint.at.mono - ended < 0.45
    assert [event.hint for event in told.events if isinstance(event, Partial)][-1] == "complete"


def test_a_bare_wake_word_is_acknowledged_and_the_sound_is_no_question(
    sitting: Sitting, speak: Callable[[str], Utterance]
) -> None:
    told = sitting.sit(in_a_room(speak("hey jarvis").samples, after_s=5.0))
    assert len(told.sounds) == 1, "the acknowledgement, which the room gives back"
    assert told.endpoint is not None
    assert told.endpoint.cause == "no_speech"
    assert told.text == ""


def test_a_hanging_sentence_is_waited_for(sitting: Sitting, speak: Callable[[str], Utterance]) -> None:
    said = speak("set an alarm for").then(speak("half past seven"), 0.8)
    told = sitting.sit(in_a_room(said.samples), woken_at=RATE_HZ // 2)
    assert told.endpoint is not None
    assert told.endpoint.audio_at == pytest.approx(1.0 + said.last_loud / RATE_HZ, abs=0.15)


def test_whoever_pauses_for_long_is_heard_to_the_end_unless_the_answer_is_heard_before(
    sitting: Sitting, speak: Callable[[str], Utterance]
) -> None:
    said = speak("hey jarvis").then(speak("tell me a very long story"), 0.4).then(speak("about a dragon"), 1.3)
    told = sitting.sit(in_a_room(said.samples))
    assert "dragon" not in told.text.lower(), "answered after 0.5 s"
    assert told.taken_back == ()
    match = Intents("en").match
    slow = Sitting(Config(), wakewords.load(Config()), lambda text, _: match(text), answer_s=math.inf)
    told = slow.sit(in_a_room(said.samples))
    assert told.text.lower().startswith("tell me a very long story")
    assert "dragon" in told.text.lower()
    ((at, asked_s),) = told.taken_back
    assert at == pytest.approx(1.0 + said.ends[1] / RATE_HZ + 1.3, abs=0.25)
    assert 0.5 < asked_s < 1.3
    assert told.endpoint is not None
    assert told.endpoint.audio_at == pytest.approx(1.0 + said.last_loud / RATE_HZ, abs=0.1)
