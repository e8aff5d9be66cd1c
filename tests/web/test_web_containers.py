"""Recordings of browsers, decoded slice by slice: real codecs, many slicings, and what strangers may send instead."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web_recordings import KINDS, box, likeness, mp4_bomb, recording, sentence, slices, webm_bomb

from agent.audio.pcm import RATE_HZ, Samples
from agent.web.containers import GRACE_S, MIN_BYTES_PER_S, BadContainer, Decoder
from agent.web.mp4 import Mp4Reader
from agent.web.tracks import MAX_HEADER, Packet, Track
from agent.web.webm import WebmReader

PRIMING_S = 0.03  # what FFmpeg's AAC encoder puts first
MOST_OWED_S = 0.06  # half a packet of the encoder, and the resampler's filter


def decoded(pieces: list[bytes]) -> Samples:
    decoder = Decoder()
    parts = [samples for piece in pieces for samples in decoder.feed(piece)] + decoder.flush()
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_said_comes_out(kind: str) -> None:
    late, alike = likeness(sentence(), decoded([recording(kind)]))
    assert alike > 0.99
    assert 0 <= late <= (PRIMING_S * RATE_HZ if kind.startswith("mp4") else 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 333, 4064, 10_000])
def test_slices_of_any_size_give_the_same(kind: str, size: int) -> None:
    assert np.array_equal(decoded(slices(recording(kind), size)), decoded([recording(kind)]))


@given(st.lists(st.integers(0, 3000), max_size=40))
def test_uneven_slices_give_the_same(sizes: list[int]) -> None:
    data, cuts = recording("mp4"), list(accumulate(sizes))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert np.array_equal(decoded(pieces), decoded([data]))


@pytest.mark.parametrize("kind", KINDS)
def test_little_is_owed_after_each_slice(kind: str) -> None:
    """The bytes of the sentence are spread over its time evenly enough: packets of 20 ms, fragments of 100."""
    decoder = Decoder()
    reader = Mp4Reader() if kind.startswith("mp4") else WebmReader()
    per_packet_s = 1024 / KINDS[kind][2] if KINDS[kind][1] == "aac" else 0.02
    given = packets = 0
    for piece in slices(recording(kind), 1000):
        given += sum(map(len, decoder.feed(piece)))
        packets += sum(isinstance(part, Packet) for part in reader.feed(piece))
        assert packets * per_packet_s - given / RATE_HZ < MOST_OWED_S


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.501, 0.93])
def test_a_recording_that_is_cut_off_ends_cleanly(kind: str, share: float) -> None:
    data = recording(kind)
    whole = decoded([data])
    part = decoded([data[: round(share * len(data))]])
    assert len(part) < len(whole)
    settled = max(0, len(part) - RATE_HZ // 20)  # a filter's end is not what would have followed
    assert np.array_equal(part[:settled], whole[:settled])


@pytest.mark.parametrize("kinds", [("webm", "webm, stereo"), ("mp4", "mp4, 44.1 kHz, stereo, absolute")])
def test_another_recording_on_the_same_way_starts_anew(kinds: tuple[str, str]) -> None:
    data = b"".join(recording(kind) for kind in kinds)
    alone = [decoded([recording(kind)]) for kind in kinds]
    assert np.array_equal(decoded(slices(data, 501)), np.concatenate(alone))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"GIF89a, and more", "neither"),
        (bytes(100), "neither"),
        (b"\x1a\x45\xdf\xa3\x85\x42\x82\x82ab" + bytes(9), "not WebM"),
        (b"\x1a\x45\xdf\xa3\x08\xff\xff\xff\xff\xff\xff\xff\xff", "too long"),
        (
            recording("webm")[:200] + b"\xec\x01\xff\xff\xff\xff\xff\xff\xfe" + bytes(99),
            "cut off|too long|not an element",
        ),
        (recording("mp4")[:28] + box(b"moof", b""), "before its tracks"),
        (recording("mp4")[:28] + b"\x00\x00\x00\x01mdat\x00\x00\x10\x00\x00\x00\x00\x00", "too long"),
        (recording("mp4")[:28] + b"\x00\x00\x00\x03moov", "not a box"),
        (recording("mp4")[:28] + box(b"moov", box(b"trak", b"")), "no track"),
        (recording("mp4").replace(b"mvex", b"mvox"), "not fragmented"),
        (recording("mp4").replace(b"mp4a", b"ec-3"), "neither AAC"),
        (recording("webm").replace(b"A_OPUS", b"A_FLAC"), "no track of Opus"),
        (recording("webm").replace(b"OpusHead\x01\x01", b"OpusHead\x01\x09"), "9 channels"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(data: bytes, says: str) -> None:
    with pytest.raises(BadContainer, match=says):
        decoded([data])


@pytest.mark.parametrize("bomb", [mp4_bomb(4000), mp4_bomb(4000) * 3])
def test_more_sound_than_bytes_can_hold_is_refused(bomb: bytes) -> None:
    given = 0

    def feed() -> None:
        nonlocal given
        decoder = Decoder()
        for piece in slices(bomb, 1000):
            given += sum(map(len, decoder.feed(piece)))

    with pytest.raises(BadContainer, match="more sound"):
        feed()
    assert given / RATE_HZ < GRACE_S + len(bomb) / MIN_BYTES_PER_S


def test_a_thousand_bytes_give_a_quarter_of_a_minute_at_most() -> None:
    """So nothing that is decoded at once is large; that it comes faster than time is for the process to see."""
    decoder = Decoder()
    for piece in slices(webm_bomb(2000), 1024):
        assert sum(map(len, decoder.feed(piece))) / RATE_HZ < 16


def test_a_table_of_many_samples_is_refused_before_it_is_made() -> None:
    with pytest.raises(BadContainer, match="too long"):
        Mp4Reader().feed(mp4_bomb(5000))
    many = recording("mp4")[: recording("mp4").index(b"moof") - 4]
    runs = box(b"trun", b"\0\0\0\0" + (4096).to_bytes(4)) * 3000
    header = box(b"tfhd", (0x020010).to_bytes(4) + (1).to_bytes(4) + (2).to_bytes(4))
    with pytest.raises(BadContainer, match="too long"):
        Mp4Reader().feed(many + box(b"moof", box(b"traf", header + runs)))


def test_many_packets_that_no_decoder_takes_end_it_and_a_few_do_not() -> None:
    data = bytearray(recording("webm"))
    at = [n for n in range(len(data) - 1) if data[n] == 0xA3]
    for n in at[10:13]:
        data[n + 8 : n + 30] = bytes(22)  # still a packet, and nothing one could understand
    assert likeness(sentence(), decoded([bytes(data)]))[1] > 0.7


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=3000), st.sampled_from(["", "webm", "mp4", "mp4, opus"]), st.floats(0, 1))
def test_garbage_is_refused_or_ignored_and_never_kept(garbage: bytes, kind: str, share: float) -> None:
    """On its own, or from somewhere within a recording on."""
    before = recording(kind)[: round(share * 6000)] if kind else b""
    swallow(before + garbage * 3)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["webm", "mp4", "mp4, opus"]),
    st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 255)), max_size=30),
)
def test_a_damaged_recording_is_refused_or_decoded(kind: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray(recording(kind)[:8001])
    for at, byte in damage:
        data[at] = byte
    swallow(bytes(data))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["webm", "mp4", "mp4, opus"]),
    st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_damaged_beginning_is_refused_or_decoded(kind: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray(recording(kind)[:4000])
    for at, byte in damage:
        data[at] = byte
    swallow(bytes(data))


def swallow(data: bytes) -> None:
    decoder = Decoder()
    readers: list[Mp4Reader | WebmReader] = [Mp4Reader(), WebmReader()]
    for piece in slices(data, 700):
        try:
            for samples in decoder.feed(piece):
                assert samples.dtype == np.int16
        except BadContainer:
            break
    decoder.flush()
    for reader in readers:
        try:
            for piece in slices(data, 700):
                assert all(isinstance(part, Track | Packet) for part in reader.feed(piece))
                assert len(reader._window.data) <= MAX_HEADER + 700
        except BadContainer:
            continue


def test_an_element_of_a_megabyte_is_skipped_and_not_kept() -> None:
    start = recording("webm").index(b"\x1f\x43\xb6\x75")
    void = b"\xec\x2f\xff\xff" + bytes(0xFFFFF)
    reader = WebmReader()
    for piece in slices(recording("webm")[:start] + void * 3, 1000):
        reader.feed(piece)
        assert len(reader._window.data) < 1000
    packets = [part for part in reader.feed(recording("webm")[start:]) if isinstance(part, Packet)]
    assert len(packets) > 100
