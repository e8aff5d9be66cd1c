"""Recordings as browsers make them, of what a visitor says: Opus in WebM, AAC and Opus in fragmented MP4."""

from __future__ import annotations

import functools
import io
import struct

import av
import numpy as np
import soxr
from av.audio.stream import AudioStream

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.visitor import say

SENTENCE = "hey jarvis, what is the weather like in the evening"
FRAGMENT_MS = 100
KINDS = {  # container, codec, rate, channels, options
    "webm": ("webm", "libopus", 48_000, 1, {"live": "1"}),
    "webm, stereo": ("webm", "libopus", 48_000, 2, {"live": "1"}),
    "webm, with an index": ("webm", "libopus", 48_000, 1, {}),
    "mp4": ("mp4", "aac", 48_000, 1, {"movflags": "empty_moov+default_base_moof"}),
    "mp4, 44.1 kHz, stereo, absolute": ("mp4", "aac", 44_100, 2, {"movflags": "empty_moov"}),
    "mp4, opus": ("mp4", "libopus", 48_000, 1, {"movflags": "empty_moov+default_base_moof"}),
}


class _Sink:
    """What cannot seek, as a browser's recorder cannot."""

    def __init__(self) -> None:
        self.data = io.BytesIO()

    def write(self, data: bytes) -> int:
        return self.data.write(data)


@functools.cache
def sentence() -> Samples:
    return say(SENTENCE).samples


@functools.cache
def recording(kind: str, seconds: float | None = None) -> bytes:
    """`seconds`: so much silence instead of the sentence."""
    pcm = sentence() if seconds is None else np.zeros(round(seconds * RATE_HZ), np.int16)
    container, codec, rate_hz, channels, options = KINDS[kind]
    fragments = {"frag_duration": str(FRAGMENT_MS * 1000), "strict": "-2"} if container == "mp4" else {}
    sink = _Sink()
    with av.open(sink, "w", format=container, options=options | fragments) as out:
        layout = "mono" if channels == 1 else "stereo"
        stream = out.add_stream(codec, rate=rate_hz, layout=layout)
        assert isinstance(stream, AudioStream)
        frame = av.AudioFrame.from_ndarray(_spread(pcm, rate_hz, channels), format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, 0
        context = stream.codec_context
        cut = av.AudioResampler(
            format=context.format, layout=layout, rate=rate_hz, frame_size=context.frame_size or 960
        )
        for piece in [*cut.resample(frame), None]:
            out.mux(stream.encode(piece))
    return sink.data.getvalue()


def _spread(pcm: Samples, rate_hz: int, channels: int) -> Samples:
    return np.repeat(soxr.resample(pcm, RATE_HZ, rate_hz), channels).reshape(1, -1)


def slices(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def likeness(sound: Samples, other: Samples) -> tuple[int, float]:
    """By how many samples the other comes later, and how alike they are then (1: the same but for its level)."""
    size = 1 << (len(sound) + len(other)).bit_length()
    spectrum = np.fft.rfft(other.astype(np.float64), size) * np.fft.rfft(sound.astype(np.float64), size).conj()
    matches = np.fft.irfft(spectrum, size)
    at = int(np.argmax(matches))
    norm = np.linalg.norm(sound.astype(np.float64)) * np.linalg.norm(other.astype(np.float64))
    return (at if at < size // 2 else at - size), float(matches[at] / norm)


# Bombs: Opus packets of two bytes (48 frames of 2.5 ms without any content, RFC 6716, 3.2.5) that hold 120 ms.

LONG = bytes([0b111_00_011, 48])


def webm_bomb(packets: int) -> bytes:
    start = recording("webm").index(b"\x1f\x43\xb6\x75")
    cluster = b"\x1f\x43\xb6\x75\xff\xe7\x81\x00"
    return recording("webm")[:start] + cluster + (b"\xa3\x86\x81\x00\x00\x80" + LONG) * packets


def mp4_bomb(packets: int) -> bytes:
    """Samples of one size need no place in the table."""
    head = recording("mp4, opus")[: recording("mp4, opus").index(b"moof") - 4]
    tfhd = box(b"tfhd", struct.pack(">III", 0x020010, 1, len(LONG)))
    trun = box(b"trun", struct.pack(">IIi", 0x1, packets, 8 + 8 + len(tfhd) + 20 + 8))
    return head + box(b"moof", box(b"traf", tfhd + trun)) + box(b"mdat", LONG * packets)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body
