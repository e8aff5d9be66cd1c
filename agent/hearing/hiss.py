"""Where a wake word ends whose last sound hisses ("jarvis"), in running speech: at the end of the hiss.

Theory:
- In one breath no pause tells where the command begins, and the detection comes up to 0.3 s after the word's end, since
  what follows blurs its score. A hiss (s, z, sh, ch) is known by its spectrum alone: most of its power is above 3.2
  kHz, that of vowels, nasals and breath below.
- The first hiss near the detection is the word's, for the sounds before it in the word lie further back.
- A command that begins with a hiss itself ("set", "stop") runs into it; the two have a dip between them, or together
  last longer than one does. The burst of a "t" or "k" behind a short closure is part of the command, too.

Pure; counts audio. Which words end like that is told by their spelling.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from agent.audio.pcm import PERIOD, RATE_HZ, Samples

BEFORE, AFTER = 36, 13  # periods around the detection in which a hiss is looked for
SHARE = 0.5  # of the power above `ABOVE_HZ`
ABOVE_HZ, FROM_HZ = 3200, 150
AUDIBLE_DB = 30.0  # under the loudest
SHORTEST, USUAL, LONGEST, ABSURD = 3, 11, 20, 36  # periods
DIP_DB = 6.0
_HISSING = re.compile(r"(s|z|x|ce|ge|se|ze|ch|sh)$")


def hisses(name: str) -> bool:
    """Whether a wake word of this name ("hey_jarvis") ends with a hiss."""
    return _HISSING.search(name.lower()) is not None


def end_of_hiss(sound: Samples, position: int, since: int) -> int | None:
    """Position at which the wake word ends that was detected at `since`; None where no hiss is found.

    `sound`: from `position` on; only what is near `since` is looked at.
    """
    first = max(0, (since - position) // PERIOD - BEFORE)
    count = min(len(sound) // PERIOD - first, BEFORE + AFTER)
    if count < SHORTEST:
        return None
    share, level_db = _spectra(sound[first * PERIOD : (first + count) * PERIOD])
    hissing = (share > SHARE) & (level_db > level_db.max() - AUDIBLE_DB)
    for begin, end in _stretches(hissing):
        if SHORTEST <= end - begin <= ABSURD:
            return position + (first + _word_end(level_db, begin, end)) * PERIOD
    return None


def _spectra(sound: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each period the share of high frequencies, and the level in dB."""
    periods = sound.reshape(-1, PERIOD) * np.hanning(PERIOD)
    power = np.abs(np.fft.rfft(periods, 256, axis=1)) ** 2
    hz = np.fft.rfftfreq(256, 1 / RATE_HZ)
    whole = power[:, hz > FROM_HZ].sum(axis=1) + 1.0
    return power[:, hz > ABOVE_HZ].sum(axis=1) / whole, 10 * np.log10(whole)


def _stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where flags are set, from and to; a single hole is none."""
    closed = flags.copy()
    closed[1:-1] |= flags[:-2] & flags[2:]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], closed, [False])).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


def _word_end(level_db: NDArray[np.float64], begin: int, end: int) -> int:
    """Where in a hiss, perhaps of two words, the first one ends."""
    inner = range(begin + SHORTEST, end - 1)
    for at in sorted(inner, key=lambda at: level_db[at]):
        if level_db[at] <= min(level_db[begin:at].max(), level_db[at:end].max()) - DIP_DB:
            return at
    return begin + USUAL if end - begin > LONGEST else end
