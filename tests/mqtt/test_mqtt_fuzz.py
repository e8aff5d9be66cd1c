"""Nonsense in any amount (M8): whatever is sent to `cmd/#` is either a request or a refusal, and nothing breaks.

Through a real broker and a real session, its rate limits lifted, and through the parser alone.
`VOICE_AGENT_FUZZ_COMMANDS` sets how many commands (`make nightly`: a million, a hundred thousand with the broker).
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mqtt_rig import Broker, Observer, Rig, configure

from agent.mqtt import intake
from agent.mqtt.commands import MAX_BYTES, parse
from agent.mqtt.payloads import SCHEMAS
from agent.settings import SETTINGS

pytestmark = pytest.mark.room
COMMANDS = int(os.environ.get("VOICE_AGENT_FUZZ_COMMANDS", "10000"))
THROUGH_BROKER = min(COMMANDS, 100_000)
WAVE = 40  # commands at a time; as many results may wait in the outbox
KNOWN = [*SCHEMAS, *(f"setting/{name}" for name in SETTINGS)]

# A broker ends the connection of who publishes to a topic with control characters in it.
letters = st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"], exclude_characters="#+")
names = st.sampled_from(KNOWN) | st.text(letters, max_size=30) | st.sampled_from(["", "/", "setting/", "stop/", "STOP"])
numbers = st.integers() | st.floats() | st.sampled_from([1e308, -0.0, 2**64, 10**400])
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(["id", "text", "on", "percent", "value", "priority", "chime", "volume"])
commands = st.dictionaries(keys, values | st.text(max_size=80) | st.integers(-5, 105), max_size=5)
documents = (commands | values).map(lambda value: json.dumps(value).encode())
by_hand = st.sampled_from(
    [
        b'{"percent": NaN}', b'{"percent": 1e309}', b'{"percent": -Infinity}', b'{"on": true, "on": false}',
        b'{"id": "\\ud800"}', b'{"id": "\\u0000"}', b'{"text": "\\u0000"}', b"\xef\xbb\xbf{}", b"{}\x00", b"\xff" * 9,
        b"[" * 500, b'{"a":' * 200 + b"1" + b"}" * 200, b"9" * 4000, b'{"text": "' + b"a" * MAX_BYTES + b'"}',
        "{\"text\": \"über\"}".encode("latin-1"), b'"' * 100, b"\\" * 100, b'{"value": ' + b"9" * 1000 + b"}",
    ]
)  # fmt: skip


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A document with a piece cut out, doubled, or overwritten."""
    document = draw(documents)
    start, stop = sorted((draw(st.integers(0, len(document))), draw(st.integers(0, len(document)))))
    middle = draw(st.sampled_from([b"", document[start:stop] * 2]) | st.binary(max_size=6))
    return document[:start] + middle + document[stop:]


payloads = documents | broken() | by_hand | st.binary(max_size=64)
waves = st.lists(st.tuples(names, payloads), min_size=WAVE, max_size=WAVE)


@pytest.mark.timeout(300 + THROUGH_BROKER // 50)
def test_whatever_is_sent_is_a_request_or_a_refusal(
    broker: Broker,
    rigs: Callable[..., Rig],
    observers: Callable[..., Observer],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for limit in ("RATE_HZ", "BURST", "STOP_RATE_HZ", "STOP_BURST"):
        monkeypatch.setattr(intake, limit, 10**9)
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    rig.health("ok")
    caplog.set_level(logging.INFO)
    numbered, began = itertools.count(), time.monotonic()
    tried = itertools.count()

    @settings(
        max_examples=THROUGH_BROKER // WAVE, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(waves)
    def send(wave: list[tuple[str, bytes]]) -> None:
        last = f"the end of wave {next(numbered)}"
        before = rig.session.counts()["repeated"]
        for name, payload in wave:
            next(tried)
            observer.send(name, payload)
        observer.send("no such command", {"id": last})
        observer.wait("result", lambda seen: seen.json["id"] == last)
        refused = [seen.json for seen in observer.seen if seen.topic.endswith("/result")]
        done = len(rig.requests()) + rig.session.counts()["repeated"] - before
        assert len(refused) - 1 + done == len(wave), [seen["error"] for seen in refused]
        assert all(seen["error"]["code"] and seen["error"]["message"] for seen in refused)
        assert not any("\x00" in seen["error"]["message"] for seen in refused)
        rig.forget()
        observer.forget()

    send()
    assert next(tried) >= THROUGH_BROKER
    assert rig.session.alive()
    assert rig.session.counts()["in"] == rig.session.counts()["out"] == 0
    rejections = [record for record in caplog.records if "rejected" in record.getMessage()]
    assert 0 < len(rejections) <= time.monotonic() - began + 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.timeout(120 + COMMANDS // 500)
@settings(max_examples=COMMANDS // WAVE, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(waves)
def test_parsing_is_quick_and_raises_nothing(wave: list[tuple[str, bytes]]) -> None:
    for name, payload in wave:
        began = time.thread_time()
        parse(name, payload)
        assert time.thread_time() - began < 0.05
