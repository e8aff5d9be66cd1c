"""From the device's frames to blocks: positions and times through resampling and losses."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.convert import Converter, Stream
from agent.audio.pcm import RATE_HZ, Block
from agent.audio.resample import Resampler, to_int16
from agent.audio.wav import BadWav, read_header
from agent.records import Kind, Record

START_NS = 7_000_000_000


def periods(stream: Stream, pcm: np.ndarray, lost: int = 0, lost_after: int = 0) -> list[Record]:
    """Records of 10 ms; `lost` frames are missing after the period with the number `lost_after`."""
    size, records = stream.rate_hz // 100, []
    for number, at in enumerate(range(0, len(pcm), size)):
        position = at + (lost if number >= lost_after and lost else 0)
        mono_ns = START_NS + position * 1_000_000_000 // stream.rate_hz
        records.append(Record(Kind.AUDIO, pcm[at : at + size].tobytes(), position=position, mono_ns=mono_ns))
    return records


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 44_100, 48_000])
def test_a_click_keeps_its_place_and_time(rate_hz: int) -> None:
    pcm = np.zeros(rate_hz, np.int16)
    pcm[rate_hz // 2] = 30_000
    converter = Converter(Stream(rate_hz, 1, "S16"), "mix", 0.0)
    blocks = [block for record in periods(Stream(rate_hz, 1, "S16"), pcm) if (block := converter.feed(record))]
    for before, after in itertools.pairwise(blocks):
        assert after.position == before.position + len(before.pcm)
    loudest = max(blocks, key=lambda block: int(np.abs(block.pcm.astype(int)).max()))
    peak = loudest.position + int(np.argmax(np.abs(loudest.pcm.astype(int))))
    assert peak == RATE_HZ // 2
    assert abs(loudest.time_of(peak) - 7.5) < 0.0002


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_lost_frames_are_a_gap_and_time_goes_on(rate_hz: int) -> None:
    stream = Stream(rate_hz, 1, "S16")
    converter = Converter(stream, "mix", 0.0)
    records = periods(stream, np.zeros(rate_hz, np.int16), lost=rate_hz // 4, lost_after=50)
    blocks: list[Block] = [block for record in records if (block := converter.feed(record))]
    assert [block.gap for block in blocks].count(True) == 1
    first = next(block for block in blocks if block.gap)
    assert abs(first.position - 0.75 * RATE_HZ) <= 1
    for block in blocks:
        assert abs(block.at - (7.0 + block.position / RATE_HZ)) < 0.0002


def test_the_resampler_tells_its_delay_and_gives_everything_in_the_end() -> None:
    resampler = Resampler(48_000, 16_000)
    out = [resampler.feed(np.ones(480, np.float32)) for _ in range(100)]
    assert 0 < resampler.delay_s < 0.03
    out.append(resampler.flush())
    assert sum(map(len, out)) == 16_000
    assert abs(resampler.delay_s) < 1e-6


def test_floats_saturate() -> None:
    assert to_int16(np.array([-1e9, -0.6, 0.4, 1e9], np.float32)).tolist() == [-32_768, -1, 0, 32_767]


# ---- WAV headers


def made(extensible: bool, channels: int, bits: int, frames: int) -> bytes:
    """A WAV file with a chunk that nobody knows before its data."""
    tag = 0xFFFE if extensible else 1
    form = struct.pack("<HHIIHH", tag, channels, 16_000, 16_000 * channels * bits // 8, channels * bits // 8, bits)
    if extensible:
        form += struct.pack("<HHIH14s", 22, bits, 0, 1, bytes(14))
    body = bytes(frames * channels * bits // 8)
    chunks = [(b"fmt ", form), (b"LIST", b"odd"), (b"data", body)]
    packed = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(packed)) + b"WAVE" + packed


@given(st.booleans(), st.integers(1, 8), st.sampled_from([16, 32]), st.integers(0, 50))
def test_headers_are_read(extensible: bool, channels: int, bits: int, frames: int) -> None:
    data = made(extensible, channels, bits, frames)
    wav = read_header(io.BytesIO(data), "x.wav")
    assert (wav.rate_hz, wav.channels, wav.bits, wav.frames) == (16_000, channels, bits, frames)
    assert len(data) - wav.start >= frames * wav.frame_bytes


@given(st.binary(max_size=80), st.integers(0, 60))
def test_no_damage_does_more_than_be_named(noise: bytes, at: int) -> None:
    data = bytearray(made(True, 2, 16, 20))
    data[at : at + len(noise)] = noise
    with contextlib.suppress(BadWav):
        wav = read_header(io.BytesIO(bytes(data)), "x.wav")
        assert wav.start + wav.frames * wav.frame_bytes <= len(data)


def test_the_standard_librarys_files_are_read() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(4)
        out.setframerate(48_000)
        out.writeframes(bytes(80))
    file.seek(0)
    assert read_header(file, "x.wav").frames == 10
