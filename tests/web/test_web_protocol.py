"""The protocol: what is written is read, and what is nonsense is BadFrame and nothing else."""

from __future__ import annotations

import json
import re
import struct
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.web import protocol
from agent.web.protocol import (
    HEADER,
    MAX_BINARY,
    MAX_TEXT,
    RATES_HZ,
    Ask,
    BadFrame,
    CancelTimer,
    ChangeDevice,
    Ending,
    Frame,
    Hello,
    Kind,
    Playing,
    Volume,
    decode,
    message,
    parse,
)
from agent.web.server import PAGE

RATES = st.sampled_from(RATES_HZ)
NUMBERS = st.integers(0, 2**32 - 1)
TIMES = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPES = [get_args(each.model_fields["type"].annotation)[0] for each in get_args(protocol.Message)]
FIELDS = sorted({name for each in get_args(protocol.Message) for name in each.model_fields})


@given(
    RATES.filter(lambda rate_hz: rate_hz % 100 == 0),
    NUMBERS,
    TIMES,
    st.integers(1, 20),
    st.binary(min_size=1, max_size=64),
)
def test_periods_come_back_as_they_were_sent(rate_hz: int, number: int, at: float, count: int, noise: bytes) -> None:
    payload = (noise * 2_000)[: min(count * (rate_hz // 100) * 2, len(noise) * 2_000)]
    payload = payload[: len(payload) // (rate_hz // 100 * 2) * (rate_hz // 100 * 2)] or bytes(rate_hz // 100 * 2)
    frame = Frame(Kind.PERIODS, payload, rate_hz, number, at)
    assert decode(frame.encode()) == frame
    assert frame.samples().dtype == np.int16
    assert frame.samples().tobytes() == payload


@given(st.sampled_from([Kind.SPEECH, Kind.SOUND]), RATES, NUMBERS, TIMES, st.integers(1, 500))
def test_speech_comes_back_as_it_was_sent(kind: Kind, rate_hz: int, number: int, at: float, samples: int) -> None:
    frame = Frame(kind, bytes(2 * samples), rate_hz, number, at)
    assert decode(frame.encode()) == frame


@given(NUMBERS, TIMES, st.binary(min_size=1, max_size=500))
def test_a_slice_of_a_recording_comes_back_as_it_was_sent(number: int, at: float, payload: bytes) -> None:
    frame = Frame(Kind.CONTAINER, payload, 0, number, at)
    assert decode(frame.encode()) == frame


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_bad_one(data: bytes) -> None:
    try:
        frame = decode(data)
    except BadFrame:
        return
    assert frame.encode() == data


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**16 - 1), NUMBERS, st.floats(), st.integers(0, 700))
def test_any_header_is_a_frame_or_a_bad_one(
    kind: int, flags: int, hundreds: int, number: int, at: float, size: int
) -> None:
    data = struct.pack("<BBHId", kind, flags, hundreds, number, at) + bytes(size)
    try:
        frame = decode(data)
    except BadFrame:
        return
    assert (frame.kind, frame.number, frame.payload) == (kind, number, bytes(size))
    assert flags == 0
    assert kind == Kind.CONTAINER or frame.rate_hz == hundreds * 100


@pytest.mark.parametrize("size", [0, HEADER.size, MAX_BINARY + 1])
def test_a_frame_of_no_or_too_much_sound_is_bad(size: int) -> None:
    with pytest.raises(BadFrame, match=f"of {size} bytes"):
        decode((Frame(Kind.CONTAINER, bytes(MAX_BINARY)).encode())[:size])


def test_the_largest_frame_is_taken() -> None:
    data = Frame(Kind.CONTAINER, bytes(MAX_BINARY - HEADER.size)).encode()
    assert len(data) == MAX_BINARY
    assert decode(data).payload == bytes(MAX_BINARY - HEADER.size)


@pytest.mark.parametrize("time", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_none_is_bad(time: float) -> None:
    with pytest.raises(BadFrame, match="the time"):
        decode(Frame(Kind.PERIODS, bytes(320), 16_000, 0, time).encode())


def test_half_a_period_and_half_a_sample_are_bad() -> None:
    with pytest.raises(BadFrame, match="no whole periods of 10 ms at 16000 Hz"):
        decode(Frame(Kind.PERIODS, bytes(318), 16_000).encode())
    with pytest.raises(BadFrame, match="no whole periods of 10 ms at 22050 Hz"):
        decode(Frame(Kind.PERIODS, bytes(440), 22_050).encode())
    with pytest.raises(BadFrame, match="PCM of 319 bytes"):
        decode(Frame(Kind.SPEECH, bytes(319), 16_000).encode())


@given(JSON)
def test_any_json_is_a_message_or_a_bad_one(value: object) -> None:
    judged(json.dumps(value))


@given(st.text(max_size=300))
def test_any_text_is_a_message_or_a_bad_one(text: str) -> None:
    judged(text)


@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
def test_any_fields_of_a_known_type_are_a_message_or_a_bad_one(type: str, fields: dict[str, object]) -> None:
    judged(json.dumps({**fields, "type": type}))


def judged(text: str) -> None:
    said = ""
    try:
        parse(text)
    except BadFrame as refusal:
        said = str(refusal)
    assert len(said) <= 300


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "{}", '{"type": "nonsense"}', '{"type": 1}', '{"type": "ask"}',
        '{"type": "ask", "text": " "}',
        '{"type": "ask", "text": 1}', '{"type": "volume", "percent": 101}', '{"type": "volume", "percent": true}',
        '{"type": "volume", "percent": 1.5}', '{"type": "playing", "turn": -1, "frames": 0, "at": 0}',
        '{"type": "playing", "turn": 4294967296, "frames": 0, "at": 0}', '{"type": "playing", "turn": 1, "frames": 1}',
        '{"type": "ping", "at": NaN}', '{"type": "ping", "at": Infinity}', '{"type": "ping", "at": 1e999}',
        '{"type": "hello", "path": "telepathy"}', '{"type": "hello", "path": "native", "rate_hz": 12345}',
        '{"type": "mic", "on": "yes"}', "[" * 5000, '{"type": "ask", "text": "\\ud800"}', '{"a":' * 2000,
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_bad(text: str) -> None:
    with pytest.raises(BadFrame):
        parse(text)


def test_nothing_that_was_sent_is_repeated_to_whoever_reads_the_log() -> None:
    with pytest.raises(BadFrame) as refusal:
        parse('{"type": "volume", "percent": "my secret"}')
    assert "secret" not in str(refusal.value)


def test_too_long_a_message_is_bad_before_it_is_read() -> None:
    with pytest.raises(BadFrame, match=f"over {MAX_TEXT} letters"):
        parse("x" * (MAX_TEXT + 1))


def test_what_guests_say() -> None:
    assert parse('{"type": "hello", "path": "native"}') == Hello(type="hello", path="native")
    assert parse('{"type": "ask", "text": " why ", "more": 1}') == Ask(type="ask", text="why")
    assert parse('{"type": "volume", "percent": 0}') == Volume(type="volume", percent=0)
    assert parse('{"type": "set", "name": "volume", "value": null}') == ChangeDevice(
        type="set", name="volume", value=None
    )
    assert parse('{"type": "timer", "cancel": "7"}') == CancelTimer(type="timer", cancel="7")
    heard = Playing(type="playing", turn=2**24 + 1, frames=480, at=3.5)
    assert parse('{"type": "playing", "turn": 16777217, "frames": 480, "at": 3.5}') == heard


@given(st.dictionaries(st.sampled_from(["text", "turn", "data"]), JSON, max_size=3))
def test_what_the_agent_says_is_one_line_of_json(fields: dict[str, object]) -> None:
    text = message("reply", **fields)
    assert "\n" not in text
    assert json.loads(text)["type"] == "reply"


def test_the_page_stays_away_for_reasons_that_there_are() -> None:
    """It is written in another language, and no type would tell."""
    found = re.search(r"FINAL = new Set\(\[(.*?)\]\)", (PAGE / "redial.js").read_text())
    assert found
    assert set(re.findall(r'"(\w+)"', found[1])) == {"elsewhere", "bad_message", "recording"}
    assert {"elsewhere", "bad_message", "recording"} < set(get_args(Ending))
