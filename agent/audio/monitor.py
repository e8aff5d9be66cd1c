"""What the speaker's child tells of what it plays; without libraries, since that child is small."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.audio.streamclock import SECOND_NS
from agent.records import MAX_PAYLOAD, Kind, Record


def told(pcm: NDArray[np.float32], position: int, at: float, waiting: int, turn: int, rate_hz: int) -> list[Record]:
    """What was handed to the device as AUDIO records. `position`: the device's count of frames; `at`: monotonic seconds
    at which the first of them is in the air; `waiting`: frames before it, 0 where the device was dry."""
    step = MAX_PAYLOAD // 2
    whole = np.clip(np.rint(pcm), -32_768, 32_767).astype("<i2")
    return [
        Record(
            Kind.AUDIO,
            whole[start : start + step].tobytes(),
            turn,
            position + start,
            round((at + start / rate_hz) * SECOND_NS),
            waiting + start,
        )
        for start in range(0, len(whole), step)
    ]
