"""The sounds: short, soft, without clicks, and nothing that sounds like a voice to the agent's own ears."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import soxr

from agent import earcons
from agent.audio.pcm import RATE_HZ, Samples
from agent.commands import EarconName
from agent.models import installed


@pytest.mark.parametrize("name", get_args(EarconName))
def test_a_sound_is_short_soft_and_round(name: EarconName) -> None:
    sound = earcons.render(name)
    assert sound.dtype == np.int16
    longest = 0.65 if name == "timer" else 0.25  # nobody is expected to speak after that one
    assert 0.1 <= len(sound) / earcons.RATE_HZ <= longest
    loudest = max(_db(sound[at : at + 2400]) for at in range(0, len(sound) - 2400, 240))
    assert -22 <= loudest <= -17
    assert abs(int(sound.mean())) < 30
    assert np.abs(sound[[0, -1]]).max() < 30
    assert np.abs(np.diff(sound.astype(int))).max() < 1500  # no click


def test_all_are_rendered_and_differ() -> None:
    sounds = earcons.render_all()
    assert set(sounds) == set(get_args(EarconName))
    assert len({sound.tobytes() for sound in sounds.values()}) == len(sounds)


@pytest.mark.parametrize("word", ["hey_jarvis", "alexa", "hey_mycroft", "okay_nabu"])
def test_they_do_not_wake(word: str) -> None:
    from agent.hearing import microwakeword, openwakeword

    heard = _in_a_row()
    if path := installed(word, "wake-openwakeword"):
        engine = openwakeword.load({word: path}, {word: 0.5}, phases=8)
        assert max(score.value for score in engine.feed(heard, 0)) < 0.05
    path = installed(word, "wake-microwakeword")
    assert path is not None
    micro = microwakeword.load({word: path}, {word: 0.5})
    assert max(score.value for score in micro.feed(heard, 0)) < 0.2


def test_they_are_not_transcribed() -> None:
    """With its own voice detector on, the recogniser finds no speech in them, loud or soft, in silence or in noise."""
    package = pytest.importorskip("moonshine_voice", reason="needs `pip install voice-agent[moonshine]`")
    from moonshine_voice.transcriber import Transcriber

    transcriber = Transcriber(str(package.get_model_path("tiny-en")), package.ModelArch.TINY)
    random = np.random.default_rng(7)
    for name in get_args(EarconName):
        for gain, noise in ((1.0, 10), (0.3, 30)):
            sound = _at_16_khz(name) * gain
            padded = np.concatenate([np.zeros(8000), sound, np.zeros(12_000)])
            heard = (padded + random.normal(0, noise, len(padded))) / 32768
            lines = transcriber.transcribe_without_streaming(heard.tolist(), RATE_HZ).lines
            assert [line.text for line in lines] == [], name
    transcriber.close()


def _in_a_row() -> Samples:
    """All sounds with pauses, three times, over the noise of a quiet room."""
    pause = np.zeros(RATE_HZ // 2)
    parts = [part for name in get_args(EarconName) * 3 for part in (pause, _at_16_khz(name))]
    sound = np.concatenate([pause, pause, *parts, pause, pause])
    return (sound + np.random.default_rng(7).normal(0, 8, len(sound))).astype(np.int16)


def _at_16_khz(name: EarconName) -> Samples:
    resampled: Samples = soxr.resample(earcons.render(name), earcons.RATE_HZ, RATE_HZ)
    return resampled


def _db(sound: Samples) -> float:
    return float(20 * np.log10(np.sqrt(np.mean((sound / 32768) ** 2)) + 1e-9))
