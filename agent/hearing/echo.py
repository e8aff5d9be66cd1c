"""Echo cancellation: what the microphone hears, less what the agent itself is saying.

Theory (Enzner and Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free
telephones", Signal Processing 86, 2006; partitioned as in Kuech, Mabande and Enzner, ICASSP 2014):
- The way of sound from the loudspeaker to the microphone is a filter `LENGTH` periods long, in partitions of one
  period, in the frequency domain (overlap-save). Each coefficient has an uncertainty, and it follows a new period in
  the measure in which the uncertainty explains the error: while somebody speaks over the agent the error is louder
  than that, and the filter stands still by itself. So it needs no detector of double talk, and does not run away.
- It is linear and takes away what is a copy of the agent's speech, and nothing of a voice. WebRTC's AEC3, tried first,
  goes on to suppress what is left, and with it the voice: of a user 6 dB quieter than the echo nothing remained, while
  from this residual the wake word is heard where the echo is louder by 14 dB.
- What stays of an echo has three reasons: a filter that has not settled (its uncertainty tells how much), a loudspeaker
  that bends the sound (a share of the echo), and the room's noise. `Cancelled.expected_db` is the sum of the first, and
  who listens for voices learns the second.

Pure; counts audio. Each period of 10 ms costs about 0.15 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.audio.pcm import PERIOD

LENGTH = 28  # periods
KEEPING = 0.9995  # of a coefficient per period: rooms change, since people walk
FIRST = 0.05  # uncertainty at the beginning; more, and the filter takes a voice for an echo in its first seconds
LEAST = 1e-9
NEAR = 0.8  # of the near end's spectrum per period
SMOOTH = np.full(9, 1 / 9, np.float32)  # bins over which an error at this very moment is taken together

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Cancelled:
    """A period without its echo. Levels in dB re 1 LSB²: of the microphone, of the residual, of the echo that was taken
    away, and of the echo that is expected to be left since the filter has not settled."""

    residual: Floats
    heard_db: float
    residual_db: float
    echo_db: float
    expected_db: float


class EchoFilter:
    """Periods of the microphone and of what was played then -> periods without echo."""

    def __init__(self) -> None:
        bins = PERIOD + 1
        self._coefficients = np.zeros((LENGTH, bins), np.complex64)
        self._uncertain = np.full((LENGTH, bins), FIRST, np.float32)
        self._far = np.zeros((LENGTH, bins), np.complex64)  # spectra of what was played, the newest first
        self._played = np.zeros(2 * PERIOD, np.float32)
        self._near = np.full(bins, 1e4, np.float32)  # power spectrum of what is no echo

    def moved(self) -> None:
        """The stream of what is played began anew: its place in time is known to a millisecond, and not to a sample."""
        size = np.add.reduce(self._coefficients.real**2 + self._coefficients.imag**2, axis=1, keepdims=True) / (
            PERIOD + 1
        )
        self._uncertain = np.maximum(self._uncertain, size.astype(np.float32))

    def feed(self, heard: Floats, played: Floats) -> Cancelled:
        """One period of each, on the scale of int16."""
        self._played = np.concatenate((self._played[PERIOD:], played))
        self._far = np.concatenate((np.fft.rfft(self._played)[None].astype(np.complex64), self._far[:-1]))
        echo = np.fft.irfft(np.add.reduce(self._coefficients * self._far))[PERIOD:].astype(np.float32)
        residual = heard - echo
        left = self._learn(residual)
        return Cancelled(residual, level_db(heard), level_db(residual), level_db(echo), left)

    def _learn(self, residual: Floats) -> float:
        """Returns the level of the echo that was to be expected in the residual."""
        error = np.fft.rfft(np.concatenate((np.zeros(PERIOD, np.float32), residual))).astype(np.complex64)
        known, far = self._coefficients, self._far
        power = far.real**2 + far.imag**2
        self._uncertain = KEEPING**2 * self._uncertain + (1 - KEEPING**2) * (known.real**2 + known.imag**2)
        unexplained = np.add.reduce(power * self._uncertain) / 2
        wrong = np.maximum(error.real**2 + error.imag**2, 1.0)
        self._near = NEAR * self._near + (1 - NEAR) * wrong
        # A voice begins within one period, and must not be learned as echo before the mean has heard of it.
        near = np.maximum(self._near, np.convolve(wrong, SMOOTH, "same"))
        gain = self._uncertain / (unexplained + near)
        step = np.fft.irfft(gain * far.conj() * error, axis=1)
        step[:, PERIOD:] = 0.0  # the filter is causal and no longer than its partition
        self._coefficients = (known + np.fft.rfft(step, axis=1)).astype(np.complex64)
        self._uncertain = np.maximum(self._uncertain * (1 - gain * power / 2), LEAST).astype(np.float32)
        return 10 * float(np.log10(np.add.reduce(unexplained) / PERIOD**2 + 1.0))


def level_db(sound: Floats) -> float:
    return 10 * float(np.log10(np.dot(sound, sound) / len(sound) + 1.0))
