"""Messages in any slicing; nonsense; and the protocol's own package as a second opinion."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wyoming.event import Event, read_event, write_event

from agent.wyoming.messages import MAX_DATA, MAX_HEAD, MAX_PAYLOAD, BadMessage, Decoder, Message

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 40), 1 << 40) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.builds(Message, WORDS, st.dictionaries(WORDS, VALUES, max_size=4), st.binary(max_size=300))


def sliced(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(MESSAGES, max_size=4), st.lists(st.integers(0, 1 << 20), max_size=8))
def test_messages_come_out_as_they_went_in(messages: list[Message], cuts: list[int]) -> None:
    decoder = Decoder()
    out = [each for part in sliced(b"".join(m.encode() for m in messages), cuts) for each in decoder.feed(part)]
    assert out == messages
    assert decoder.flush() == []


@given(MESSAGES)
def test_the_package_reads_what_we_write(message: Message) -> None:
    read = read_event(io.BytesIO(message.encode()))  # type: ignore[arg-type]
    assert read is not None
    assert (read.type, read.data, read.payload or b"") == (message.type, message.data, message.payload)


@given(MESSAGES)
def test_we_read_what_the_package_writes(message: Message) -> None:
    written = io.BytesIO()
    write_event(Event(message.type, dict(message.data), message.payload or None), written)  # type: ignore[arg-type]
    assert Decoder().feed(written.getvalue()) == [message]


def test_there_is_data_in_any_case() -> None:
    """Home Assistant 2024.3 hung up on a ping without."""
    head, data = Message("ping").encode().split(b"\n")
    assert json.loads(head)["data_length"] == len(data) == 2


def test_data_may_be_in_the_head_and_behind_it() -> None:
    head = {"type": "x", "data": {"a": 1, "b": 1}, "data_length": 8, "version": "1.10.2"}
    (message,) = Decoder().feed(json.dumps(head).encode() + b'\n{"b": 2}')
    assert message.data == {"a": 1, "b": 2}


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4))
def test_nonsense_is_refused_or_waits(data: bytes, cuts: list[int]) -> None:
    decoder = Decoder()
    with suppress(BadMessage):
        for part in sliced(data, cuts):
            decoder.feed(part)
        decoder.flush()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello\n", "no JSON"),
        (b"[1]\n", "no JSON object"),
        (b"{}\n", "without a type"),
        (b'{"type": 3}\n', "without a type"),
        (b'{"type": "x", "data": []}\n', "no object"),
        (b'{"type": "x", "data_length": -1}\n', "data_length"),
        (b'{"type": "x", "payload_length": true}\n', "payload_length"),
        (b'{"type": "x", "payload_length": 1e3}\n', "payload_length"),
        (b'{"type": "x", "data_length": 2}\n[]', "no JSON object"),
        (b'{"type": "x", "data_length": 2}\n\xff\xff', "no JSON"),
        (b'{"type": "x", "data_length": %d}\n' % (MAX_DATA + 1), "at most"),
        (b'{"type": "x", "payload_length": %d}\n' % (MAX_PAYLOAD + 1), "at most"),
        (b" " * (MAX_HEAD + 1), "a line of over"),
        (b"[" * 60_000 + b"\n", "no JSON"),
    ],
)
def test_what_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(BadMessage, match=said):
        Decoder().feed(data)


def test_an_end_within_a_message_is_told() -> None:
    decoder = Decoder()
    decoder.feed(Message("x", payload=b"12345").encode()[:-1])
    with pytest.raises(BadMessage, match="ended"):
        decoder.flush()


def test_a_text_is_a_text() -> None:
    assert Message("transcript", {"text": "yes"}).text() == "yes"
    assert [Message("transcript", {"text": each}).text() for each in (None, 3, ["x"])] == ["", "", ""]
