"""The same word in one room at several distances, and what a microphone there gives of it.

The direct sound falls by 6 dB each time the distance doubles; the sound that the walls give back is equally strong
everywhere (Kuttruff, "Room Acoustics", section 5.1), here as noise that dies away (Polack). The noise of the room is
another at each microphone, equally loud.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from agent.audio.pcm import RATE_HZ, Samples

DISTANCES_M = (0.5, 1.0, 2.0, 4.0)
NOISES: Mapping[str, float] = MappingProxyType({"none": 0.0, "white": 20.0, "fan": 300.0, "television": 100.0})  # RMS
T60_S = 0.4
DIFFUSE = 0.35  # of the direct sound at 1 m
BEFORE_S, AFTER_S = 3.0, 1.0


def at_distance(word: Samples, metres: float, seed: int = 0) -> NDArray[np.float64]:
    """The word, with silence around it, as it arrives so far away; at 1 m the direct sound is as loud as `word`."""
    dry = np.pad(word.astype(np.float64), (round(BEFORE_S * RATE_HZ), round(AFTER_S * RATE_HZ)))
    time = np.arange(round(T60_S * RATE_HZ)) / RATE_HZ
    answer = np.random.default_rng(seed).normal(0, 1, len(time)) * 10 ** (-3 * time / T60_S)
    answer *= DIFFUSE / np.sqrt((answer**2).sum())
    answer[0] += 1 / metres
    size = len(dry) + len(answer)
    return np.asarray(np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(answer, size), size)[: len(dry)])


def noise(kind: str, length: int, seed: int, crowd: Samples) -> NDArray[np.float64]:
    """So many samples of the noise of a room. `crowd`: speech, for the television."""
    chance = np.random.default_rng(seed).normal(0, 1, length)
    match kind:
        case "fan":
            spectrum = np.fft.rfft(chance)
            sound = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 20), length)
        case "television":
            sound = np.resize(np.roll(crowd, seed * 7919), length).astype(np.float64)
        case _:
            sound = chance
    return np.asarray(sound * (NOISES[kind] / sound.std()))


def heard(word: Samples, metres: float, kind: str, seed: int, crowd: Samples, gain_db: float = 0.0) -> Samples:
    """What a microphone of that gain gives."""
    sound = at_distance(word, metres, seed)
    sound = (sound + noise(kind, len(sound), seed, crowd)) * 10 ** (gain_db / 20)
    return np.clip(np.round(sound), -32768, 32767).astype(np.int16)
