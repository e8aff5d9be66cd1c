"""What the readers of both containers share: the one sound track, its packets, the bytes that wait, and the limits.

The containers are read here, in Python, and not by libavformat: its demuxers are large, block in their reads, and
guess, and what browsers record is a dozen kinds of elements. Only the packets themselves go to a native decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

MAX_HEADER = 64 * 1024  # of what has to be read whole: track descriptions, fragment tables
MAX_SKIP = 1 << 20  # of what nobody needs
MAX_PACKET = 8 * 1024  # Opus needs 7,663 at most (RFC 6716, 120 ms), AAC 1,536 for two channels
MAX_CHANNELS = 2
OPUS_HEAD = 19  # bytes, RFC 7845, section 5.1


class BadContainer(ValueError):
    """The bytes are no recording that is understood here; the text is short and holds nothing of them."""


@dataclass(frozen=True, slots=True)
class Track:
    """The sound of a container that begins. `setup`: an OpusHead, or an AudioSpecificConfig."""

    codec: Literal["opus", "aac"]
    setup: bytes


@dataclass(frozen=True, slots=True)
class Packet:
    data: bytes


class Reader(Protocol):
    """Incremental: bytes in any slicing -> tracks and their packets. After BadContainer it is used up."""

    def feed(self, data: bytes) -> list[Track | Packet]: ...


class Window:
    """The bytes that have come and are not used up. `position`: of the first one, since the container began."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.position = 0
        self._skip = 0

    def feed(self, data: bytes) -> None:
        past = min(self._skip, len(data))
        self._skip -= past
        self.position += past
        self.data += data[past:]

    @property
    def skipping(self) -> bool:
        """Bytes that were skipped are still to come, so none are here."""
        return self._skip > 0

    def take(self, count: int) -> bytes:
        """Bytes that are there."""
        taken = bytes(self.data[:count])
        del self.data[:count]
        self.position += count
        return taken

    def skip(self, count: int) -> None:
        """Bytes that may yet have to come; they are never kept."""
        here = min(count, len(self.data))
        self.take(here)
        self._skip += count - here


def opus(head: bytes) -> Track:
    """Raises BadContainer where the OpusHead is none, or of more than two channels."""
    if len(head) < OPUS_HEAD or head[:8] != b"OpusHead" or head[8] >> 4:
        raise BadContainer("a track of Opus without its head")
    if not 1 <= head[9] <= MAX_CHANNELS or head[18]:
        raise BadContainer(f"a track of Opus with {head[9]} channels, mapping {head[18]}")
    return Track("opus", head)
