"""Our own sounds, come back from the room: known for what they are, whatever the room; and no voice is."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import soxr
from hearing_helpers import pcm

from agent import earcons
from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.commands import EarconName
from agent.hearing.gate import VoiceGate
from agent.hearing.ownnotes import LENGTH, OwnNotes
from agent.lab.acoustics import reverberant, softly_clipped
from agent.lab.visitor import say, voice

BEFORE_S = 1.0
CLUSTER = 3  # periods of speech that begin an utterance
ROOM_LSB = 10.0


def come_back(name: EarconName, t60_s: float, gain_db: float, clip_dbfs: float | None = None) -> Samples:
    played = soxr.resample(earcons.render(name), earcons.RATE_HZ, RATE_HZ) * 10 ** (gain_db / 20)
    bent = pcm(played) if clip_dbfs is None else softly_clipped(pcm(played), clip_dbfs)
    around = np.pad(bent, (round(BEFORE_S * RATE_HZ), RATE_HZ))
    return reverberant(around, t60_s) if t60_s else around


def among_noise(sound: Samples) -> Samples:
    return pcm(sound + np.random.default_rng(0).normal(0, ROOM_LSB, len(sound)))


def others(name: EarconName, sound: Samples) -> int:
    """In how many voiced periods, from `BEFORE_S` on, something else than our sound is heard."""
    room_db = 10 * math.log10(2 * ROOM_LSB**2)
    own, gate, count = OwnNotes(name, 0, room_db), VoiceGate(), 0
    for at in range(0, len(sound) // PERIOD * PERIOD, PERIOD):
        voice = gate.feed(sound[at : at + PERIOD], at)
        if voice.voiced[0] and at >= BEFORE_S * RATE_HZ - PERIOD:
            count += not own.alone(sound[at + PERIOD - LENGTH - 1 : at + PERIOD])
    return count


@pytest.mark.parametrize("t60_s", [0.0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("gain_db", [-12.0, 6.0])
@pytest.mark.parametrize("name", get_args(EarconName))
def test_our_own_sound_is_known_in_any_room(name: EarconName, gain_db: float, t60_s: float) -> None:
    assert others(name, among_noise(come_back(name, t60_s, gain_db))) < CLUSTER


@pytest.mark.parametrize("t60_s", [0.2, 0.5])
def test_also_from_a_loudspeaker_that_bends_it(t60_s: float) -> None:
    assert others("wake", among_noise(come_back("wake", t60_s, 0.0, clip_dbfs=-14.0))) < CLUSTER


@pytest.mark.parametrize("gain_db", [-20.0, -6.0])
@pytest.mark.parametrize("word", ["stop", "louder", "yes", "no"])
@pytest.mark.parametrize("name", ["slt", "awb", "kal_diphone", "en-us+m3", "en-us+f2"])
def test_a_voice_in_it_is_something_else(name: str, word: str, gain_db: float) -> None:
    said = np.pad(say(word, voice(name)).samples, (round(BEFORE_S * RATE_HZ), RATE_HZ))
    rung = come_back("wake", 0.3, gain_db)[: len(said)]
    together = np.pad(rung, (0, len(said) - len(rung))).astype(np.int32) + said
    assert others("wake", among_noise(pcm(together))) > 2 * CLUSTER


def test_it_is_expected_until_the_room_is_still() -> None:
    own = OwnNotes("wake", 1000)
    assert not own.expected(999)
    assert own.expected(1000)
    assert own.expected(1000 + round((0.15 + 0.18) * RATE_HZ))
    assert not own.expected(own.ends)
    assert own.ends - 1000 < 0.9 * RATE_HZ
