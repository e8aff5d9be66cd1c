"""Chirps, and what a recording of them tells about speaker, air and microphone. Pure signal processing, no devices.

Theory: a sweep through all frequencies of speech is played several times at known moments. The recording is correlated
with the sweep (a matched filter, which compresses each chirp into a short peak and gains 28 dB over noise; a linear
sweep that swells like half a sine gives a peak whose side lobes are 31 dB lower, so that they are no echoes):
- the pauses between the chirps are all different, so that the train as a whole fits at one place only;
- the first peak of a chirp is the direct way, what follows is the room;
- the same room answers to every chirp, so arrivals are compared with each other, to a small part of a sample, and their
  distances tell by how much the clocks of the two devices differ.
J. R. Klauder et al., "The theory and design of chirp radars", Bell System Technical Journal 39 (1960).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Wanted = int | Literal["mix"]
Floats = NDArray[np.float64]

SILENT_DBFS = -120.0
CLIPPED = 0.9999
STRETCH_S = 0.004  # by how much a clock may displace a chirp in the whole train: 800 ppm
WINDOW_S = (0.004, 0.030)  # around a peak: the direct way and the first reflections
FIRST_SHARE = 0.4  # a peak so high beside the highest is taken for the direct way
FINE = 16  # points per sample between which the parabola is laid
HEARD_DB = 10.0  # of the peaks over the ground of the filter: noise alone reaches 5
DEAD_DB = 40.0  # under the best channel


@dataclass(frozen=True, slots=True)
class Train:
    """Chirps at `starts_s`, from `low_hz` to `high_hz` (linear), `length_s` each; `level` of full scale."""

    starts_s: tuple[float, ...] = (0.0, 0.7, 1.6, 2.4, 3.7, 4.8)
    length_s: float = 0.25
    low_hz: float = 300.0
    high_hz: float = 6000.0
    level: float = 0.5

    @property
    def total_s(self) -> float:
        return self.starts_s[-1] + self.length_s

    def chirp(self, at_s: Floats) -> Floats:
        """One chirp of full scale at moments since its beginning; 0 outside."""
        inside = (at_s >= 0) & (at_s <= self.length_s)
        rising_hz = self.low_hz + (self.high_hz - self.low_hz) * at_s / (2 * self.length_s)
        swell = np.sin(np.pi * at_s / self.length_s)
        return np.where(inside, swell * np.sin(2 * np.pi * rising_hz * at_s), 0.0)

    def at(self, at_s: Floats) -> Floats:
        """The whole train, at its level, at moments since its beginning."""
        sound = np.zeros_like(at_s)
        for start in self.starts_s:
            sound += self.chirp(at_s - start)
        return self.level * sound

    def samples(self, rate_hz: int) -> Floats:
        return self.at(np.arange(round(self.total_s * rate_hz)) / rate_hz)


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the recording. `zeros`: the share of samples that are 0; `clipped`: of those at full scale."""

    level_dbfs: float
    zeros: float
    clipped: float
    dead: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a train. Times in seconds since the beginning of the recording; `channel`: the one that was judged.

    `start_s`: when the train's first chirp arrived; `level_dbfs` RMS of the chirps, `noise_dbfs` of the time before;
    `ppm`: by how much the recording's clock is faster than that of the speaker, None where it cannot be told (sound was
    lost); `jitter_us`: how far arrivals are from even; `polarity`: -1 inverted, 0 not clear.
    """

    start_s: float
    level_dbfs: float
    noise_dbfs: float
    peak_dbfs: float
    ppm: float | None
    jitter_us: float
    clipped: float
    polarity: int
    channel: Wanted
    channels: tuple[Channel, ...]

    @property
    def snr_db(self) -> float:
        return self.level_dbfs - self.noise_dbfs


@dataclass(frozen=True, slots=True)
class NotHeard:
    """The train is not in the channel that was judged. `noise_dbfs`: what was there instead."""

    noise_dbfs: float
    channels: tuple[Channel, ...]


def measure(recording: Floats, rate_hz: int, train: Train, channel: Wanted = "mix") -> Heard | NotHeard:
    """`recording`: shape (frames, channels), full scale ±1, at least as long as the train.

    Judged is what the agent hears, `channel` or the mean of all: others may be louder, or what the speaker is given.
    """
    count = recording.shape[1]
    used: Wanted = channel if channel == "mix" else min(channel, count - 1)
    sound = recording.mean(axis=1) if used == "mix" else recording[:, used]
    levels = [float(np.sqrt(np.mean(np.square(recording[:, each])))) for each in range(count)]
    channels = tuple(_channel(recording[:, each], max(levels)) for each in range(count))
    matched = _matched(sound, rate_hz, train)
    begin, contrast_db = _place(np.abs(matched), rate_hz, train)
    if contrast_db < HEARD_DB:
        return NotHeard(_dbfs(float(np.sqrt(np.mean(np.square(sound))))), channels)
    listened = recording if used == "mix" else recording[:, [used]]
    at_ends = np.max(np.abs(listened), axis=1) >= CLIPPED
    return _heard(sound, at_ends, matched, begin, rate_hz, train, used, channels)


def _heard(
    sound: Floats, at_ends: NDArray[np.bool_], matched: NDArray[np.complex128], begin: int, rate_hz: int, train: Train,
    used: Wanted, channels: tuple[Channel, ...],
) -> Heard:  # fmt: skip
    """`at_ends`: at which frames the converter was at one of its ends."""
    peaks = _peaks(np.abs(matched), begin, rate_hz, train)
    arrivals = _arrivals(matched, peaks, rate_hz)
    first = _first(np.abs(matched), peaks[0], rate_hz)
    ppm, jitter_us = _clock(arrivals, rate_hz, train)
    length = round(train.length_s * rate_hz)
    chirps = np.concatenate([sound[peak : peak + length] for peak in peaks])
    quiet = sound[: max(1, first - round(0.01 * rate_hz))]
    noise = float(np.mean(np.square(quiet)))
    power = max(float(np.mean(np.square(chirps))) - noise, 1e-12)
    between = _offset(np.abs(matched), first)
    turn = np.exp(np.pi * 1j * (train.low_hz + train.high_hz) * between / rate_hz)
    facing = float((matched[first] * turn).real / abs(matched[first]))  # 1 upright, -1 inverted
    return Heard(
        start_s=(first + between) / rate_hz,
        level_dbfs=_dbfs(power**0.5),
        noise_dbfs=_dbfs(noise**0.5),
        peak_dbfs=_dbfs(float(np.max(np.abs(chirps)))),
        ppm=ppm,
        jitter_us=jitter_us,
        clipped=float(np.mean(np.concatenate([at_ends[peak : peak + length] for peak in peaks]))),
        polarity=round(facing) if abs(facing) > 0.7 else 0,
        channel=used,
        channels=channels,
    )


def _matched(sound: Floats, rate_hz: int, train: Train) -> NDArray[np.complex128]:
    """The analytic signal of sound correlated with one chirp: its peaks stand where chirps begin."""
    chirp = train.chirp(np.arange(round(train.length_s * rate_hz) + 1) / rate_hz)
    size = 1 << (len(sound) + len(chirp)).bit_length()
    spectrum = np.fft.fft(sound, size) * np.conj(np.fft.fft(chirp, size))
    spectrum[size // 2 :] = 0  # negative frequencies
    result: NDArray[np.complex128] = 2 * np.fft.ifft(spectrum)[: len(sound)] / float(np.sum(chirp**2))
    return result


def _place(envelope: Floats, rate_hz: int, train: Train) -> tuple[int, float]:
    """(frame at which the train fits best, how many dB its peaks are above the ground there)."""
    step = rate_hz // 1000  # about a millisecond
    per_s = rate_hz / step
    coarse = envelope[: len(envelope) // step * step].reshape(-1, step).max(axis=1)
    reach = round(STRETCH_S * per_s)
    wide = np.max([np.roll(coarse, shift) for shift in range(-reach, reach + 1)], axis=0)
    last = len(wide) - round(train.total_s * per_s)
    if last < 1:
        return 0, 0.0
    # The product of all: one loud bang is no train. The first chirp is the reference and keeps its place.
    total = np.log(coarse[:last] + 1e-12)
    for start in train.starts_s[1:]:
        at = round(start * per_s)
        total += np.log(wide[at : at + last] + 1e-12)
    begin = int(np.argmax(total))
    ground = float(np.median(wide)) + 1e-12
    contrast = total[begin] / len(train.starts_s) - np.log(ground)
    return begin * step, float(20 * contrast / np.log(10))


def _peaks(envelope: Floats, begin: int, rate_hz: int, train: Train) -> list[int]:
    """The frame of the highest peak of each chirp, near where it is expected."""
    reach = round((STRETCH_S + 0.001) * rate_hz)
    peaks = []
    for start in train.starts_s:
        at = max(0, begin + round(start * rate_hz) - reach)
        peaks.append(at + int(np.argmax(envelope[at : at + 2 * reach])))
    return peaks


def _arrivals(matched: NDArray[np.complex128], peaks: list[int], rate_hz: int) -> list[float]:
    """Where each chirp arrived, in frames, against the first: by comparing their answers of the room."""
    before, after = (round(part * rate_hz) for part in WINDOW_S)
    padded = np.concatenate([np.zeros(before), matched, np.zeros(after)])
    answers = [padded[peak : peak + before + after] for peak in peaks]
    return [peak + _shift(answers[0], answer) for peak, answer in zip(peaks, answers, strict=True)]


def _shift(one: NDArray[np.complex128], other: NDArray[np.complex128]) -> float:
    """By how many frames `other` lies behind `one`: the peak of their correlation, between the samples."""
    size = 2 * len(one)
    spectrum = np.fft.fft(other, size) * np.conj(np.fft.fft(one, size))
    half = size // 2
    fine = np.zeros(size * FINE, np.complex128)
    fine[:half], fine[-half:] = spectrum[:half], spectrum[half:]
    correlation = np.fft.ifft(fine).real
    at = int(np.argmax(correlation))
    at -= len(fine) if at > len(fine) // 2 else 0
    return (at + _parabola(correlation[at - 1], correlation[at], correlation[(at + 1) % len(fine)])) / FINE


def _first(envelope: Floats, peak: int, rate_hz: int) -> int:
    """The direct way: the first peak before the highest that is not much lower."""
    since = max(1, peak - round(0.02 * rate_hz))
    for at in range(since, peak):
        if envelope[at] >= FIRST_SHARE * envelope[peak] and envelope[at - 1] < envelope[at] >= envelope[at + 1]:
            return at
    return peak


def _offset(envelope: Floats, peak: int) -> float:
    if not 0 < peak < len(envelope) - 1:
        return 0.0
    return _parabola(envelope[peak - 1], envelope[peak], envelope[peak + 1])


def _parabola(left: float, middle: float, right: float) -> float:
    """Where the top of the parabola through three neighbours is, between -0.5 and 0.5."""
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))


def _clock(arrivals: list[float], rate_hz: int, train: Train) -> tuple[float | None, float]:
    """(ppm, µs): the slope of arrivals over what was played, and how far they are from it; no slope after a loss."""
    played, heard = np.array(train.starts_s), np.array(arrivals) / rate_hz
    slope, origin = np.polyfit(played, heard, 1)
    jitter_us = float(np.sqrt(np.mean(np.square(heard - origin - slope * played))) * 1e6)
    return (float((slope - 1) * 1e6) if jitter_us < 100 else None), jitter_us


def _channel(sound: Floats, loudest: float) -> Channel:
    level = float(np.sqrt(np.mean(np.square(sound))))
    dead = loudest > 0 and level < loudest * 10 ** (-DEAD_DB / 20)
    zeros, clipped = (float(np.mean(which)) for which in (sound == 0, np.abs(sound) >= CLIPPED))
    return Channel(_dbfs(level), zeros, clipped, dead or level == 0)


def _dbfs(amplitude: float) -> float:
    return max(SILENT_DBFS, 20 * float(np.log10(amplitude))) if amplitude > 0 else SILENT_DBFS
