"""Bytes of a reply in any slicing; httpx-sse serves as the second opinion."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import httpx
import httpx_sse
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sick_llm import DONE, event

from agent.thinking.reply import MAX_BAD, MAX_RAW, MAX_TEXT, BadEvent, ReplyReader, error_text, read_delta
from agent.thinking.sse import MAX_LINE, SseDecoder

LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
PIECES = st.one_of(
    st.sampled_from(
        [b"data: ", b"data:", b"data", b": comment", b"event: x", b"id: 1", b"\xef\xbb\xbf", "안녕😀".encode(), b"\xff"]
    ),
    st.text(max_size=8).map(str.encode),
    LINE_ENDS,
)
STREAMS = st.lists(PIECES, max_size=40).map(b"".join)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    marks = [0, *sorted(mark % (len(data) + 1) for mark in at), len(data)]
    return [data[a:b] for a, b in pairwise(marks)]


def decode(parts: list[bytes]) -> list[str]:
    decoder = SseDecoder()
    return [*(data for part in parts for data in decoder.feed(part)), *decoder.flush()]


def read(parts: list[bytes]) -> tuple[str, bool, str, str | None]:
    reader = ReplyReader()
    texts = [*(text for part in parts for text in reader.feed(part)), *reader.flush()]
    return (
        "".join(texts),
        reader.done,
        reader.finish,
        reader.failure and f"{reader.failure.code} {reader.failure.detail}",
    )


@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=12))
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", [8, 9, 10, 11])
def test_events_are_the_same_for_every_split(data, at):
    assert decode(cut(data, at)) == decode([data])


@given(STREAMS)
def test_events_are_those_of_another_implementation(data):
    data = re.sub(rb"^(\xef\xbb\xbf)+", b"", data) + b"\n\n"  # it hands out no unfinished event, and keeps a BOM
    text = data.decode("utf-8", "replace")
    response = httpx.Response(200, headers={"content-type": "text/event-stream; charset=utf-8"}, text=text)
    theirs = [sse.data for sse in httpx_sse.EventSource(response).iter_sse()]
    assert [data for data in decode([data]) if data] == [data for data in theirs if data]


EVENTS = st.one_of(
    st.text(max_size=5).map(event),
    st.text(max_size=5).map(lambda text: event(reasoning_content=text)),
    st.sampled_from([event(role="assistant"), event(finish="stop"), event(finish="length"), DONE, b": ping\n\n"]),
    st.sampled_from(
        [b"data: {}\n\n", b"data: [1\n\n", b'data: {"error": "boom"}\n\n', b'data: {"choices": []}\r\n\r\n']
    ),
    st.binary(max_size=9),
)


@given(st.lists(EVENTS, max_size=20).map(b"".join), st.lists(st.integers(0, 10_000), max_size=12))
def test_replies_are_the_same_for_every_split(data, at):
    assert read(cut(data, at)) == read([data])
    assert read([bytes([byte]) for byte in data]) == read([data])


KEYS = st.sampled_from(["choices", "delta", "content", "error", "message", "finish_reason", "object", "x"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(LEAVES, lambda children: st.lists(children) | st.dictionaries(KEYS, children)))
def test_any_json_is_a_delta_or_a_bad_event(value):
    try:
        delta = read_delta(json.dumps(value))
    except BadEvent:
        return
    delta.text.encode()
    delta.error.encode()


@pytest.mark.parametrize(
    "data",
    [
        "",
        "[" * 60_000,
        "1" * 5000,
        "NaN",
        '"x"',
        "{",
        '{"choices": [1]}',
        '{"choices": 7}',
        '{"choices": [{"delta": 1}]}',
        '{"choices": [{"delta": {"content": []}}]}',
    ],
)
def test_bad_events(data):
    with pytest.raises(BadEvent):
        read_delta(data)


def test_reasoning_is_never_text():
    delta = read_delta(event(reasoning_content="secret thought", content=None).removeprefix(b"data: ").decode())
    assert (delta.text, delta.thought) == ("", True)


def test_some_bad_events_are_forgiven_and_no_more():
    bad = b"data: ?\n\n"
    assert read([bad * MAX_BAD + event("x")])[0] == "x"
    text, _, _, failure = read([event("x") + bad * (MAX_BAD + 1) + event("y")])
    assert (text, failure) == ("x", "bad_reply 6 events that are none: not JSON")


def test_long_lines_and_events_end_the_reply():
    whole = b"data: " + b"x" * (MAX_LINE - 6)
    assert len(decode([whole + b"\n\n"])) == 1
    for data in (whole + b"x\n\n", b"x" * (MAX_LINE + 1), (b"data: " + b"x" * 1000 + b"\n") * 66 + b"\n"):
        decoder = SseDecoder()
        assert decoder.feed(data) == []
        assert "more than" in decoder.broken
        assert decoder.feed(b"\n\ndata: later\n\n") == []


def test_long_replies_end():
    numbers = " ".join(map(str, range(60_000)))
    assert (
        read([event(numbers[at : at + 30_000]) for at in range(0, len(numbers), 30_000)])[3]
        == f"bad_reply a reply of more than {MAX_TEXT} bytes"
    )
    assert read([b": keep-alive\n" * 50_000] * 7)[3] == f"bad_reply more than {MAX_RAW} bytes"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"error": {"message": "no\nmodel"}}, "no model"),
        ({"error": "gone"}, "gone"),
        ({"object": "error", "message": "vllm"}, "vllm"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [{"loc": 1}]}, ""),
        (None, ""),
    ],
)
def test_error_texts(value, said):
    assert error_text(value) == said
