"""Records: anything that goes in comes out, in any slicing; nonsense is named."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import (
    MAX_MESSAGE,
    MAX_PAYLOAD,
    MORE,
    BadRecord,
    Decoder,
    Kind,
    Record,
    split_audio,
    split_message,
)

records = st.builds(
    Record,
    kind=st.sampled_from(list(Kind)),
    payload=st.binary(max_size=MAX_PAYLOAD),
    turn=st.integers(0, 2**32 - 1),
    position=st.integers(-(2**63), 2**63 - 1),
    mono_ns=st.integers(-(2**63), 2**63 - 1),
    delay=st.integers(-(2**31), 2**31 - 1),
)


@given(st.lists(records, max_size=8), st.integers(1, 5000))
def test_records_survive_any_slicing(sent: list[Record], step: int) -> None:
    data = b"".join(record.encode() for record in sent)
    decoder = Decoder()
    got = [record for at in range(0, len(data), step) for record in decoder.feed(data[at : at + step])]
    assert got + decoder.flush() == sent


@given(st.binary(max_size=20_000))
def test_nonsense_is_a_bad_record_or_records(noise: bytes) -> None:
    decoder = Decoder()
    with contextlib.suppress(BadRecord):
        records = decoder.feed(noise)
        assert sum(len(record.encode()) for record in records) <= len(noise)
        decoder.flush()


@given(st.text(max_size=9000), st.integers(0, 99))
def test_a_message_of_any_length_comes_out_whole(text: str, turn: int) -> None:
    text = text.encode("utf-8", "ignore").decode()
    parts = split_message({"type": "x", "text": text}, turn)
    assert all(len(part.encode()) <= 4096 for part in parts)
    decoder = Decoder()
    (record,) = [record for part in parts for record in decoder.feed(part.encode())]
    assert (record.turn, record.message()) == (turn, {"type": "x", "text": text})


def test_a_message_without_end_is_refused_on_both_sides() -> None:
    with pytest.raises(ValueError, match="at most"):
        split_message({"type": "x" * MAX_MESSAGE})
    decoder = Decoder()
    part = Record(Kind.MESSAGE, bytes(MAX_PAYLOAD), flags=MORE).encode()
    with pytest.raises(BadRecord, match="a message of over"):
        decoder.feed(part * (MAX_MESSAGE // MAX_PAYLOAD + 2))


@given(st.binary(max_size=30_000), st.sampled_from([2, 4, 6, 8, 64]), st.integers(0, 10**9))
def test_audio_is_split_into_whole_frames(pcm: bytes, frame_bytes: int, position: int) -> None:
    pcm = pcm[: len(pcm) // frame_bytes * frame_bytes]
    parts = split_audio(pcm, frame_bytes, 3, position)
    assert b"".join(part.payload for part in parts) == pcm
    for part in parts:
        assert len(part.payload) % frame_bytes == 0
        assert part.position == position
        position += len(part.payload) // frame_bytes


def test_the_end_of_the_pipe_within_a_record() -> None:
    decoder = Decoder()
    decoder.feed(Record(Kind.END).encode()[:-1])
    with pytest.raises(BadRecord):
        decoder.flush()


@pytest.mark.parametrize("payload", [b"[]", b"{", b"1"])
def test_a_message_is_a_json_object(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Record(Kind.MESSAGE, payload).message()
