"""Re-slicing: samples come in blocks of any length, a consumer wants hops of exactly `n`.

Positions run along: a hop's position is that of its first sample. A jump in the positions means that audio was lost;
then a hop that had begun is dropped, since no model may be fed two pieces of sound glued together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.audio.pcm import Samples


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """Some samples in one piece: `position` of the first one, `end` one past the last."""

    position: int
    pcm: Samples

    @property
    def end(self) -> int:
        return self.position + len(self.pcm)


class Framer:
    """Incremental: samples in any slicing -> hops of `n` samples."""

    def __init__(self, n: int) -> None:
        self.n = n
        self._rest: Samples = np.empty(0, np.int16)
        self._next = 0  # position that must come next

    def feed(self, pcm: Samples, position: int) -> list[Hop]:
        """The hops that `pcm`, whose first sample has this position, completes."""
        whole = self.together(pcm, position)
        return [Hop(whole.position + at, whole.pcm[at : at + self.n]) for at in range(0, len(whole.pcm), self.n)]

    def together(self, pcm: Samples, position: int) -> Hop:
        """The same hops in one piece, perhaps of no sample."""
        if position != self._next:
            self._rest = self._rest[:0]
        start = position - len(self._rest)
        whole = np.concatenate((self._rest, pcm)) if len(self._rest) else pcm
        used = len(whole) // self.n * self.n
        self._rest = whole[used:].copy()
        self._next = position + len(pcm)
        return Hop(start, whole[:used])

    def flush(self) -> list[Hop]:
        """What was left over, shorter than a hop; then empty."""
        rest, self._rest = self._rest, self._rest[:0]
        return [Hop(self._next - len(rest), rest)] if len(rest) else []
