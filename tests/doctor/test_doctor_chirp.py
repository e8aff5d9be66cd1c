"""The maths of chirps, under conditions that are known because they were made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.doctor.chirp import Floats, Heard, NotHeard, Train, measure

TRAIN = Train()
TOTAL_S = 7.5


def recorded(
    rate_hz: int = 16_000,
    delay_s: float = 1.2,
    ppm: float = 0.0,
    gain: float = 0.2,
    noise: float = 1e-4,
    echoes: tuple[tuple[float, float], ...] = (),
    seed: int = 1,
) -> Floats:
    """One channel of a recording whose clock is `ppm` too fast; echoes as (seconds, gain) beside the direct way."""
    at_s = np.arange(round(TOTAL_S * rate_hz)) / (rate_hz * (1 + ppm * 1e-6))
    sound = gain * TRAIN.at(at_s - delay_s)
    for later_s, part in echoes:
        sound += gain * part * TRAIN.at(at_s - delay_s - later_s)
    return sound + np.random.default_rng(seed).normal(0.0, noise, len(at_s))


def heard(sound: Floats, rate_hz: int = 16_000) -> Heard:
    found = measure(sound[:, None] if sound.ndim == 1 else sound, rate_hz, TRAIN)
    assert isinstance(found, Heard)
    return found


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("ppm", [-200.0, 0.0, 200.0])
def test_delay_and_clock_in_a_quiet_room(rate_hz: int, ppm: float) -> None:
    found = heard(recorded(rate_hz, 1.2345678, ppm), rate_hz)
    assert found.start_s == pytest.approx(1.2345678 * (1 + ppm * 1e-6), abs=2e-4)
    assert found.ppm == pytest.approx(ppm, abs=0.5)
    assert found.polarity == 1


@settings(max_examples=25, deadline=None)
@given(delay_s=st.floats(0.6, 1.8), ppm=st.floats(-300.0, 300.0), noise=st.floats(1e-4, 0.05), seed=st.integers(0, 999))
def test_delay_and_clock_in_noise(delay_s: float, ppm: float, noise: float, seed: int) -> None:
    found = heard(recorded(delay_s=delay_s, ppm=ppm, noise=noise, seed=seed))
    assert found.start_s == pytest.approx(delay_s, abs=1e-3)
    assert found.ppm == pytest.approx(ppm, abs=10.0)


@settings(max_examples=5, deadline=None)
@given(ppm=st.floats(-200.0, 200.0), seed=st.integers(0, 999))
def test_a_room_that_rings(ppm: float, seed: int) -> None:
    """Twenty reflections, that decay by 60 dB in half a second; each is weaker than the direct way."""
    chance = np.random.default_rng(seed)
    times = chance.uniform(0.003, 0.25, 20)
    echoes = tuple((float(t), float(chance.uniform(-0.5, 0.5) * 10 ** (-3 * t / 0.5))) for t in times)
    found = heard(recorded(ppm=ppm, noise=0.003, echoes=echoes))
    assert found.start_s == pytest.approx(1.2, abs=1e-3)
    assert found.ppm == pytest.approx(ppm, abs=10.0)


def test_the_direct_way_counts_where_an_echo_is_louder() -> None:
    found = heard(recorded(echoes=((0.008, 1.3),)))
    assert found.start_s == pytest.approx(1.2, abs=5e-4)


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 20.0, 50.0])
def test_levels(snr_db: float) -> None:
    """A chirp swells like half a sine: its RMS is half its peak."""
    gain = 0.2
    noise = gain * TRAIN.level / 2 * 10 ** (-snr_db / 20)
    found = heard(recorded(gain=gain, noise=noise))
    assert found.level_dbfs == pytest.approx(20 * np.log10(gain * TRAIN.level / 2), abs=1.0)
    assert found.noise_dbfs == pytest.approx(20 * np.log10(noise), abs=0.5)
    assert found.snr_db == pytest.approx(snr_db, abs=1.5)


def test_clipping() -> None:
    assert heard(recorded()).clipped == 0.0
    loud = np.clip(recorded(gain=4.0), -1.0, 1.0)
    assert 0.2 < heard(loud).clipped < 0.8
    assert heard(loud).ppm == pytest.approx(0.0, abs=10.0)


def test_inverted_wires() -> None:
    assert heard(-recorded()).polarity == -1


def test_a_dead_channel_beside_a_live_one() -> None:
    live = recorded()
    both = np.stack([np.zeros_like(live), live, 0.5 * live], axis=1)
    found = heard(both)
    assert [channel.dead for channel in found.channels] == [True, False, False]
    assert found.channels[0].zeros == 1.0
    deaf = measure(both, 16_000, TRAIN, 0)
    assert isinstance(deaf, NotHeard)
    assert [channel.dead for channel in deaf.channels] == [True, False, False]


def test_only_what_the_agent_hears_is_judged() -> None:
    """Some arrays give back what is played, in a channel of its own: the clearest, and no microphone."""
    soft, played = recorded(gain=0.02, noise=0.003), np.clip(recorded(gain=4.0, noise=0.0), -1.0, 1.0)
    array = np.stack([soft, played], axis=1)
    first, beyond = (measure(array, 16_000, TRAIN, channel) for channel in (0, 7))
    assert isinstance(first, Heard)
    assert first.channel == 0
    assert first.level_dbfs == pytest.approx(20 * np.log10(0.02 * TRAIN.level / 2), abs=1.0)
    assert first.clipped == 0.0
    assert isinstance(beyond, Heard)
    assert beyond.channel == 1  # as in a turn: one that is not there is the last one
    assert beyond.clipped > 0.2
    assert heard(array).clipped > 0.2, "a mean hides that one of them is at its ends"


def test_lost_sound_is_no_clock() -> None:
    """20 ms are missing in the middle, unnoticed."""
    whole = recorded()
    gone = np.concatenate([whole[:52_000], whole[52_320:]])
    found = measure(gone[:, None], 16_000, TRAIN)
    assert isinstance(found, NotHeard) or found.ppm is None


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_chirp(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.05, (120_000, 2))
    found = measure(noise, 16_000, TRAIN, 1)
    assert isinstance(found, NotHeard)
    assert found.noise_dbfs == pytest.approx(-26.0, abs=0.2)


def test_nothing_at_all() -> None:
    found = measure(np.zeros((120_000, 2)), 16_000, TRAIN)
    assert isinstance(found, NotHeard)
    assert all(channel.zeros == 1.0 for channel in found.channels)


def test_a_recording_shorter_than_the_train() -> None:
    assert isinstance(measure(recorded()[:30_000, None], 16_000, TRAIN), NotHeard)


def test_bangs_and_a_hum_are_no_chirps() -> None:
    sound = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(120_000) / 16_000)
    sound[30_000:30_010] = sound[80_000:80_010] = 1.0
    assert isinstance(measure(sound[:, None], 16_000, TRAIN), NotHeard)
