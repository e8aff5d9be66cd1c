"""How loud the user is at least: louder than what was heard before the wake word, if that leaves enough of the speech.

Theory:
- A television or other people are voice too, and never pause. What tells them from the user is level: who has just said
  the wake word is nearer. So the sound before it shows how loud the others are, and the wake word itself how loud the
  user is; what is not louder than the others is theirs, and silence of the user's.
- Speech is uneven by 20 dB, and what came before may have been the user, talking to somebody else. So the limit is never
  less than `UNDER_DB` below the wake word.

Levels are those of the gate (`agent.hearing.gate`). Pure; counts audio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.audio.pcm import PERIOD
from agent.hearing.endpoint import Period

WORD = 100 * PERIOD  # samples before the detection in which the wake word is
BEFORE = 300 * PERIOD  # samples before it that tell of the room
LEAST = 50  # periods of the room that are worth a judgement
SHARE = 0.95  # of the room's periods are weaker than what counts as its level
ABOVE_DB, UNDER_DB = 2.0, 10.0


def least_level(periods: Sequence[Period], since: int) -> float:
    """Level in dB under which voice is not the user's; minus infinity where nothing can be told.

    `periods`: what the gate said of the sound up to `since`, where the wake word was detected, in order.
    """
    room = sorted(p.level_db for p in periods if since - WORD - BEFORE <= p.position < since - WORD)
    word = [p.level_db for p in periods if since - WORD <= p.position < since]
    if len(room) < LEAST or not word:
        return -math.inf
    loud = 10 * math.log10(sum(10 ** (level / 10) for level in word) / len(word))
    return min(room[int(SHARE * (len(room) - 1))] + ABOVE_DB, loud - UNDER_DB)
