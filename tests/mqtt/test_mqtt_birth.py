"""Home Assistant has started (M13): everything is told again, `online` last, after a pause and once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_rig import ROOT, Broker, Observer, Rig, configure

from agent import clock
from agent.mqtt import birth
from agent.mqtt.birth import APART_S, LATEST_S, SOONEST_S, Birth
from agent.mqtt.happenings import Received

Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
STATUS = "homeassistant/status"


def born(mono: float, heard: Birth, payload: bytes = b"online", retain: bool = False) -> None:
    at = clock.now()
    heard.take(Received(STATUS, payload, retain), type(at)(mono, at.wall))


@given(st.floats(0, 1, exclude_max=True))
def test_the_pause_is_between_half_a_second_and_five(chance: float) -> None:
    heard = Birth("homeassistant", lambda: chance)
    born(100.0, heard)
    assert heard.due_at is not None
    assert SOONEST_S <= heard.due_at - 100.0 <= LATEST_S
    assert not heard.due(100.0 + SOONEST_S - 0.01)
    assert heard.due(100.0 + LATEST_S)
    assert not heard.due(100.0 + LATEST_S)


def test_births_during_the_pause_change_nothing_and_two_announcements_are_apart() -> None:
    heard = Birth("homeassistant", lambda: 0.0)
    born(100.0, heard)
    born(100.4, heard)
    assert heard.due(100.5)
    born(101.0, heard)
    assert not heard.due(100.5 + APART_S - 0.1)
    assert heard.due(100.5 + APART_S)


def test_what_is_no_birth_says_nothing() -> None:
    heard = Birth("homeassistant", lambda: 0.0)
    for payload in (b"offline", b"", b"online\x00", b"\xff"):
        born(100.0, heard, payload)
    assert heard.due_at is None
    assert Birth(None, lambda: 0.0).filters == ()


@pytest.mark.room
def test_everything_comes_again_online_last(
    broker: Broker, rigs: Rigs, observers: Observers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(birth, "APART_S", 0.0)
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    rig.health("ok")
    rig.show_all()
    observer.wait("setting/volume")
    observer.forget()
    told = time.monotonic()
    for _ in range(5):
        observer.publish(STATUS, b"online")
    observer.wait("status", lambda seen: seen.payload == b"online")
    assert SOONEST_S <= time.monotonic() - told <= LATEST_S + 1.0
    again = [seen for seen in observer.seen if seen.topic.startswith(ROOT)]
    assert {"state", "health", "setting/volume", "status"} <= {seen.topic.removeprefix(f"{ROOT}/") for seen in again}
    assert all(seen.retain for seen in again)
    assert again[-1].topic == f"{ROOT}/status"
    assert len([seen for seen in again if seen.topic == f"{ROOT}/state"]) == 1, "five births, one answer"


@pytest.mark.room
def test_another_prefix_and_none(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    for section in ({"prefix": "ha"}, {"discovery": False}):
        observer = observers(broker.port)
        rig = rigs(configure(broker.port, home_assistant=section))
        rig.health("ok")
        subscribed = broker.log().split("Received SUBSCRIBE")[-1]
        assert ("\tha/status (QoS 1)" in subscribed) == ("prefix" in section)
        assert STATUS not in subscribed
        rig.session.stop()
        observer.close()
