"""What was said before, and is said again without an engine."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

CACHE_BYTES, CACHED_CLAUSE_BYTES = 2 << 20, 256 << 10


@dataclass(slots=True)
class Cache:
    """Sound of short clauses, by voice and text, the least recently used thrown out first."""

    size: int = 0
    clauses: OrderedDict[tuple[int, str], tuple[int, bytes]] = field(default_factory=OrderedDict)

    def get(self, voice: int, text: str) -> tuple[int, bytes] | None:
        if (voice, text) in self.clauses:
            self.clauses.move_to_end((voice, text))
        return self.clauses.get((voice, text))

    def put(self, voice: int, text: str, rate_hz: int, pcm: bytes) -> None:
        if (voice, text) in self.clauses or not pcm or len(pcm) > CACHED_CLAUSE_BYTES:
            return
        self.clauses[voice, text] = (rate_hz, pcm)
        self.size += len(pcm)
        while self.size > CACHE_BYTES:
            self.size -= len(self.clauses.popitem(last=False)[1][1])
