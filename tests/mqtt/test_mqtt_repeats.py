"""Commands that come twice under one id: done once, answered twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_rig import Broker, Observer, Rig, configure

from agent.commands import Answer
from agent.mqtt.repeats import KEEP_S, MAX_BYTES, MAX_IDS, Repeats
from agent.mqtt.topics import Message
from agent.requests import ListenRequest, SayRequest, StopRequest, VolumeRequest

Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
SAY = SayRequest("hello")


def result(payload: bytes = b"done") -> Message:
    return Message("voice-agent/kitchen/result", payload)


def test_the_same_again_is_a_repetition_until_it_is_forgotten() -> None:
    repeats = Repeats()
    assert repeats.new("7", SAY, 0.0)
    assert not repeats.new("7", SAY, 1.0)
    assert repeats.result("7") is None
    repeats.answered("7", result())
    assert not repeats.new("7", SAY, 2.0)
    assert repeats.result("7") == result()
    assert repeats.new("7", SAY, KEEP_S + 1.0)
    assert repeats.result("7") is None
    assert repeats.repeated == 2


def test_another_request_under_a_constant_id_is_new() -> None:
    repeats = Repeats()
    assert repeats.new("automation", SAY, 0.0)
    repeats.answered("automation", result())
    assert repeats.new("automation", SayRequest("good night"), 1.0)
    assert repeats.result("automation") is None
    assert repeats.new("automation", SAY, 2.0)


def test_stop_and_what_has_no_id_is_always_done() -> None:
    repeats = Repeats()
    assert all(repeats.new("7", StopRequest(), 0.0) for _ in range(3))
    assert all(repeats.new(None, SAY, 0.0) for _ in range(3))
    assert len(repeats) == 0


def test_an_answer_to_what_nobody_remembers() -> None:
    repeats = Repeats()
    repeats.answered("nobody", result())
    assert repeats.result("nobody") is None


ids = st.text("abc", max_size=4)
steps = st.lists(st.tuples(ids, st.integers(0, 3), st.integers(0, 60_000), st.floats(0, 50)), max_size=100)


@given(steps)
def test_bounded_whatever_comes(script: list[tuple[str, int, int, float]]) -> None:
    repeats, now = Repeats(), 0.0
    for id, percent, size, pause in script:
        now += pause
        repeats.new(id, VolumeRequest(percent), now)
        if size % 3:
            repeats.answered(id, result(b"x" * size))
        kept = [known for known in map(repeats.result, {id for id, *_ in script}) if known is not None]
        assert sum(len(known.payload) for known in kept) <= MAX_BYTES


def test_at_most_so_many_ids_are_kept() -> None:
    repeats = Repeats()
    for number in range(2 * MAX_IDS):
        assert repeats.new(str(number), ListenRequest(), 0.0)
        repeats.answered(str(number), result(b"x" * 2000))
    assert len(repeats) <= MAX_IDS
    assert sum(repeats.result(str(number)) is not None for number in range(2 * MAX_IDS)) == MAX_BYTES // 2000


@pytest.mark.room
def test_with_a_broker_done_once_and_answered_twice(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    rig.health("ok")
    observer.send("say", {"text": "hello", "id": "7"})
    observer.send("say", {"id": "7", "text": "hello"})
    observer.send("volume", {"percent": 30, "id": "8"})
    rig.request(VolumeRequest)
    assert rig.requests() == [SayRequest("hello"), VolumeRequest(30)]
    rig.session.show(Answer("7", True, data={"heard": "hello"}))
    first = observer.wait("result", lambda seen: seen.json["id"] == "7")
    observer.forget()
    observer.send("say", {"text": "hello", "id": "7"})
    assert observer.wait("result") == first
    assert rig.requests() == [SayRequest("hello"), VolumeRequest(30)]
    assert rig.session.counts()["repeated"] == 2
    observer.send("say", {"text": "again", "id": "7"})
    rig.wait(lambda _: SayRequest("again") in rig.requests())


@pytest.mark.room
def test_a_refused_command_may_be_sent_again_corrected(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    rig.health("ok")
    observer.send("volume", {"percent": 300, "id": "7"})
    assert not observer.wait("result").json["ok"]
    observer.send("volume", {"percent": 30, "id": "7"})
    assert rig.request(VolumeRequest).id == "7"
