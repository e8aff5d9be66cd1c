"""The session with a real broker: what others see when it comes, goes and dies, and what reaches the agent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from mqtt_rig import PATIENCE_S, Broker, Observer, Rig, configure, free_port, make_rig, wait_until

from agent.commands import Answer, ShowEvent, ShowReply, ShowState, ShowTranscript
from agent.mqtt.keeper import client_id, machine_id
from agent.requests import AskRequest, ListenRequest, MuteRequest, SayRequest, StopRequest, VolumeRequest

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
RETAINED = ["state", "health", "hearing", "setting/volume"]


def online(rig: Rig, *observers: Observer) -> None:
    """Until it is, and all know it; what came before is forgotten."""
    rig.health("ok")
    rig.forget()
    for observer in observers:
        observer.wait("status", lambda seen: seen.payload == b"online")
        observer.forget()


def test_online_comes_last_and_everything_retained_before(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    rig.health("ok")
    rig.show_all()
    observer.wait("setting/volume")
    assert observer.topics()[0] == "status"
    observer.forget()
    broker.kill()
    rig.health("failed", "connection lost")
    broker.start()
    again = observers(broker.port)
    again.wait("status", lambda seen: seen.payload == b"online")
    assert sorted(set(again.topics())) == sorted([*RETAINED, "status"])
    assert again.topics()[-1] == "status"
    health = again.wait("health")
    assert health.retain
    assert health.json["asr"]["status"] == "loading"


def test_everything_shown_arrives_in_order(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    online(rig, observer)
    rig.session.show(ShowEvent("wake", 1, {"word": "hey_jarvis"}))
    rig.session.show(ShowTranscript(1, "what time is it", True))
    rig.session.show(ShowReply(1, "Noon.", "Noon."))
    rig.session.receipt(1, {"ttfa_ms": 900})
    rig.session.show(Answer("7", True))
    rig.session.show(ShowState("speaking", 1))
    observer.wait("state")
    assert observer.topics() == ["event/wake", "transcript", "reply", "turn", "result", "state"]
    assert observer.wait("turn").json["ttfa_ms"] == 900
    assert [seen.retain for seen in observer.seen] == [False] * 5 + [True]


def test_partials_get_through_while_all_is_well(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    online(rig, observer)
    rig.session.show(ShowTranscript(1, "what", False))
    assert observer.wait("transcript").json["text"] == "what"


# M1
def test_without_a_broker_nothing_waits_and_it_connects_when_there_is_one(
    broker: Broker, rigs: Rigs, observers: Observers
) -> None:
    broker.kill()
    rig = rigs(configure(broker.port))
    rig.health("failed", "refused")
    rig.show_all()
    for number in range(500):
        rig.session.show(ShowEvent("wake", number))
    assert rig.session.counts()["out"] == 450
    broker.start()
    observer = observers(broker.port)
    rig.health("ok")
    assert observer.wait("state").payload == b"idle"
    assert observer.wait("status").payload == b"online"


def test_ten_restarts_of_the_broker(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    rig = rigs(configure(broker.port))
    rig.show_all()
    for _ in range(10):
        online(rig)
        broker.kill()
        broker.start()
    online(rig)
    observer = observers(broker.port)
    observer.wait("status")
    assert set(observer.topics()) == {*RETAINED, "status"}


def test_stop_says_offline_itself(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    online(rig, observer)
    rig.session.show(ShowState("speaking", 1))
    rig.session.show(ShowState("idle", 1))
    rig.session.stop()
    assert not rig.session.alive()
    offline = observer.wait("status", lambda seen: seen.payload == b"offline")
    assert offline.retain
    assert observer.topics()[-2:] == ["state", "status"]
    assert observer.wait("state", lambda seen: seen.payload == b"idle")
    client = client_id("kitchen", machine_id())
    wait_until(lambda: f"Client {client} " in broker.log().split("Received DISCONNECT")[-1], "the broker to note it")
    assert f"Client {client} disconnected" in broker.log(), "without DISCONNECT the will comes too"
    rig.session.show(ShowState("idle", 2))


def test_stop_without_a_broker_ends_at_once(rigs: Rigs) -> None:
    rig = rigs(configure(free_port()))
    rig.health("failed")
    rig.session.stop()
    assert not rig.session.alive()


def test_stop_gives_up_on_a_broker_that_hangs(broker: Broker, rigs: Rigs) -> None:
    rig = rigs(configure(broker.port))
    online(rig)
    broker.freeze()
    rig.session.show(ShowState("idle", 1))
    rig.session.stop(deadline_s=PATIENCE_S)
    assert not rig.session.alive()


# M11
def test_whoever_shows_something_never_waits_for_a_broker_that_hangs(broker: Broker, rigs: Rigs) -> None:
    rig = rigs(configure(broker.port))
    online(rig)
    broker.freeze()
    began = time.monotonic()
    for number in range(10_000):
        rig.session.show(ShowEvent("wake", number))
        rig.session.show(ShowState("idle", number))
    assert time.monotonic() - began < 10.0, "0.03 ms each where nothing else runs"
    assert rig.session.counts()["out"] > 9_000


def test_a_session_that_was_never_started_can_be_stopped(broker: Broker) -> None:
    make_rig(configure(broker.port)).session.stop()


# ---------------------------------------------------------------- commands


def test_every_command_becomes_a_request(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    online(rig, observer)
    observer.send("listen")
    observer.send("stop", b"{}")
    observer.send("say", {"text": "hello"})
    observer.send("ask", {"text": "what time is it"})
    observer.send("mute", {"on": True})
    observer.send("volume", {"percent": 30, "id": "7"})
    assert rig.request(VolumeRequest).id == "7"
    assert rig.requests() == [
        ListenRequest(),
        StopRequest(),
        SayRequest("hello"),
        AskRequest("what time is it"),
        MuteRequest(True),
        VolumeRequest(30),
    ]


@pytest.mark.parametrize(
    ("name", "payload", "code", "sender"),
    [
        ("volume", b'{"percent": 300, "id": "7"}', "bad_payload", "7"),
        ("volume", b"loud", "bad_json", None),
        ("say", b"\xff\xfe", "bad_utf8", None),
        ("say", b'{"text": "' + b"a" * 5000 + b'"}', "too_large", None),
        ("dance", b'{"id": "8"}', "unknown_command", "8"),
        ("timer", b'{"id": "9"}', "bad_payload", "9"),
    ],
)
def test_nonsense_gets_an_answer_and_nothing_else(
    broker: Broker, rigs: Rigs, observers: Observers, name: str, payload: bytes, code: str, sender: str | None
) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    online(rig, observer)
    observer.send(name, payload)
    result = observer.wait("result").json
    assert (result["ok"], result["error"]["code"], result["id"]) == (False, code, sender)
    assert rig.events == []


# M9
def test_a_packet_of_a_megabyte_does_not_even_arrive(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    online(rig, observer)
    observer.send("say", b"a" * 1_000_000)
    observer.send("dance", b'{"id": "7"}')
    assert observer.wait("result").json["id"] == "7"
    assert rig.requests() == []


# M7
def test_retained_commands_are_ignored_live_and_old(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    observer.send("say", {"text": "at three in the morning"}, retain=True)
    observer.flush()
    rig = rigs(configure(broker.port))
    online(rig, observer)
    observer.send("say", {"text": "now and for ever"}, retain=True)
    observer.send("say", {"text": "now"})
    assert rig.request(SayRequest).request == SayRequest("now")
    assert rig.requests() == [SayRequest("now")]
    assert rig.session.counts()["retained"] == 2


# M10
def test_a_flood_is_dropped_and_stop_gets_through(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer, victim = observers(broker.port), observers(broker.port)
    rig = rigs(configure(broker.port))
    online(rig, observer)
    for number in range(3000):
        observer.send("listen", qos=0)
        if number == 1500:
            victim.send("stop")
    rig.request(StopRequest)
    observer.send("stop")
    rig.wait(lambda _: rig.requests().count(StopRequest()) == 2)
    assert len(rig.requests()) < 300
    report = observer.wait("event/error").json
    assert report["code"] == "mqtt.flood"
    assert report["dropped"] > 0
    observer.forget()
    rig.session.show(ShowState("idle", 5))
    observer.wait("state")


def test_the_health_never_names_a_payload(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    online(rig, observer)
    observer.send("say", json.dumps({"text": ["sesame"]}))
    assert b"sesame" not in observer.wait("result").payload
