"""The preroll: the last seconds that were heard, and what the gate said of them."""

from __future__ import annotations

from collections import deque

import numpy as np

from agent.audio.pcm import PERIOD, RATE_HZ, Block, Samples
from agent.hearing.endpoint import Period
from agent.hearing.gate import Voice

SECONDS = 4


class Preroll:
    """Blocks without a gap between them, the newest `SECONDS`."""

    def __init__(self) -> None:
        self._blocks: deque[Block] = deque()
        self._voices: deque[Voice] = deque()

    @property
    def end(self) -> int:
        """Position one past the newest sample; 0 where nothing was heard."""
        return self._blocks[-1].position + len(self._blocks[-1].pcm) if self._blocks else 0

    def clear(self) -> None:
        self._blocks.clear()
        self._voices.clear()

    def append(self, block: Block) -> None:
        self._blocks.append(block)
        oldest = block.position - SECONDS * RATE_HZ
        while self._blocks[0].position < oldest:
            self._blocks.popleft()
        while self._voices and self._voices[0].position < oldest:
            self._voices.popleft()

    def judged(self, voice: Voice) -> None:
        """What the gate said of the newest sound."""
        if voice.voiced:
            self._voices.append(voice)

    def since(self, position: int) -> tuple[Samples, int]:
        """All samples from `position` on, or from the oldest there is, and the position of the first one."""
        kept = [block for block in self._blocks if block.position + len(block.pcm) > position]
        if not kept:
            return np.empty(0, np.int16), max(position, self.end)
        start = max(position, kept[0].position)
        pcm = kept[0].pcm if len(kept) == 1 else np.concatenate([block.pcm for block in kept])
        return pcm[start - kept[0].position :], start

    def periods_since(self, position: int) -> list[Period]:
        return [
            period
            for voice in self._voices
            if voice.end > position
            for period in periods(voice)
            if period.position + PERIOD > position
        ]

    def time_of(self, position: int) -> float:
        """Monotonic seconds at which the sample was in the air, by the time stamp of the block nearest to it."""
        for block in reversed(self._blocks):
            if block.position <= position:
                return block.time_of(position)
        return self._blocks[0].time_of(position)

    def position_at(self, mono: float) -> int:
        """The inverse of `time_of`. Something must have been heard."""
        near = next((block for block in reversed(self._blocks) if block.at <= mono), self._blocks[0])
        return near.position + round((mono - near.at) * RATE_HZ)


def periods(voice: Voice) -> list[Period]:
    """The gate's judgement, period by period."""
    each = enumerate(zip(voice.voiced, voice.level_db, strict=True))
    return [Period(voice.position + at * PERIOD, voiced, level) for at, (voiced, level) in each]
