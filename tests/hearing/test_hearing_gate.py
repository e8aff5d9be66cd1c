"""The gate opens for speech of any level and stays shut for what only hums."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hearing_helpers import among, coloured, pcm, silence, tone, white
from numpy.typing import NDArray

from agent.audio.pcm import PERIOD, Samples
from agent.hearing.gate import CLOSE_MS, VoiceGate
from agent.lab.visitor import Utterance, Voice

BEFORE_S = 2.0


def states(sound: Samples, step: int = PERIOD) -> NDArray[np.bool_]:
    """Whether the gate is open, for each 10 ms."""
    gate = VoiceGate()
    found: list[bool] = []
    for at in range(0, len(sound) // step * step, step):
        voice = gate.feed(sound[at : at + step], at)
        found += [voice.open] * len(voice.voiced)
    return np.array(found)


STEADY = {
    "digital silence": silence(10),
    "dither": pcm(np.random.default_rng(0).integers(-1, 2, 160_000).astype(float)),
    "quiet hiss": pcm(white(10, 30)),
    "loud hiss": pcm(white(10, 2000)),
    "a fan": pcm(coloured(10, 600, 0.5)),
    "a large fan": pcm(coloured(10, 2000, 1.0) * (1 + tone(10, 1.4, 0.3))),
    "mains hum": pcm(tone(10, 50, 3000) + tone(10, 150, 900) + white(10, 5)),
    "hum on a DC offset": pcm(9000 + tone(10, 50, 8000) + tone(10, 150, 2000) + white(10, 5)),
    "a whistling fridge": pcm(tone(10, 1000, 800) + white(10, 5)),
}


@pytest.mark.parametrize("name", STEADY)
def test_steady_sound_keeps_it_shut(name: str) -> None:
    """After the first seconds, in which a swelling fan has to be learned."""
    assert not states(STEADY[name])[500:].any()


def test_a_fan_that_is_switched_on_is_forgotten() -> None:
    state = states(pcm(np.concatenate([white(4, 5), coloured(12, 600, 0.5)])))
    assert state[450:600].all()
    assert not state[1400:].any()


@pytest.mark.room
@pytest.mark.parametrize("dc", [0, 12_000])
@pytest.mark.parametrize(("gain", "noise"), [(1.0, 0.0), (1.0, 10.0), (3.0, 10.0), (0.02, 1.0), (1.0, 100.0)])
def test_speech_opens_it_within_what_is_replayed(
    visitors: Mapping[Voice, Utterance], gain: float, noise: float, dc: int
) -> None:
    for voice, said in visitors.items():
        state = states(pcm(among(pcm(said.samples * gain), noise, BEFORE_S) + float(dc)))
        onset = round(BEFORE_S * 100)
        assert not state[100 : onset - 1].any(), f"{voice.name}: open before anybody spoke"
        assert state[onset : onset + 30].any(), f"{voice.name}: opens too late"


@pytest.mark.room
def test_it_closes_after_the_last_word_and_not_before(visitors: Mapping[Voice, Utterance]) -> None:
    for voice, said in visitors.items():
        state = states(among(said.samples, 10, BEFORE_S, after_s=4.0))
        last = round(BEFORE_S * 100) + said.last_loud // PERIOD
        assert state[last : last + CLOSE_MS // 10 - 20].all(), f"{voice.name}: shut within {CLOSE_MS} ms"
        assert not state[last + CLOSE_MS // 10 + 50 :].any(), f"{voice.name}: does not shut"


def test_a_click_is_no_voice() -> None:
    sound = white(6, 10)
    sound[48_000:48_080] += 20_000
    assert not states(pcm(sound)).any()


@pytest.mark.room
def test_eight_periods_at_once_say_the_same_as_one_at_a_time(visitors: Mapping[Voice, Utterance]) -> None:
    sound = among(next(iter(visitors.values())).samples, 10)
    one, eight = VoiceGate(), VoiceGate()
    single = [one.feed(sound[at : at + PERIOD], at).voiced[0] for at in range(0, 64_000, PERIOD)]
    batched = [v for at in range(0, 64_000, 8 * PERIOD) for v in eight.feed(sound[at : at + 8 * PERIOD], at).voiced]
    assert single == batched
    assert any(single)


def test_after_a_gap_it_is_shut() -> None:
    gate = VoiceGate()
    speech = pcm(white(0.5, 3000) * np.repeat(np.arange(50) % 2, 160))  # bursts
    assert gate.feed(np.concatenate([silence(0.1), speech]), 0).open
    gate.reset()
    assert not gate.open
    assert not gate.feed(silence(0.1), 99_999).open
