"""What is there and what is not, when one after the other goes and comes back. How long that takes is printed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping

from house import CONFIG, WAIT_S, House

HEARING = {"listen", "event_wake"}  # of no use to a deaf agent
KEPT = {"state", "health", "hearing", "models"}


def values(house: House) -> Mapping[str, str]:
    """Of what is kept by the broker: all that may not change by a restart."""
    house.become("state", "idle")
    found = {}
    for key in house.shown():
        topic = house.payload()["components"][key].get("state_topic", "").removeprefix("~/")
        if topic in KEPT or topic.startswith("setting/"):
            found[key] = house.api.state(house.entity(key)).state
    return found


def test_an_agent_that_is_killed_and_comes_back(house: House) -> None:
    before = values(house)
    keys = house.shown()
    killed_at = time.monotonic()
    os.kill(house.agent.pid, signal.SIGKILL)
    house.measured("the agent killed: all unavailable", house.lost(keys) - killed_at, 10.0)
    house.agent.stop()
    house.measured("the agent started anew: all there, and hearing", house.restart(), 60.0)
    assert values(house) == before


def test_an_agent_that_is_stopped_says_so(house: House) -> None:
    keys = house.shown()
    stopped_at = time.monotonic()
    house.agent.stop()
    house.measured("the agent stopped: all unavailable", house.lost(keys) - stopped_at, 15.0)
    house.restart()


def test_a_deaf_agent_is_there_all_the_same(house: House) -> None:
    keys = set(house.shown())
    house.room.unplug("mic")
    try:
        house.lost(HEARING)
        house.become("hearing", "on")
        house.api.wait(house.entity("hearing"), lambda change: change.attributes["mic"]["status"] == "failed", WAIT_S)
        for key in keys - HEARING:
            assert house.api.state(house.entity(key)).state != "unavailable", key
    finally:
        house.room.plug("mic")
    house.there(time.monotonic())
    house.become("hearing", "off")


def test_home_assistant_starts_anew(house: House) -> None:
    before, keys = values(house), house.shown()
    entities = [house.entity(key) for key in keys]
    mark = house.announced.mark()
    house.core.stop()
    house.seconds.append(("Home Assistant started anew: running", house.core.start()))
    running_at = time.monotonic()
    last = max(
        house.api.wait(each, lambda change: change.state not in ("gone", "unavailable"), 30.0).at for each in entities
    )
    house.measured("… then all entities there with their values", max(0.0, last - running_at), 15.0)
    for key, state in before.items():
        house.become(key, state, 15.0)
    born = house.announced.wait(lambda n: (n.topic, n.data) == ("status", "online"), 60.0, mark)
    assert born is not None
    again = house.announced.wait(lambda n: n.topic == CONFIG and n.at > born.at, 30.0, mark)
    assert again is not None, "the agent does not greet it"
    house.measured("… then announced again", again.at - born.at, 16.0)
    for key, state in before.items():
        house.become(key, state, 15.0)


def test_a_broker_that_forgot_everything(house: House) -> None:
    before, keys = values(house), house.shown()
    mark = house.api.mark()
    house.cut_broker()
    for key in keys:
        house.api.become(house.entity(key), "unavailable", 60.0, mark)
    started_at = time.monotonic()
    house.broker.start()
    house.measured("the broker started anew, without memory: all there", house.there(started_at), 60.0)
    for key, state in before.items():
        house.become(key, state, 15.0)
    house.seen()


def test_all_at_once_as_after_a_power_cut(house: House) -> None:
    before, keys = values(house), house.shown()
    entities = {key: house.entity(key) for key in keys}
    os.kill(house.agent.pid, signal.SIGKILL)
    house.cut_broker()
    house.core.stop()
    house.agent.stop()
    began = time.monotonic()
    house.broker.start()
    house.agent.start()
    house.core.start()
    for entity in entities.values():
        house.api.wait(entity, lambda change: change.state not in ("gone", "unavailable"), 60.0)
    house.measured("all three after a power cut: all there, and hearing", time.monotonic() - began, 120.0)
    house.seen()
    house.become("llm", "on", 120.0)  # which was not there when the agent began
    house.seconds.append(("… then the agent has found Home Assistant", time.monotonic() - began))
    for key, state in before.items():
        house.become(key, state, 15.0)
