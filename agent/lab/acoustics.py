"""What a room does to sound, and what else is heard in it: noises, reverberation, and the way of an echo. Pure; every
noise is the same for the same `seed`.

All is mono, 16 kHz. Noises come at `NOISE_DBFS` and are put under speech with `with_noise`, which sets the
signal-to-noise ratio. What is simulated:
- *babble* (`crowd`): ten other people who talk at once, by the visitors' voices, who have a wave of its own each.
- *music* (`music`): chords of four notes with ten harmonics each, a bass, and drums of noise, 100 beats a minute, loud
  and quiet by turns. Nobody sings.
- *fan* (`fan`): air, noise that falls by 6 dB an octave from 80 Hz on (Blake, "Aero-hydroacoustics", broadband noise of
  fans), the motor's hum at 100 Hz, and the blades at 187 Hz, each with harmonics, that waver a little.
- *reverberation* (`reverberant`): noise that dies away by 60 dB in `t60_s` (Polack's model of a diffuse tail).
- *drift* (`drifting`): the clocks of loudspeaker and microphone differ by some ppm.
- *soft clipping* (`softly_clipped`): a small loudspeaker or an overdriven input (a tangent hyperbolic).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.visitor import VOICES, say

FULL = 32768.0
NOISE_DBFS = -26.0
AUDIBLE = 300  # what is weaker in speech, in LSB, is not its loud part
TAIL = 0.7  # amplitude of all the reverberation, of the direct sound's
BEAT_S = 0.6
CHORDS_HZ = (
    (220.0, 261.63, 329.63, 440.0),  # A minor
    (174.61, 220.0, 261.63, 349.23),  # F
    (130.81, 196.0, 261.63, 329.63),  # C
    (196.0, 246.94, 293.66, 392.0),  # G
)
HARMONICS = 10
SENTENCES = (
    "the harvest was late this year because of the rain",
    "the ferry leaves the island every day at noon",
    "she heard the jar break and ran to the kitchen",
    "there is a service station at the next junction",
    "please leave your message after the tone",
    "our neighbours have a very noisy dog",
    "hey there, how have you been since the summer",
    "the jury has not decided anything yet",
    "turn left at the church and follow the river",
    "i have never seen so many stars in one night",
)

Wave = NDArray[np.float64]


def pcm(sound: Wave) -> Samples:
    """Rounded, and clipped where it is too loud."""
    return np.clip(np.round(sound), -32768, 32767).astype(np.int16)


def rms_dbfs(sound: Samples | Wave) -> float:
    """The level of all of it; a full square wave has 0 dBFS. Silence has minus infinity."""
    power = float((sound.astype(np.float64) ** 2).mean()) if len(sound) else 0.0
    return 10 * float(np.log10(power / FULL**2)) if power else -np.inf


def amplified(sound: Samples | Wave, gain_db: float) -> Samples:
    """Louder or quieter; what is too loud clips hard, as in a converter."""
    return pcm(sound.astype(np.float64) * 10 ** (gain_db / 20))


def at_level(sound: Samples | Wave, dbfs: float) -> Samples:
    """With this RMS level over all. Raises ValueError for silence."""
    level = rms_dbfs(sound)
    if not np.isfinite(level):
        raise ValueError("silence cannot be made louder")
    return amplified(sound, dbfs - level)


def mixed(*sounds: Samples) -> Samples:
    """All at once; the shorter ones end early."""
    longest = max(len(sound) for sound in sounds)
    return pcm(np.sum([np.pad(sound.astype(np.float64), (0, longest - len(sound))) for sound in sounds], axis=0))


def crowd() -> Samples:
    """Many voices at once, none of them saying a wake word: 5 s. Raises as `agent.lab.visitor.say`."""
    length = 5 * RATE_HZ
    voices = [np.resize(say(text, voice).samples, length) for text, voice in zip(SENTENCES, VOICES, strict=False)]
    crowd: Samples = np.sum([np.roll(sound, 4000 * i) / 4 for i, sound in enumerate(voices)], axis=0).astype(np.int16)
    return crowd


def fan(seconds: float, seed: int = 0) -> Samples:
    """A fan, a cooker's hood: see above."""
    length = round(seconds * RATE_HZ)
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(0, 1, length))
    corner = round(80 * seconds)  # the bin of 80 Hz
    air = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), corner), length)
    sound = air / air.std()
    time = np.arange(length) / RATE_HZ
    for base_hz, level in ((100.0, 0.35), (187.0, 0.25)):
        waver = 1 + 0.002 * np.sin(2 * np.pi * 0.7 * time + rng.uniform(0, 6))
        phase = 2 * np.pi * base_hz * np.cumsum(waver) / RATE_HZ
        for harmonic in range(1, 6):
            sound += level / harmonic * np.sin(harmonic * phase + rng.uniform(0, 6))
    return at_level(sound, NOISE_DBFS)


def music(seconds: float, seed: int = 0) -> Samples:
    """A band without a singer: see above."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(round((seconds + 4 * BEAT_S) * RATE_HZ))
    for beat in range(int(seconds / BEAT_S) + 1):
        start = round(beat * BEAT_S * RATE_HZ)
        chord = CHORDS_HZ[(beat // 4 + seed) % len(CHORDS_HZ)]
        loudness = 10 ** (rng.uniform(-8, 0) / 20)
        if beat % 2 == 0:
            for note_hz in chord:
                _add(sound, start, loudness * _note(note_hz, 2 * BEAT_S, decay_s=0.7))
        _add(sound, start, 1.5 * loudness * _note(chord[beat % 3] / 2, BEAT_S, decay_s=0.4))
        melody_hz = chord[int(rng.integers(4))] * 2
        _add(sound, start + round(rng.integers(2) * BEAT_S / 2 * RATE_HZ), loudness * _note(melody_hz, BEAT_S, 0.5))
        _add(sound, start, 3.0 * _drum(rng, decay_s=0.08 if beat % 2 else 0.03))
        _add(sound, start + round(BEAT_S / 2 * RATE_HZ), 1.0 * _drum(rng, decay_s=0.02))
    return at_level(sound[: round(seconds * RATE_HZ)], NOISE_DBFS)


def _note(base_hz: float, seconds: float, decay_s: float) -> Wave:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    envelope = np.minimum(time / 0.01, 1.0) * np.exp(-time / decay_s)
    tones = [np.sin(2 * np.pi * k * base_hz * time) / k for k in range(1, HARMONICS + 1) if k * base_hz < RATE_HZ / 2]
    return np.asarray(envelope * np.sum(tones, axis=0))


def _drum(rng: np.random.Generator, decay_s: float) -> Wave:
    time = np.arange(round(5 * decay_s * RATE_HZ)) / RATE_HZ
    return np.asarray(rng.normal(0, 1, len(time)) * np.exp(-time / decay_s))


def _add(sound: Wave, start: int, part: Wave) -> None:
    end = min(start + len(part), len(sound))
    sound[start:end] += part[: max(0, end - start)]


def with_noise(sound: Samples, noise: Samples, snr_db: float) -> Samples:
    """The noise (again and again, as long as it takes) under all of the sound, so much weaker than its loud parts."""
    loud = sound[np.abs(sound.astype(np.int32)) > AUDIBLE].astype(np.float64)
    under = np.resize(noise, len(sound)).astype(np.float64)
    gain = np.sqrt((loud**2).mean() / (under**2).mean()) * 10 ** (-snr_db / 20)
    mixed: Samples = np.clip(sound + gain * under, -32768, 32767).astype(np.int16)
    return mixed


def reverberant(sound: Samples, t60_s: float, seed: int = 3) -> Samples:
    """In a room whose sound decays by 60 dB in `t60_s`: the sound, and 3 dB weaker noise that dies away (Polack)."""
    return pcm(_convolved(sound.astype(np.float64), impulse_response(t60_s, seed)))


def impulse_response(t60_s: float, seed: int = 3) -> Wave:
    """Of such a room: the direct sound, 1.0, and the tail."""
    time = np.arange(round(t60_s * RATE_HZ)) / RATE_HZ
    tail: Wave = np.random.default_rng(seed).normal(0, 1, len(time)) * 10 ** (-3 * time / t60_s)
    tail *= TAIL / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    return tail


def _convolved(sound: Wave, response: Wave) -> Wave:
    """As long as the sound."""
    size = len(sound) + len(response)
    return np.asarray(np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[: len(sound)])


def drifting(sound: Samples, ppm: float) -> Samples:
    """As a clock that runs faster by so many millionths takes it down: longer by as much, and lower."""
    if not ppm:
        return sound
    slower: Samples = soxr.resample(sound, RATE_HZ, RATE_HZ * (1 + ppm * 1e-6), "HQ")
    return slower


def softly_clipped(sound: Samples, limit_dbfs: float) -> Samples:
    """Never louder than `limit_dbfs` (peak), and bent well below it: a small loudspeaker at its end."""
    limit = FULL * 10 ** (limit_dbfs / 20)
    return pcm(limit * np.tanh(sound / limit))


@dataclass(frozen=True, slots=True)
class EchoPath:
    """From the loudspeaker to the microphone. `gain_db`: level of the direct echo, of what was played; `t60_s`: of the
    room, 0: none; `clip_dbfs`: see `softly_clipped`, None: a perfect loudspeaker; `drift_ppm`: the microphone's clock
    is faster by so much."""

    delay_ms: float = 60.0
    gain_db: float = 0.0
    t60_s: float = 0.3
    clip_dbfs: float | None = None
    drift_ppm: float = 0.0
    seed: int = 3

    def heard(self, played: Samples) -> Samples:
        """What the microphone hears of it: as long as what was played, the delay and the tail (and the drift)."""
        sound = played if self.clip_dbfs is None else softly_clipped(played, self.clip_dbfs)
        before, after = round(self.delay_ms * RATE_HZ / 1000), round(self.t60_s * RATE_HZ)
        late = np.pad(sound.astype(np.float64), (before, after)) * 10 ** (self.gain_db / 20)
        wet = _convolved(late, impulse_response(self.t60_s, self.seed)) if self.t60_s else late
        return drifting(pcm(wet), self.drift_ppm)
