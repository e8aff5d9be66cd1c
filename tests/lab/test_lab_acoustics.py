"""What the simulated room does: levels, decay, drift and clipping are what was asked for."""

from collections.abc import Callable

import numpy as np
import pytest

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab import acoustics
from agent.lab.acoustics import EchoPath


def square(level: int = 8000) -> Samples:
    return (level * np.sign(np.sin(np.arange(RATE_HZ) / 3 + 0.1))).astype(np.int16)


def click(level: int = 10_000) -> Samples:
    sound = np.zeros(RATE_HZ, np.int16)
    sound[0] = level
    return sound


def spectrum_db(sound: Samples, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(sound.astype(float))) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return float(10 * np.log10(power[(hz >= low_hz) & (hz < high_hz)].mean()))


def test_noise_is_as_weak_as_asked_and_reverberation_dies_away() -> None:
    noise = np.random.default_rng(0).integers(-500, 500, 4000).astype(np.int16)
    mixed = acoustics.with_noise(square(), noise, 10)
    assert 20 * np.log10(8000 / (mixed - square().astype(float)).std()) == pytest.approx(10, abs=0.3)
    wet = acoustics.reverberant(click(), 0.5).astype(float)
    assert wet[0] == pytest.approx(10_000, abs=1)
    early, late = wet[1:800].std(), wet[4000:4800].std()
    assert 20 * np.log10(early / late) == pytest.approx(60 * 0.25 / 0.5, abs=4)


def test_levels_are_in_decibels_of_full_scale() -> None:
    assert acoustics.rms_dbfs(square(16_384)) == pytest.approx(-6.02, abs=0.01)
    assert acoustics.rms_dbfs(np.zeros(9, np.int16)) == -np.inf
    assert acoustics.rms_dbfs(acoustics.at_level(square(), -40)) == pytest.approx(-40, abs=0.1)
    assert np.abs(acoustics.amplified(square(), 30)).max() == 32767
    with pytest.raises(ValueError, match="silence"):
        acoustics.at_level(np.zeros(9, np.int16), -20)


def test_mixed_sounds_add_up_and_clip() -> None:
    long, short = np.full(4, 20_000, np.int16), np.full(2, 20_000, np.int16)
    assert acoustics.mixed(long, short).tolist() == [32767, 32767, 20_000, 20_000]


@pytest.mark.parametrize("make", [acoustics.fan, acoustics.music])
def test_noises_have_their_level_and_are_the_same_for_the_same_seed(make: Callable[[float, int], Samples]) -> None:
    sound = make(4.0, 1)
    assert len(sound) == 4 * RATE_HZ
    assert acoustics.rms_dbfs(sound) == pytest.approx(acoustics.NOISE_DBFS, abs=0.3)
    assert np.array_equal(sound, make(4.0, 1))
    assert not np.array_equal(sound, make(4.0, 2))


def test_a_fan_falls_by_six_decibels_an_octave_and_hums() -> None:
    sound = acoustics.fan(8.0)
    assert spectrum_db(sound, 1000, 1100) - spectrum_db(sound, 4000, 4400) == pytest.approx(12, abs=2)
    assert spectrum_db(sound, 98, 102) > spectrum_db(sound, 120, 150) + 6


def test_music_is_loud_and_quiet_by_turns_and_has_highs() -> None:
    sound = acoustics.music(8.0).astype(float)
    tenths = sound.reshape(-1, RATE_HZ // 10).std(axis=1)
    assert 20 * np.log10(tenths.max() / np.median(tenths)) > 4
    assert spectrum_db(acoustics.music(8.0), 4000, 7000) > spectrum_db(acoustics.fan(8.0), 4000, 7000)


def test_a_faster_clock_takes_down_more_samples_of_a_lower_tone() -> None:
    seconds, hz = 20, 1000
    tone = (8000 * np.sin(2 * np.pi * hz * np.arange(seconds * RATE_HZ) / RATE_HZ)).astype(np.int16)
    longer = acoustics.drifting(tone, 100)
    assert len(longer) == pytest.approx(len(tone) * 1.0001, abs=2)
    turns = np.unwrap(np.angle(np.fft.ifft(np.fft.fft(longer) * (np.fft.fftfreq(len(longer)) > 0))))
    heard_hz = (turns[-RATE_HZ] - turns[RATE_HZ]) / (len(turns) - 2 * RATE_HZ) * RATE_HZ / (2 * np.pi)
    assert heard_hz == pytest.approx(hz / 1.0001, abs=0.005)
    assert acoustics.drifting(tone, 0) is tone


def test_soft_clipping_leaves_the_quiet_and_bends_the_loud() -> None:
    assert acoustics.softly_clipped(square(300), -6).max() == pytest.approx(300, abs=1)
    bent = int(acoustics.softly_clipped(square(30_000), -6).max())
    assert 0.9 * 16_384 < bent <= 16_384


def test_an_echo_is_late_weaker_and_has_a_tail() -> None:
    dry = EchoPath(delay_ms=60, gain_db=-20, t60_s=0).heard(click())
    assert np.flatnonzero(dry).tolist() == [960]
    assert dry[960] == 1000
    wet = EchoPath(delay_ms=60, gain_db=0, t60_s=0.4).heard(click())
    assert not wet[:959].any()
    assert wet[961:4000].any()
    assert len(wet) == RATE_HZ + 960 + round(0.4 * RATE_HZ)
    assert np.abs(EchoPath(t60_s=0, clip_dbfs=-12).heard(square(30_000))).max() <= 8231
    assert len(EchoPath(t60_s=0, drift_ppm=1000).heard(click())) == pytest.approx(1.001 * (RATE_HZ + 960), abs=2)
