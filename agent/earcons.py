"""Short sounds that need no words: woken, done, failed, muted, thinking, a timer that rings; and one before words.

Each is one to four soft notes (two partials, no noise), 100 to 250 ms in all (the timer 620), at about −18 dBFS with
rounded edges: nothing a wake word model or a recogniser takes for a voice (notes below 320 Hz are taken for humming:
"mm-hmm"). Rising is "I listen", falling is "over", low is "no", down and up again is "I have something to say", the
same high notes twice are "it is time".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from agent.audio.pcm import Samples
from agent.commands import EarconName

RATE_HZ = 48_000
LEVEL = 10 ** (-18 / 20)  # RMS of the loudest part, of full scale
ATTACK_S = 0.008
SECOND_PARTIAL = 0.25  # the octave, relative to the fundamental


@dataclass(frozen=True, slots=True)
class Note:
    """A decaying tone: when it begins, how long it lasts (s), how high it is (Hz)."""

    at_s: float
    length_s: float
    hz: float


NOTES: dict[EarconName, tuple[Note, ...]] = {
    "wake": (Note(0.0, 0.10, 587.3), Note(0.06, 0.12, 880.0)),
    "done": (Note(0.0, 0.10, 880.0), Note(0.06, 0.12, 587.3)),
    "error": (Note(0.0, 0.10, 466.2), Note(0.12, 0.12, 349.2)),
    "muted": (Note(0.0, 0.12, 440.0),),
    "thinking": (Note(0.0, 0.10, 659.3), Note(0.12, 0.10, 659.3)),
    "announce": (Note(0.0, 0.10, 784.0), Note(0.065, 0.10, 587.3), Note(0.13, 0.12, 1046.5)),
    "timer": tuple(
        Note(at_s, 0.11, hz) for at_s, hz in ((0.0, 1046.5), (0.13, 1318.5), (0.38, 1046.5), (0.51, 1318.5))
    ),
}


def render(name: EarconName) -> Samples:
    """The sound at RATE_HZ, mono."""
    notes = NOTES[name]
    sound = np.zeros(round(max(note.at_s + note.length_s for note in notes) * RATE_HZ))
    for note in notes:
        start = round(note.at_s * RATE_HZ)
        tone = _tone(note)
        sound[start : start + len(tone)] += tone[: len(sound) - start]
    return (sound * 32767).astype(np.int16)


def render_all() -> dict[EarconName, Samples]:
    return {name: render(name) for name in get_args(EarconName)}


def _tone(note: Note) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    t = np.arange(round(note.length_s * RATE_HZ)) / RATE_HZ
    attack = np.minimum(1.0, t / ATTACK_S)
    decay = np.cos(np.pi / 2 * t / note.length_s) ** 2  # reaches zero with a flat end: no click
    wave = np.sin(2 * np.pi * note.hz * t) + SECOND_PARTIAL * np.sin(4 * np.pi * note.hz * t)
    tone: np.ndarray[tuple[int], np.dtype[np.float64]] = LEVEL * np.sqrt(2) * wave * np.sin(np.pi / 2 * attack) * decay
    return tone
