"""How loud somebody speaks and how quiet the room is, and the gain that follows.

Levels are of the signal's power in dB of full scale (dBov of ITU-T P.56: a square wave of full scale has 0). Speech has
the active level: the mean power of voiced periods, which speech of normal loudness has at −26 dBov in telephony
(ITU-T P.56); wake words and recognisers are trained near it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.audio.pcm import PERIOD, Samples

TARGET_DBFS = -26.0
HEADROOM_DBFS = -3.0  # the loudest sample of a normal voice after the gain: somebody will shout
ALONE_DB = 3.0  # a gain of less is not worth a setting
LEAST_DB, MOST_DB = -40.0, 40.0
FULL = 32_768.0
SILENT_DBFS = -100.0
CLIPPED = 32_700  # LSB: what a converter at its end gives
CLIP_SHARE = 0.001
GOOD_SNR_DB, POOR_SNR_DB = 20.0, 10.0
QUIET_SHARE = 0.2  # of the unvoiced periods, the quietest: what is between them is the end of a word, or a chair


@dataclass(frozen=True, slots=True)
class Levels:
    """`speech` is None where nobody spoke; all in dBFS. `clipped`: the share of samples in speech."""

    speech_dbfs: float | None
    noise_dbfs: float
    peak_dbfs: float
    clipped: float = 0.0

    @property
    def snr_db(self) -> float:
        """Speech over noise; minus infinity without speech."""
        return -math.inf if self.speech_dbfs is None else self.speech_dbfs - self.noise_dbfs


class LevelMeter:
    """Incremental: sound, with what the gate says of each whole period of it -> levels."""

    def __init__(self) -> None:
        self._powers: list[float] = []
        self._voiced: list[bool] = []
        self._peak = 0
        self._clipped = 0

    def feed(self, pcm: Samples, voiced: tuple[bool, ...]) -> None:
        """`pcm`: whole periods, as many as `voiced` has."""
        if not voiced:
            return
        self._powers += powers(pcm).tolist()
        self._voiced += voiced
        magnitude = np.abs(pcm.astype(np.int32))
        self._peak = max(self._peak, int(magnitude.max()))
        self._clipped += int(np.count_nonzero(magnitude >= CLIPPED))

    @property
    def speech_s(self) -> float:
        """Seconds of voice so far."""
        return sum(self._voiced) * 0.01

    @property
    def heard_s(self) -> float:
        return len(self._voiced) * 0.01

    @property
    def now_dbfs(self) -> float:
        """Of the last 0.1 s."""
        return decibels(float(np.mean(self._powers[-10:]))) if self._powers else SILENT_DBFS

    def levels(self) -> Levels:
        power, voiced = np.array(self._powers), np.array(self._voiced, bool)
        quiet = np.sort(power[~voiced])[: max(1, round(QUIET_SHARE * np.count_nonzero(~voiced)))]
        speech = decibels(float(power[voiced].mean())) if voiced.any() else None
        clipped = self._clipped / (PERIOD * max(1, int(np.count_nonzero(voiced))))
        noise = decibels(float(quiet.mean())) if len(quiet) else SILENT_DBFS
        return Levels(speech, noise, decibels(float(self._peak) ** 2), clipped)


def powers(pcm: Samples) -> NDArray[np.float64]:
    """The mean square of each period, without its offset."""
    rows = pcm.astype(np.float64).reshape(-1, PERIOD)
    power: NDArray[np.float64] = rows.var(axis=1)
    return power


def decibels(power: float) -> float:
    """dBFS of a mean square in LSB²."""
    return max(SILENT_DBFS, 10 * math.log10(power / FULL**2)) if power > 0 else SILENT_DBFS


def gain_db(levels: Levels) -> float:
    """The gain, in whole dB, that brings speech to `TARGET_DBFS` without clipping; 0 where it is good as it is."""
    if levels.speech_dbfs is None:
        return 0.0
    wanted = min(TARGET_DBFS - levels.speech_dbfs, HEADROOM_DBFS - levels.peak_dbfs)
    if abs(wanted) < ALONE_DB:
        return 0.0
    return float(math.floor(min(max(wanted, LEAST_DB), MOST_DB)))


def complaint(levels: Levels) -> str:
    """What no gain repairs, and what does; "" where all is well."""
    if levels.speech_dbfs is None:
        return "no voice was heard: is it muted, is it the right one, is its capture volume up (`alsamixer`, F4)?"
    if levels.clipped > CLIP_SHARE:
        return "it clips before it gets here: turn its capture volume down (`alsamixer`, F4)"
    if levels.snr_db < POOR_SNR_DB:
        return f"the voice is only {levels.snr_db:.0f} dB above the noise: come nearer, or move it away from fans"
    return ""
