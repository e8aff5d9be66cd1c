"""The agent's own short sounds, come back from the room while it listens: are they all that is heard?

Theory:
- A sound of ours is a few notes with an octave each (`agent.earcons`), and a room changes their loudness, not their
  pitch. So the tones of these notes, with an amplitude that rises or falls in a straight line, are fitted to two
  periods of sound (least squares, onto a basis that is made once), and what is left tells of everything else.
- Of our sound, in rooms up to 0.8 s of reverberation, or through a loudspeaker that bends it, less than a quarter of
  the power (`OTHER_DB`) is left. Of a voice most is left, as of the two together while the voice is not far weaker:
  voices have many harmonics, and hiss.
- Where our sound dies away, the noise of the room is left: what is no louder than it was before (`ROOM_DB`) is nobody.
- What is fitted is the first difference: hum and a DC offset are no voice and vanish, an "s" counts.

So it is known what is ours without knowing when exactly it is heard, how loud, or through which room. A voice that
sings one of these very notes is not heard while our sound may last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent import earcons
from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.commands import EarconName

LENGTH = 2 * PERIOD
PARTIALS = 2  # of each note: the note and its octave
OTHER_DB = -6.0  # of what is heard: what else has to be in it
ROOM_DB = 6.0  # over the noise of the room
# Samples within which our sound is over: on its way for up to 0.15 s, and the room dies away for half a second.
ON_ITS_WAY, DYING_AWAY = 15 * RATE_HZ // 100, RATE_HZ // 2

Floats = NDArray[np.float64]


class OwnNotes:
    """One sound, asked for when the sample `begins` was heard. `room_db`: how loud the room is without anybody, as the
    gate measures it."""

    def __init__(self, name: EarconName, begins: int, room_db: float = -np.inf) -> None:
        notes = earcons.NOTES[name]
        length_s = max(note.at_s + note.length_s for note in notes)
        self._begins = begins
        self.ends = begins + ON_ITS_WAY + round(length_s * RATE_HZ) + DYING_AWAY
        self._room = 10 ** ((room_db + ROOM_DB) / 10) * PERIOD
        self._basis = _basis(sorted({note.hz for note in notes}))

    def expected(self, position: int) -> bool:
        """Whether it may be heard in the period at `position`."""
        return self._begins <= position < self.ends

    def alone(self, sound: Samples) -> bool:
        """Whether the last period of `sound`, `LENGTH` + 1 samples, holds nothing else that counts."""
        heard = np.diff(sound.astype(np.float64))
        rest = heard - self._basis @ (self._basis.T @ heard)
        return _energy(rest) < max(_energy(heard) * 10 ** (OTHER_DB / 10), self._room)


def _basis(frequencies_hz: list[float]) -> Floats:
    """Orthonormal columns: sine and cosine of every partial, steady and growing."""
    time_s = np.arange(LENGTH) / RATE_HZ
    phases = [2 * np.pi * hz * partial * time_s for hz in frequencies_hz for partial in range(1, PARTIALS + 1)]
    waves = [wave for phase in phases for wave in (np.cos(phase), np.sin(phase))]
    growing = np.linspace(-1.0, 1.0, LENGTH)
    columns: Floats = np.linalg.qr(np.stack([*waves, *(growing * wave for wave in waves)], axis=1))[0]
    return columns


def _energy(sound: Floats) -> float:
    return float(np.dot(sound[-PERIOD:], sound[-PERIOD:]))
