"""Levels of sound whose levels are known, and the gain that follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.pcm import PERIOD, Samples
from agent.fitting.levels import HEADROOM_DBFS, TARGET_DBFS, LevelMeter, Levels, complaint, gain_db


def noise(seconds: float, dbfs: float, seed: int = 0) -> Samples:
    wave = np.random.default_rng(seed).normal(0, 32_768 * 10 ** (dbfs / 20), round(seconds * 100) * PERIOD)
    return np.clip(np.round(wave), -32768, 32767).astype(np.int16)


def measured(speech_dbfs: float, noise_dbfs: float) -> Levels:
    meter = LevelMeter()
    meter.feed(noise(2, noise_dbfs), (False,) * 200)
    meter.feed(noise(1, speech_dbfs, 1), (True,) * 100)
    meter.feed(noise(1, noise_dbfs, 2), (False,) * 100)
    assert meter.speech_s == pytest.approx(1)
    return meter.levels()


@pytest.mark.parametrize("speech", [-20.0, -35.0, -50.0])
@pytest.mark.parametrize("quiet", [-60.0, -75.0])
def test_levels_are_found(speech: float, quiet: float) -> None:
    found = measured(speech, quiet)
    assert found.speech_dbfs == pytest.approx(speech, abs=0.3)
    assert found.noise_dbfs == pytest.approx(quiet, abs=1.5)  # of the quietest fifth
    assert found.snr_db == pytest.approx(speech - quiet, abs=1.5)


def test_gain_brings_speech_to_its_level() -> None:
    for speech in (-60.0, -45.0, -32.0, -10.0):
        found = measured(speech, -80.0)
        assert TARGET_DBFS - 1.5 <= speech + gain_db(found) <= TARGET_DBFS + 0.5
    assert gain_db(measured(-27.0, -80.0)) == 0


def test_offset_is_no_noise() -> None:
    meter = LevelMeter()
    meter.feed((noise(1, -70) + 3000).astype(np.int16), (False,) * 100)
    assert meter.levels().noise_dbfs == pytest.approx(-70, abs=1.5)


def test_complaints() -> None:
    assert "no voice" in complaint(LevelMeter().levels())
    assert "clips" in complaint(measured(0.0, -60.0))
    assert "noise" in complaint(measured(-35.0, -40.0))
    assert complaint(measured(-30.0, -60.0)) == ""


@given(st.floats(-90, 0), st.floats(-100, 0), st.floats(0, 60))
def test_gain_never_clips(speech: float, floor: float, crest: float) -> None:
    levels = Levels(speech, floor, min(speech + crest, 0.0))
    gain = gain_db(levels)
    assert -40 <= gain <= 60
    assert gain <= 0 or levels.peak_dbfs + gain <= HEADROOM_DBFS
