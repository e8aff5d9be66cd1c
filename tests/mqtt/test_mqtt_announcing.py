"""The announcement with a real broker: before everything else, renewed, taken back, and gone with its device."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from mqtt_rig import Broker, Observer, Rig, configure, wait_until

from agent.mqtt.discovery import topic
from agent.mqtt.entities.entity import Facts

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
CONFIG = topic("homeassistant", "kitchen")
FACTS = Facts("0.1.0", options={"voice": ("en_US-joe-medium",)}, has_llm=True)


def announced(observer: Observer, holds: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
    """The first such announcement."""

    def found() -> dict[str, Any] | None:
        seen = [json.loads(each.payload) for each in list(observer.seen) if each.topic == CONFIG and each.payload]
        return next((each for each in seen if holds(each)), None)

    wait_until(lambda: found() is not None, "the announcement")
    one = found()
    assert one is not None
    return one


def retained(observers: Observers, port: int) -> dict[str, bytes]:
    """What somebody finds who comes now."""
    observer = observers(port)
    observer.flush()
    wait_until(lambda: any(each.topic == "elsewhere" for each in list(observer.seen)), "all that is retained")
    return {each.topic: each.payload for each in observer.seen if each.payload}


def test_the_announcement_comes_first_and_online_last(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    broker.kill()
    rig = rigs(configure(broker.port))
    rig.health("failed", "refused")
    rig.session.announce(FACTS)
    rig.show_all()
    rig.session.stats({"xruns": 0})
    rig.session.models({"installed": "current", "latest": "current", "outdated": [], "remedy": ""})
    broker.start()
    observer = observers(broker.port)
    observer.wait("status", lambda seen: seen.payload == b"online")
    last = {each.topic: at for at, each in enumerate(observer.seen)}
    order = sorted(last, key=lambda name: last[name])
    assert order[0] == CONFIG
    assert order[-1] == "voice-agent/kitchen/status"
    assert {"stats", "models", "hearing", "health", "state"} <= {name.rsplit("/", 1)[1] for name in order}


def test_another_announcement_replaces_the_first_and_the_same_is_no_news(
    broker: Broker, rigs: Rigs, observers: Observers
) -> None:
    observer = observers(broker.port)
    rig = rigs(configure(broker.port))
    rig.session.announce(FACTS)
    rig.health("ok")
    assert "unique_id" in announced(observer)["components"]["llm"]
    rig.session.announce(FACTS)
    rig.session.announce(Facts("0.1.0"))
    without = announced(observer, lambda each: each["components"]["llm"] == {"platform": "binary_sensor"})
    assert without["components"]["voice"] == {"platform": "select"}
    assert [each.topic for each in observer.seen].count(CONFIG) == 2
    assert json.loads(retained(observers, broker.port)[CONFIG]) == without


def test_a_device_that_gets_another_name_leaves_nothing(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    rig = rigs(configure(broker.port))
    rig.session.announce(FACTS)
    rig.show_all()
    rig.health("ok")
    wait_until(lambda: CONFIG in retained(observers, broker.port), "the announcement")
    rig.session.stop(forget=True)
    assert retained(observers, broker.port) == {}


def test_where_discovery_is_switched_off_an_old_announcement_is_taken_back(
    broker: Broker, rigs: Rigs, observers: Observers
) -> None:
    first = rigs(configure(broker.port))
    first.session.announce(FACTS)
    first.health("ok")
    first.session.stop()
    assert CONFIG in retained(observers, broker.port)
    observer = observers(broker.port)
    second = rigs(configure(broker.port, home_assistant={"discovery": False}))
    second.session.announce(FACTS)
    second.health("ok")
    wait_until(lambda: (CONFIG, b"") in [(each.topic, each.payload) for each in list(observer.seen)], "its end")
    assert CONFIG not in retained(observers, broker.port)
    assert [each.payload for each in observer.seen if each.topic == CONFIG][1:] == [b""]
