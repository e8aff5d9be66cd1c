"""Speech among noise, in a room, too quiet or too loud; and what may be done about it before somebody recognises it.

Every sound is heard in the `conditions`: with nothing else, among the noises of `agent.lab.acoustics` (another stretch
of it for each number), in rooms (another one for each number), and at other levels of the microphone, whose own noise
of `FLOOR_LSB` stays. Each may pass one of the `TREATMENTS`, WebRTC's audio processing in the wheel `pywebrtc-audio`:
*agc*, gain that is adapted to the speech by up to 50 dB at 6 dB a second, with a limiter; *ns*, suppression of up to
12 dB of what is not speech; *both*, in the order suppression, gain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from pywebrtc_audio import AudioProcessor, GainController, NoiseSuppressor

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.acoustics import Wave, amplified, crowd, fan, music, pcm, reverberant, with_noise

NOISE_S = 20.0
SNR_DB = (20, 10, 0)
T60_S = (0.2, 0.5)
GAIN_DB = (-30, 20)
FLOOR_LSB = 2.0  # RMS: a quiet microphone's
APART = 7919  # samples between the stretches of noise; prime, so that none comes twice
LEVEL = 1  # of suppression: 12 dB

Change = Callable[[Samples, int], Samples]


def conditions() -> dict[str, Change]:
    """What happens to the sound with this number, by name. Raises as `agent.lab.visitor.say` does."""
    noises = {"babble": crowd(), "music": music(NOISE_S), "fan": fan(NOISE_S)}
    changes: dict[str, Change] = {"clean": lambda sound, number: sound}
    for kind, noise in noises.items():
        changes |= {f"{kind}_{snr}db": _among(noise, snr) for snr in SNR_DB}
    changes |= {f"t60_{t60:g}s": _in_room(t60) for t60 in T60_S}
    changes |= {f"level_{gain:+d}db": _at_gain(gain) for gain in GAIN_DB}
    return changes


def _among(noise: Samples, snr_db: float) -> Change:
    return lambda sound, number: with_noise(sound, np.roll(noise, APART * number), snr_db)


def _in_room(t60_s: float) -> Change:
    return lambda sound, number: reverberant(sound, t60_s, seed=number)


def _at_gain(gain_db: float) -> Change:
    def change(sound: Samples, number: int) -> Samples:
        floor: Wave = np.random.default_rng(number).normal(0, FLOOR_LSB, len(sound))
        return pcm(amplified(sound, gain_db) + floor)

    return change


TREATMENTS: Mapping[str, Callable[[Samples], Samples]] = MappingProxyType(
    {
        "raw": lambda sound: sound,
        "agc": lambda sound: GainController(RATE_HZ, 1).process(sound),
        "ns": lambda sound: NoiseSuppressor(RATE_HZ, 1, LEVEL).process(sound),
        "both": lambda sound: AudioProcessor(
            RATE_HZ, 1, noise_suppression=True, ns_level=LEVEL, auto_gain_control=True
        ).process(sound),
    }
)


def cpu_percent(treatment: str, sound: Samples) -> float:
    """Of one core, for sound that comes in real time."""
    began = time.process_time()
    TREATMENTS[treatment](sound)
    return 100 * (time.process_time() - began) / (len(sound) / RATE_HZ)
