"""MQTT 3.1.1: the same life, with what it cannot say left out or said otherwise."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from mqtt_rig import FAST, PATIENCE_S, ROOT, Broker, Observer, Rig, configure, wait_until
from session_child import SessionChild

from agent import clock
from agent.commands import ShowEvent, ShowState
from agent.config import Config
from agent.mqtt import keeper
from agent.mqtt.doubles import GONE_S, NAMESAKE, SignedApart
from agent.mqtt.happenings import TAKEN_OVER, Received
from agent.mqtt.topics import Message, Topics
from agent.requests import SayRequest

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]


def old(port: int, **mqtt: Any) -> Config:
    return configure(port, mqtt={"protocol": "3.1.1", **mqtt})


def test_come_and_go(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(old(broker.port))
    rig.health("ok")
    rig.show_all()
    rig.session.show(ShowEvent("wake", 1, {"word": "hey_jarvis"}))
    observer.wait("event/wake")
    broker.kill()
    rig.health("failed", "connection lost")
    broker.start()
    again = observers(broker.port)
    again.wait("status", lambda seen: seen.payload == b"online")
    assert {"instance", "state", "health", "setting/volume", "status"} <= set(again.topics())
    assert again.topics()[-1] == "status"
    rig.session.stop()
    assert again.wait("status", lambda seen: seen.payload == b"offline").retain


def test_a_killed_agent_is_offline_by_its_will(broker: Broker, observers: Observers) -> None:
    observer = observers(broker.port)
    with SessionChild(broker.port, "3.1.1") as child:
        child.wait_up(PATIENCE_S)
        observer.wait("status", lambda seen: seen.payload == b"online")
    assert observer.wait("status", lambda seen: seen.payload == b"offline").retain


def test_retained_commands_of_the_past_are_ignored(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    observer.send("say", {"text": "at three in the morning"}, retain=True)
    observer.flush()
    rig = rigs(old(broker.port))
    rig.health("ok")
    observer.send("say", {"text": "now"})
    assert rig.request(SayRequest).request == SayRequest("now")
    assert rig.session.counts()["retained"] == 1


def test_a_packet_of_a_megabyte_costs_the_connection(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(old(broker.port))
    rig.health("ok")
    rig.forget()
    observer.send("say", b"a" * 1_000_000, qos=0)
    rig.health("failed", "over 65536 bytes")
    rig.health("ok")
    assert rig.requests() == []


def test_a_broker_that_does_not_speak_mqtt_5_is_named_with_the_remedy(rigs: Rigs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            visitor = server.accept()[0]
            with visitor:
                visitor.recv(4096)
                visitor.sendall(b"\x20\x02\x00\x01")
                visitor.recv(4096)

        thread = threading.Thread(target=refuse)
        thread.start()
        rig = rigs(configure(server.getsockname()[1]))
        rig.health("failed", 'set mqtt.protocol = "3.1.1"')
        rig.session.stop()
        thread.join()


# ---------------------------------------------------------------- doubles (M6)

TOPICS = Topics("voice-agent", "kitchen", instance="us")
OURS, STRANGE = b"us", b"them"


def seen(name: str, payload: bytes, retain: bool = False) -> Received:
    return Received(f"{ROOT}/{name}", payload, retain)


def test_what_the_process_before_us_left_means_nothing() -> None:
    watch = SignedApart(TOPICS, first=True)
    for received in (seen("instance", STRANGE, True), seen("status", b"offline", True), seen("instance", OURS)):
        assert watch.take(received, clock.now()) == ()
    assert (watch.trouble, watch.evicting) == ("", False)


def test_another_signature_on_coming_back_is_a_double_until_it_is_long_silent() -> None:
    watch, at = SignedApart(TOPICS, first=False), clock.now()
    watch.take(seen("instance", STRANGE, True), at)
    assert (watch.trouble, watch.evicting) == (TAKEN_OVER.reason, True)
    assert not watch.forget(at.mono + GONE_S - 1)
    assert watch.forget(at.mono + GONE_S)
    assert (watch.trouble, watch.evicting) == ("", False)


@pytest.mark.parametrize("first", [True, False])
def test_a_signature_that_comes_alive_is_a_namesake_and_is_answered_once(first: bool) -> None:
    watch, at = SignedApart(TOPICS, first), clock.now()
    watch.take(seen("instance", STRANGE, True), at)
    watch.take(seen("instance", OURS), at)
    assert watch.take(seen("instance", STRANGE), at) == (Message(f"{ROOT}/instance", OURS, retain=True),)
    assert (watch.trouble, watch.evicting) == (NAMESAKE, False)
    assert watch.take(seen("instance", STRANGE), at) == ()
    assert watch.take(seen("status", b"offline"), at) == (TOPICS.status("online"),)
    assert watch.trouble == ""


def test_two_agents_with_one_id_do_not_chase_each_other(broker: Broker, rigs: Rigs) -> None:
    first = rigs(old(broker.port))
    first.health("ok")
    second = rigs(old(broker.port))
    second.health("ok")
    first.health("degraded", "another client")
    second.health("degraded", "another client")
    evictions = broker.log().count("already connected")
    since = time.monotonic()
    wait_until(lambda: broker.log().count("already connected") >= evictions + 3, "three more evictions")
    assert time.monotonic() - since > FAST.taken_over_s[0]


def test_a_namesake_on_another_machine_is_named(
    broker: Broker, rigs: Rigs, observers: Observers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rigs(old(broker.port))
    first.health("ok")
    monkeypatch.setattr(keeper, "machine_id", lambda: "another machine")
    second = rigs(old(broker.port))
    first.health("degraded", "our name")
    second.health("degraded", "our name")
    first.forget()
    second.session.stop()
    first.health("ok")
    observers(broker.port).wait("status", lambda seen: seen.payload == b"online")
    first.session.show(ShowState("idle", 3))
