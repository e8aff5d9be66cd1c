"""The user's own actions at a real broker: done and told, refused and told, and never done later."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mqtt_rig import PATIENCE_S, Broker, Observer, Rig, Seen, configure

from agent.commands import Act
from agent.events import Acted
from agent.mqtt.deeds import MOST
from agent.mqtt.deeds import PATIENCE_S as TAKEN_S

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
ON = Act(7, "light", "home/kitchen/light", b'{"state":"on"}')


def acted(rig: Rig, turn: int = 7) -> Acted:
    event = rig.wait(lambda event: isinstance(event, Acted) and event.turn == turn)
    assert isinstance(event, Acted)
    return event


def arrived(observer: Observer, topic: str = ON.topic) -> list[Seen]:
    observer.flush()
    return [seen for seen in list(observer.seen) if seen.topic == topic]


@pytest.mark.parametrize(("protocol", "qos"), [("5", 1), ("5", 0), ("3.1.1", 1)])
def test_an_action_is_taken_and_told(broker: Broker, rigs: Rigs, observers: Observers, protocol: str, qos: int) -> None:
    observer, rig = observers(broker.port), rigs(configure(broker.port, mqtt={"protocol": protocol}))
    rig.health("ok")
    began = time.monotonic()
    rig.session.act(Act(7, "light", ON.topic, ON.payload, qos))
    assert acted(rig).ok
    assert time.monotonic() - began < 1.0
    assert [(seen.payload, seen.retain) for seen in arrived(observer)] == [(ON.payload, False)]


def test_a_retained_action_stays(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    rig = rigs(configure(broker.port))
    rig.health("ok")
    rig.session.act(Act(7, "light", ON.topic, ON.payload, 1, retain=True))
    assert acted(rig).ok
    later = observers(broker.port)
    assert [seen.retain for seen in arrived(later)] == [True]


def test_without_a_broker_it_is_told_and_never_sent(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    broker.stop()
    rig = rigs(configure(broker.port))
    rig.health("failed")
    began = time.monotonic()
    rig.session.act(ON)
    event = acted(rig)
    assert (event.ok, event.reason) == (False, "there is no connection to the broker")
    assert TAKEN_S - 0.1 <= time.monotonic() - began < 2.0
    broker.start()
    observer = observers(broker.port)
    rig.forget()
    rig.health("ok")
    observer.wait("status", lambda seen: seen.payload == b"online")
    assert arrived(observer) == []


def test_a_broker_that_comes_back_in_time_is_good_enough(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    """Wi-Fi that is away for a moment."""
    broker.stop()
    rig = rigs(configure(broker.port))
    rig.health("failed")
    broker.start()
    rig.session.act(ON)
    event = acted(rig)
    assert event.ok or "no connection" in event.reason


def test_many_at_once_are_bounded(broker: Broker, rigs: Rigs) -> None:
    broker.stop()
    rig = rigs(configure(broker.port))
    for turn in range(MOST + 3):
        rig.session.act(Act(turn, "light", ON.topic, ON.payload))
    assert [acted(rig, turn).reason for turn in range(MOST, MOST + 3)] == ["too many actions wait"] * 3
    assert all("no connection" in acted(rig, turn).reason for turn in range(MOST))


def test_the_order_stays(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer, rig = observers(broker.port), rigs(configure(broker.port))
    rig.health("ok")
    for turn in range(5):
        rig.session.act(Act(turn, "dim", ON.topic, str(turn).encode()))
    assert all(acted(rig, turn).ok for turn in range(5))
    assert [seen.payload for seen in arrived(observer)] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_broker_that_refuses_is_told(broker: Broker, rigs: Rigs, tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite voice-agent/#\ntopic read homeassistant/#\ntopic write homeassistant/#\n")
    broker.stop()
    broker.extra = f"allow_anonymous true\nacl_file {acl}"
    broker.start()
    rig = rigs(configure(broker.port))
    rig.health("ok")
    rig.session.act(ON)
    event = acted(rig)
    assert not event.ok
    assert event.reason


def test_a_payload_that_nobody_takes_is_refused_here(broker: Broker, rigs: Rigs) -> None:
    rig = rigs(configure(broker.port))
    rig.health("ok")
    rig.session.act(Act(7, "light", ON.topic, b"x" * 70_000))
    assert "bytes" in acted(rig).reason


def test_a_broker_that_takes_less_than_that(broker: Broker, rigs: Rigs) -> None:
    broker.stop()
    broker.extra = "allow_anonymous true\nmax_packet_size 4096"
    broker.start()
    rig = rigs(configure(broker.port))
    rig.health("ok")
    rig.session.act(Act(7, "light", ON.topic, b"x" * 5_000))
    assert "4096 bytes" in acted(rig).reason
    rig.session.act(Act(8, "light", ON.topic, b"x" * 50))
    assert acted(rig, 8).ok


def test_a_hanging_broker_is_left(broker: Broker, rigs: Rigs) -> None:
    """Nobody knows whether it was done, so nothing is told; and what is under way is not left to arrive some day."""
    rig = rigs(configure(broker.port))
    rig.health("ok")
    broker.freeze()
    began = time.monotonic()
    rig.session.act(ON)
    rig.health("failed", "does not answer")
    assert 2.0 < time.monotonic() - began < 5.0
    assert not any(isinstance(event, Acted) for event in rig.events)
    broker.kill()
    broker.start()
    rig.forget()
    rig.health("ok")
    rig.session.act(Act(8, "light", ON.topic, b"off"))
    assert acted(rig, 8).ok


def test_a_sleeping_client_is_not_told_an_hour_later(broker: Broker, rigs: Rigs) -> None:
    """A light that keeps its session at the broker, and was off: the expiry is part of the message."""
    from paho.mqtt.packettypes import PacketTypes

    from agent.mqtt.deeds import EXPIRY_S, Deed
    from agent.mqtt.wire import dialect

    properties: Any = dialect("5").properties(PacketTypes.PUBLISH, Deed(1, ON).message)
    assert properties.MessageExpiryInterval == EXPIRY_S
    kept: Any = dialect("5").properties(PacketTypes.PUBLISH, Deed(1, Act(1, "a", "b", b"", 1, True)).message)
    assert not hasattr(kept, "MessageExpiryInterval")


def test_an_action_of_a_session_that_ends_is_not_done(broker: Broker, rigs: Rigs) -> None:
    broker.stop()
    rig = rigs(configure(broker.port))
    rig.session.act(ON)
    rig.session.stop(PATIENCE_S)
    assert acted(rig).reason == "the agent ends"
