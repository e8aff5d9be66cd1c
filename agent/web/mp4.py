"""Fragmented MP4 as browsers record it: boxes of ISO/IEC 14496-12, with AAC (14496-14, 14496-3) or Opus in them.

Rules:
- `moov` describes the track; each `moof` tells where in the file the samples of the `mdat` after it lie. These two are
  read whole, `mdat` is taken sample by sample as it comes, the rest is skipped unseen.
- Only the first track of sound is taken. A file whose samples are all listed in `moov` is refused: nothing live is so.
- Another `ftyp` is another recording.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from agent.web.tracks import MAX_CHANNELS, MAX_HEADER, MAX_PACKET, MAX_SKIP, BadContainer, Packet, Track, Window, opus

MAX_MDAT = 16 << 20
MAX_SAMPLES = 4096  # of a fragment
AAC_KINDS = (2, 5, 29)  # LC, SBR, PS (ISO/IEC 14496-3, table 1.17)
AAC_STREAM = (0x40, 0x67)  # MPEG-4 audio, MPEG-2 AAC LC
BASE_GIVEN, INDEX_GIVEN, DURATION_GIVEN, SIZE_GIVEN = 0x1, 0x2, 0x8, 0x10  # flags of tfhd
OFFSET_GIVEN, FIRST_FLAGS = 0x1, 0x4  # flags of trun
EACH = (0x100, 0x200, 0x400, 0x800)  # of each sample: duration, size, flags, composition time
EACH_SIZE = 0x200
ENTRY = 28  # bytes of a sound entry before its boxes


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The track that is taken. `size`: of its samples, where a fragment tells none."""

    id: int
    size: int


class Mp4Reader:
    """See `agent.web.tracks.Reader`."""

    def __init__(self) -> None:
        self._window = Window()
        self._chosen: _Chosen | None = None
        self._samples: deque[tuple[int, int]] = deque()  # position and size of those that the last moof named
        self._mdat_end: int | None = None

    def feed(self, data: bytes) -> list[Track | Packet]:
        self._window.feed(data)
        return list(self._boxes())

    def _boxes(self) -> Iterator[Track | Packet]:
        while True:
            if self._mdat_end is not None:
                yield from self._mdat(self._mdat_end)
                if self._mdat_end is not None:
                    return
            head = _head(self._window.data)
            if head is None:
                return
            kind, length, size = head
            if kind in (b"ftyp", b"moov", b"moof"):
                _bound(kind, size, MAX_HEADER)
                if len(self._window.data) < size:
                    return
                start = self._window.position
                yield from self._read(kind, self._window.take(size)[length:], start)
            elif kind == b"mdat":
                _bound(kind, size, MAX_MDAT)
                self._mdat_end = self._window.position + size
                self._window.take(length)
            else:
                _bound(kind, size, MAX_SKIP)
                self._window.skip(size)

    def _read(self, kind: bytes, body: bytes, start: int) -> Iterator[Track]:
        match kind:
            case b"ftyp":
                self._chosen = None
                self._samples.clear()
                self._window.position -= start
            case b"moov":
                self._chosen, track = _first_sound(body)
                yield track
            case _ if self._chosen is None:
                raise BadContainer("a fragment of MP4 before its tracks")
            case _:
                self._samples = deque(_fragment(body, start, self._chosen))

    def _mdat(self, end: int) -> Iterator[Packet]:
        """The samples that are whole; what lies before and after them is skipped."""
        window = self._window
        while self._samples and not window.skipping:
            position, size = self._samples[0]
            if position < window.position or position + size > end:
                raise BadContainer("a sample of MP4 outside of its data")
            window.skip(position - window.position)
            if window.position < position or len(window.data) < size:
                return
            self._samples.popleft()
            yield Packet(window.take(size))
        if not window.skipping:
            self._mdat_end = None
            window.skip(end - window.position)


def _bound(kind: bytes, size: int, most: int) -> None:
    if size > most:
        raise BadContainer(f"a box {kind.decode('ascii', 'replace')} of MP4 that is too long")


def _head(data: bytes | bytearray, at: int = 0) -> tuple[bytes, int, int] | None:
    """(kind, length of the head, size of the whole); None where more bytes are needed. Raises BadContainer."""
    if len(data) < at + 8:
        return None
    size, kind = struct.unpack_from(">I4s", data, at)
    length = 8
    if size == 1:
        if len(data) < at + 16:
            return None
        length, (size,) = 16, struct.unpack_from(">Q", data, at + 8)
    if size < length or not kind.isascii():
        raise BadContainer("not a box of MP4 where one should begin")
    return kind, length, size


def _children(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(body):
        head = _head(body, at)
        if head is None or at + head[2] > len(body):
            raise BadContainer("a box of MP4 that is cut off")
        kind, length, size = head
        yield kind, body[at + length : at + size]
        at += size


def _fields(layout: str, body: bytes, at: int = 0) -> tuple[int, ...]:
    """Big-endian numbers. Raises BadContainer where the box ends before."""
    try:
        return struct.unpack_from(f">{layout}", body, at)
    except struct.error:
        raise BadContainer("a box of MP4 that is too short") from None


def _inside(body: bytes, *path: bytes) -> bytes:
    """The first box at the end of the path, empty where there is none."""
    for name in path:
        body = next((inner for kind, inner in _children(body) if kind == name), b"")
    return body


def _first_sound(moov: bytes) -> tuple[_Chosen, Track]:
    for kind, trak in _children(moov):
        if kind != b"trak" or _inside(trak, b"mdia", b"hdlr")[8:12] != b"soun":
            continue
        header = _inside(trak, b"tkhd")
        (id,) = _fields("I", header, 20 if header[:1] == b"\1" else 12)
        track = _described(_inside(trak, b"mdia", b"minf", b"stbl", b"stsd"))
        return _Chosen(id, _default_size(moov, id)), track
    raise BadContainer("no track of sound in this MP4")


def _default_size(moov: bytes, id: int) -> int:
    extends = _inside(moov, b"mvex")
    if not extends:
        raise BadContainer("an MP4 that is not fragmented")
    for kind, trex in _children(extends):
        if kind == b"trex":
            track, _, _, size = _fields("4I", trex, 4)
            if track == id:
                return size
    return 0


def _described(stsd: bytes) -> Track:
    kind, entry = next(_children(stsd[8:]), (b"", b""))
    (version,) = _fields("H", entry, 8)
    inner = entry[ENTRY + (16 if version == 1 else 0) :]
    if kind == b"Opus":
        return opus(_opus_head(_inside(inner, b"dOps")))
    if kind == b"mp4a":
        return Track("aac", _aac(_inside(inner, b"esds") or _inside(inner, b"wave", b"esds")))
    raise BadContainer("the sound of this MP4 is neither AAC nor Opus")


def _opus_head(box: bytes) -> bytes:
    """The same fields as in an OpusHead, which is little-endian ("Encapsulation of Opus in ISO Base Media", 4.3.2)."""
    version, channels, skip, rate, gain, mapping = _fields("BBHIhB", box)
    return b"OpusHead" + struct.pack("<BBHIhB", version + 1, channels, skip, rate, gain, mapping)


def _aac(esds: bytes) -> bytes:
    """The AudioSpecificConfig: in descriptor 5 within 4 within 3 (ISO/IEC 14496-1, 7.2.6)."""
    stream = _descriptor(esds[4:], 3)
    (flags,) = _fields("B", stream, 2)
    if flags & 0xE0:
        raise BadContainer("a stream of MP4 that depends on others")
    decoder = _descriptor(stream[3:], 4)
    setup = _descriptor(decoder[13:], 5)
    if decoder[0] not in AAC_STREAM or len(setup) < 2:
        raise BadContainer("the sound of this MP4 is not AAC")
    bits = int.from_bytes(setup[:5].ljust(5, b"\0"))
    kind, rate = bits >> 35, bits >> 31 & 0xF
    channels = bits >> (3 if rate == 0xF else 27) & 0xF
    if kind not in AAC_KINDS or not 1 <= channels <= MAX_CHANNELS:
        raise BadContainer(f"AAC of kind {kind}, channels {channels}")
    return setup


def _descriptor(data: bytes, tag: int) -> bytes:
    """Body of the descriptor that begins here: its length takes up to four bytes of seven bits."""
    length, at = 0, 1
    while at < len(data) and at <= 4:
        length = length << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            break
    if data[:1] != bytes([tag]) or not 0 < length <= len(data) - at:
        raise BadContainer("a description of sound in MP4 that makes no sense")
    return data[at : at + length]


def _fragment(moof: bytes, start: int, chosen: _Chosen) -> list[tuple[int, int]]:
    """Position and size of each sample of the track. Raises BadContainer."""
    samples: list[tuple[int, int]] = []
    for kind, traf in _children(moof):
        header = _inside(traf, b"tfhd") if kind == b"traf" else b""
        flags, id = _fields("II", header) if header else (0, None)
        if id != chosen.id:
            continue
        base, size = _defaults(header, flags, start, chosen.size)
        position = base
        for run in (body for name, body in _children(traf) if name == b"trun"):
            samples += _run(run, base, position, size)
            if len(samples) > MAX_SAMPLES:
                raise BadContainer("a fragment of MP4 that is too long")
            position = sum(samples[-1]) if samples else base
    if any(size > MAX_PACKET for _, size in samples):
        raise BadContainer("a sample of MP4 that is too long")
    return samples


def _defaults(tfhd: bytes, flags: int, start: int, size: int) -> tuple[int, int]:
    """Where the fragment's positions count from, and the size of its samples."""
    at = 8
    if flags & BASE_GIVEN:
        (start,) = _fields("Q", tfhd, at)
        at += 8
    at += 4 * ((flags & INDEX_GIVEN != 0) + (flags & DURATION_GIVEN != 0))
    if flags & SIZE_GIVEN:
        (size,) = _fields("I", tfhd, at)
    return start, size


def _run(run: bytes, base: int, position: int, size: int) -> Iterator[tuple[int, int]]:
    """Samples lie side by side, from where the run says, or from `position` on."""
    flags, count = _fields("II", run)
    if count > MAX_SAMPLES:
        raise BadContainer("a fragment of MP4 that is too long")
    at = 8
    if flags & OFFSET_GIVEN:
        (offset,) = _fields("i", run, at)
        position = base + offset
        at += 4
    at += 4 if flags & FIRST_FLAGS else 0
    step = 4 * sum(flags & each != 0 for each in EACH)
    before = 4 * (flags & EACH[0] != 0)
    for _ in range(count):
        here = _fields("I", run, at + before)[0] if flags & EACH_SIZE else size
        if here:
            yield position, here
        position += here
        at += step
