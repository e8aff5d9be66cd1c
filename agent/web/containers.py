"""What a browser's MediaRecorder hands over, in slices -> mono samples at 16 kHz: Opus in WebM, AAC or Opus in MP4.

Rules:
- A packet is decoded as soon as its last byte is there; what is kept meanwhile is one element of a container at most.
- The beginning tells which container it is. Another beginning, where one element ends, is another recording: what the
  first one owed comes out, and the next starts afresh.
- A packet that the decoder refuses is lost, and is nothing worse; `BAD_PACKETS` in a row are. After BadContainer the
  decoder is used up.
- What an AAC encoder puts before the sound (21 to 48 ms of nothing) is left there: who dates sound does it by the end.
- Sound cannot be denser than `MIN_BYTES_PER_S`: no encoder writes 120 ms in fewer than eight bytes with their element.

libav is native code: use this in a process of its own (`agent.web.container_child`).
"""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from agent.audio.pcm import RATE_HZ, Samples
from agent.audio.resample import Floats, Resampler, to_int16
from agent.web.mp4 import Mp4Reader
from agent.web.tracks import MAX_CHANNELS, BadContainer, Packet, Reader, Track
from agent.web.webm import WebmReader

__all__ = ["BadContainer", "Decoder", "warm_up"]

BAD_PACKETS = 25
MIN_BYTES_PER_S = 50
GRACE_S = 10.0
MIN_HZ, MAX_HZ = 8_000, 96_000
MAX_FRAMES = 11_520  # of a packet: 120 ms at 96 kHz
EBML, FTYP = b"\x1a\x45\xdf\xa3", b"ftyp"
DECODERS = {"opus": "libopus", "aac": "aac"}
FULL_SCALE = 32_768
OPUS_SETUP = b"OpusHead\1\1" + bytes(9)
AAC_SETUP = b"\x11\x88"  # LC, 48 kHz, one channel


class Decoder:
    """Incremental: bytes in any slicing -> samples."""

    def __init__(self) -> None:
        self._beginning = b""
        self._reader: Reader | None = None
        self._sound: _Sound | None = None
        self._bytes = 0
        self._samples = 0

    def feed(self, data: bytes) -> list[Samples]:
        """Raises BadContainer."""
        self._bytes += len(data)
        if self._reader is None:
            data = self._beginning + data
            self._reader = _reader(data)
            if self._reader is None:
                self._beginning = data
                return []
        return list(self._decode(self._reader.feed(data)))

    def flush(self) -> list[Samples]:
        """The end, perhaps in the middle of something: what the decoder and the filter still owe."""
        sound, self._sound = self._sound, None
        return list(sound.rest()) if sound else []

    def _decode(self, parts: list[Track | Packet]) -> Iterator[Samples]:
        for part in parts:
            if isinstance(part, Track):
                yield from self.flush()
                self._sound = _Sound(part)
            elif self._sound is None:
                raise BadContainer("sound after the end")
            else:
                for samples in self._sound.feed(part.data):
                    self._count(len(samples))
                    yield samples

    def _count(self, samples: int) -> None:
        self._samples += samples
        if self._samples / RATE_HZ > GRACE_S + self._bytes / MIN_BYTES_PER_S:
            raise BadContainer("more sound than so few bytes can hold")


class _Sound:
    """The packets of one track -> samples."""

    def __init__(self, track: Track) -> None:
        context = av.CodecContext.create(DECODERS[track.codec], "r")
        assert isinstance(context, AudioCodecContext)
        context.extradata = track.setup
        context.thread_count = 1
        self._context = context
        self._resampler: Resampler | None = None
        self._bad = 0

    def feed(self, packet: bytes) -> Iterator[Samples]:
        try:
            frames = self._context.decode(av.Packet(packet))
            self._bad = 0
        except av.FFmpegError as error:
            self._bad += 1
            if self._bad >= BAD_PACKETS:
                raise BadContainer(f"{BAD_PACKETS} packets in a row that cannot be decoded") from error
            return
        for frame in frames:
            yield from self._resampled(frame)

    def rest(self) -> Iterator[Samples]:
        if self._resampler is not None:
            yield from _whole(self._resampler.flush())

    def _resampled(self, frame: AudioFrame) -> Iterator[Samples]:
        rate_hz, channels = frame.sample_rate, frame.layout.nb_channels
        if not (MIN_HZ <= rate_hz <= MAX_HZ and 1 <= channels <= MAX_CHANNELS and frame.samples <= MAX_FRAMES):
            raise BadContainer(f"{frame.samples} frames of {channels} channels at {rate_hz} Hz")
        if self._resampler is None or self._resampler.from_hz != rate_hz:
            yield from self.rest()
            self._resampler = Resampler(rate_hz, RATE_HZ)
        yield from _whole(self._resampler.feed(_mono(frame, channels)))


def warm_up() -> None:
    """Load what is loaded late, for a process that will open no file any more."""
    for track in (Track("opus", OPUS_SETUP), Track("aac", AAC_SETUP)):
        sound = _Sound(track)
        for packet in (b"\xfc", b"\0"):  # one of silence for Opus, and one that no decoder takes
            list(sound.feed(packet))
        list(sound.rest())


def _whole(pcm: Floats) -> Iterator[Samples]:
    if len(pcm):
        yield to_int16(pcm)


def _mono(frame: AudioFrame, channels: int) -> Floats:
    """The mean of the channels, on the scale of int16; what is no number (AAC decodes to floats) is silence."""
    pcm = frame.to_ndarray()
    pcm = pcm if frame.format.is_planar else pcm.reshape(-1, channels).T
    if pcm.dtype == np.int16:
        mono = pcm.mean(axis=0, dtype=np.float32)
    else:
        mono = np.nan_to_num(pcm.mean(axis=0, dtype=np.float32) * FULL_SCALE, posinf=0.0, neginf=0.0)
    floats: Floats = np.ascontiguousarray(mono, np.float32)
    return floats


def _reader(beginning: bytes) -> Reader | None:
    """None where more bytes are needed to tell. Raises BadContainer."""
    if len(beginning) < 8:
        return None
    if beginning.startswith(EBML):
        return WebmReader()
    if beginning[4:8] == FTYP:
        return Mp4Reader()
    raise BadContainer("neither WebM nor MP4")
