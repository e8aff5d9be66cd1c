"""How loud the user is at least: louder than what was heard before the wake word, if that leaves enough of the speech.

Theory:
- A television or other people are voice too, and never pause. What tells them from the user is level: who has just said
  the wake word is nearer. So the sound before it shows how loud the others are, and the wake word itself how loud the
  user is; what is not louder than the others is theirs, and silence of the user's.
- Of speech, half of the periods are weaker than its mean by some dB, so the limit stays `NEAR_DB` below the wake word.
- One voice that comes and goes may have been the user, talking to somebody else; many voices, music or a fan are
  steady. So where the sound before was uneven, the limit stays `UNEVEN_DB` below the wake word: a single voice on
  television has to be weaker than that.

Levels are those of the gate (`agent.hearing.gate`). Pure; counts audio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent.audio.pcm import PERIOD
from agent.hearing.endpoint import Period

WORD = 100 * PERIOD  # samples before the detection in which the wake word is
BEFORE = 300 * PERIOD  # samples before it that tell of the room
LEAST = 50  # periods of the room that are worth a judgement
QUIET, SHARE = 0.2, 0.95  # of the room's periods are weaker than its quiet parts, and than what counts as its level
ABOVE_DB = 2.0
STEADY_DB = 15.0  # between the quiet and the loud periods of the room
NEAR_DB, UNEVEN_DB = 3.0, 8.0
NOISY_DB = 20.0


@dataclass(frozen=True, slots=True)
class Nearness:
    """Voice below `least_db` is not the user's. `noisy`: the user's first sounds may be weaker than that."""

    least_db: float = -math.inf
    noisy: bool = False


def nearness(periods: Sequence[Period], since: int) -> Nearness:
    """What the sound before a wake word tells; no limit where nothing can be told.

    `periods`: what the gate said of the sound up to `since`, where the wake word was detected, in order.
    """
    room = sorted(p.level_db for p in periods if since - WORD - BEFORE <= p.position < since - WORD)
    word = [p.level_db for p in periods if since - WORD <= p.position < since]
    if len(room) < LEAST or not word:
        return Nearness()
    loud = 10 * math.log10(sum(10 ** (level / 10) for level in word) / len(word))
    others, quiet = room[int(SHARE * (len(room) - 1))], room[int(QUIET * (len(room) - 1))]
    least = min(others + ABOVE_DB, loud - (NEAR_DB if others - quiet <= STEADY_DB else UNEVEN_DB))
    return Nearness(least, noisy=least > loud - NOISY_DB)
