"""WebM as browsers record it: EBML elements (RFC 8794), of which Matroska (RFC 9559) names a few.

Rules:
- Segment, Cluster and BlockGroup are only stepped into: their ends, which live recordings do not know, mean nothing.
- Read whole are the EBML header, Tracks, and the blocks; the rest is skipped unseen. Lacing is refused: no browser
  laces.
- Another EBML header is another recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.web.tracks import MAX_HEADER, MAX_PACKET, MAX_SKIP, BadContainer, Packet, Track, Window, opus

EBML, SEGMENT, TRACKS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0x1F43B675
BLOCK_GROUP, BLOCK, SIMPLE_BLOCK = 0xA0, 0xA1, 0xA3
DOC_TYPE = 0x4282
TRACK_ENTRY, NUMBER, CODEC, PRIVATE, ENCODINGS = 0xAE, 0xD7, 0x86, 0x63A2, 0x6D80
STEPPED_INTO = (SEGMENT, CLUSTER, BLOCK_GROUP)
READ = {EBML: MAX_HEADER, TRACKS: MAX_HEADER, BLOCK: MAX_PACKET + 16, SIMPLE_BLOCK: MAX_PACKET + 16}
LACED = 0x06


@dataclass(frozen=True, slots=True)
class _Head:
    """`size` of the body, None where it is unknown; `length` of the head itself."""

    id: int
    size: int | None
    length: int


class WebmReader:
    """See `agent.web.tracks.Reader`."""

    def __init__(self) -> None:
        self._window = Window()
        self._number: int | None = None  # of the track that is taken

    def feed(self, data: bytes) -> list[Track | Packet]:
        self._window.feed(data)
        return list(self._elements())

    def _elements(self) -> Iterator[Track | Packet]:
        while head := _head(self._window.data):
            if head.id in STEPPED_INTO:
                self._window.take(head.length)
            elif head.id in READ:
                size = _bounded(head, READ[head.id])
                if len(self._window.data) < head.length + size:
                    return
                self._window.take(head.length)
                yield from self._read(head.id, self._window.take(size))
            else:
                self._window.skip(head.length + _bounded(head, MAX_SKIP))

    def _read(self, id: int, body: bytes) -> Iterator[Track | Packet]:
        if id == EBML:
            self._number = None
            kind = dict(_children(body)).get(DOC_TYPE, b"").rstrip(b"\0")
            if kind not in (b"webm", b"matroska"):
                raise BadContainer("an EBML file, but not WebM")
        elif id == TRACKS:
            self._number, track = _first_opus(body)
            yield track
        else:
            yield from self._block(body)

    def _block(self, body: bytes) -> Iterator[Packet]:
        """Track number, time (two bytes), flags, and the packet."""
        if self._number is None:
            raise BadContainer("a block of WebM before its tracks")
        number, length = _vint(body, 0, 8)
        if number is None or len(body) < length + 3:
            raise BadContainer("a block of WebM without its head")
        if number != self._number:
            return
        if body[length + 2] & LACED:
            raise BadContainer("a laced block of WebM")
        if packet := body[length + 3 :]:
            yield Packet(packet)


def _bounded(head: _Head, most: int) -> int:
    if head.size is None or head.size > most:
        raise BadContainer(f"an element {head.id:#x} of WebM that is too long")
    return head.size


def _first_opus(tracks: bytes) -> tuple[int, Track]:
    for id, entry in _children(tracks):
        fields = dict(_children(entry)) if id == TRACK_ENTRY else {}
        if fields.get(CODEC, b"").rstrip(b"\0") == b"A_OPUS" and ENCODINGS not in fields:
            return int.from_bytes(fields.get(NUMBER, b"\1")), opus(fields.get(PRIVATE, b""))
    raise BadContainer("no track of Opus in this WebM")


def _children(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        head = _head(body[at : at + 12])
        if head is None or head.size is None or at + head.length + head.size > len(body):
            raise BadContainer("an element of WebM that is cut off")
        start = at + head.length
        at = start + head.size
        yield head.id, body[start:at]


def _head(data: bytes | bytearray) -> _Head | None:
    """None where more bytes are needed. Raises BadContainer."""
    id, id_length = _vint(data, 0, 4, marked=True)
    if id is None:
        return None
    size, size_length = _vint(data, id_length, 8)
    if size is None:
        return None
    unknown = size == (1 << 7 * size_length) - 1
    return _Head(id, None if unknown else size, id_length + size_length)


def _vint(data: bytes | bytearray, at: int, longest: int, marked: bool = False) -> tuple[int | None, int]:
    """A number of variable length and its length; `marked`: with the bit that tells the length, as in names."""
    if at >= len(data):
        return None, 0
    length = 9 - data[at].bit_length()
    if length > longest:
        raise BadContainer("not an element of WebM where one should begin")
    if at + length > len(data):
        return None, length
    value = int.from_bytes(data[at : at + length])
    return (value if marked else value & ((1 << 7 * length) - 1)), length
