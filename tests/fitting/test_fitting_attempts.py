"""Attempts: each visitor's word is one, whatever it scores; the same word softer is found out with its gain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.audio.pcm import RATE_HZ, Samples
from agent.config import Config
from agent.fitting.attempts import Attempt, Attempts, peak_with
from agent.hearing import wakewords
from agent.hearing.offline import blocks
from agent.hearing.wake import WakeEngine
from agent.lab.processes import PackagesMissing
from agent.lab.visitor import VOICES, say, voice

pytestmark = pytest.mark.room
WORD = "hey_jarvis"
SLT = voice("flite slt")


@pytest.fixture(scope="module")
def engine() -> WakeEngine:
    try:
        say("hey jarvis", SLT)
    except PackagesMissing as missing:
        pytest.skip(str(missing))
    return wakewords.load(Config())


def heard(engine: WakeEngine, *sounds: Samples, step: int = 160, noise: float = 15.0) -> list[Attempt]:
    quiet = np.zeros(RATE_HZ * 3 // 2, np.int16)
    sound = np.concatenate([quiet, *(part for each in sounds for part in (each, quiet))])
    sound = np.round(sound + np.random.default_rng(1).normal(0, noise, len(sound))).clip(-32768, 32767)
    attempts = Attempts(engine, Config().wake, WORD)
    return [found for block in blocks(sound.astype(np.int16), step) for found in attempts.feed(block)]


@pytest.mark.parametrize("step", [160, 8000])
def test_one_word_is_one_attempt(engine: WakeEngine, step: int) -> None:
    found = heard(engine, *(say("hey jarvis", each).samples for each in VOICES), step=step)
    assert len(found) == len(VOICES)
    assert sum(each.peak > 0.5 for each in found) == len(VOICES)
    assert all(each.levels.snr_db > 20 for each in found)


def test_another_word_counts_and_a_door_does_not(engine: WakeEngine) -> None:
    bang = np.zeros(2000, np.int16)
    bang[1000:1480] = np.random.default_rng(0).normal(0, 6000, 480)
    found = heard(engine, say("marmalade", SLT).samples, bang, say("hey jarvis", SLT).samples)
    assert [each.peak > 0.5 for each in found] == [False, True]


@pytest.mark.parametrize("name", ["flite rms", "festival ked_diphone", "espeak-ng en-gb"])
def test_gain_is_tried_on_what_was_said(engine: WakeEngine, name: str) -> None:
    loud = say("hey jarvis", voice(name)).samples
    (soft,) = heard(engine, (loud * 0.05).astype(np.int16), noise=1.0)
    assert peak_with(soft, 26.0, engine, WORD) > 0.8
    assert peak_with(replace(soft, pcm=soft.pcm * 0), 0.0, engine, WORD) < 0.1
