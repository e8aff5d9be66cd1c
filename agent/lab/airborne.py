"""Sound on its way from a loudspeaker to a microphone, period by period: for rooms in which it depends on what is
heard.

What is simulated stands in `agent.lab.acoustics`, which does the same with a whole sound at once.
"""

from __future__ import annotations

import numpy as np

from agent.audio.pcm import PERIOD, RATE_HZ, Block
from agent.lab.acoustics import FULL, EchoPath, Wave, impulse_response, pcm

NOISE = 8.0  # of the microphone, LSB


class Air:
    """The way from loudspeaker to microphone, period by period."""

    def __init__(self, path: EchoPath, gain: float) -> None:
        response = impulse_response(path.t60_s, path.seed) if path.t60_s else np.ones(1)
        self._response = np.pad(response * gain, (round(path.delay_ms * RATE_HZ / 1000), 0))
        self._size = 1 << int(np.ceil(np.log2(len(self._response) + PERIOD)))
        self._spectrum = np.fft.rfft(self._response, self._size)
        self._limit = None if path.clip_dbfs is None else FULL * 10 ** (path.clip_dbfs / 20)
        self._tail = np.zeros(self._size)

    def carry(self, played: Wave) -> Wave:
        bent = played if self._limit is None else self._limit * np.tanh(played / self._limit)
        self._tail += np.fft.irfft(np.fft.rfft(bent, self._size) * self._spectrum, self._size)
        heard = self._tail[:PERIOD].copy()
        self._tail = np.concatenate((self._tail[PERIOD:], np.zeros(PERIOD)))
        return heard


class Microphone:
    """Takes the air down by a clock of its own."""

    def __init__(self, ppm: float, rng: np.random.Generator, start_s: float) -> None:
        self._start_s = start_s  # monotonic
        self._step = 1 / (1 + ppm * 1e-6)
        self._rng = rng
        self._air = np.zeros(4)
        self._start = -4  # index of the first sample of `_air`
        self._position = 0

    def hear(self, air: Wave) -> list[Block]:
        self._air = np.concatenate((self._air, air))
        blocks = []
        while (last := (self._position + PERIOD) * self._step + 3) < self._start + len(self._air):
            place = (self._position + np.arange(PERIOD)) * self._step - self._start
            whole = np.floor(place).astype(int)
            d = place - whole
            a = self._air
            sound = (
                -d * (d - 1) * (d - 2) / 6 * a[whole - 1]
                + (d + 1) * (d - 1) * (d - 2) / 2 * a[whole]
                - (d + 1) * d * (d - 2) / 2 * a[whole + 1]
                + (d + 1) * d * (d - 1) / 6 * a[whole + 2]
            )
            sound = sound + self._rng.normal(0, NOISE, PERIOD)
            blocks.append(Block(pcm(sound), self._position, self._start_s + self._position * self._step / RATE_HZ))
            self._position += PERIOD
            if last - self._start > RATE_HZ:
                self._air, self._start = self._air[RATE_HZ // 2 :], self._start + RATE_HZ // 2
        return blocks
