"""A living daemon as Home Assistant finds it: announced, with a value for everything, and anew when it changes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest
from living import PARTS, WAIT_S, Life, kill

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room
DEVICE = "announced"
CONFIG = f"voice-agent-{DEVICE}/config"
MOMENTARY = {"transcript", "reply", "event/wake", "event/intent", "event/error", "event/examined", "event/timer"}


class Found(Life):
    """`home`: what Home Assistant is told."""

    def __init__(self, room: Room, watcher: Watcher, agent: Resident, home: Watcher) -> None:
        super().__init__(room, watcher, agent)
        self.home = home

    def announced(self, mark: int = 0, **wanted: bool) -> Any:
        """The first announcement after the mark in which these entities exist, or do not."""

        def fits(data: Any) -> bool:
            return data != "" and all((len(data["components"][key]) > 1) == there for key, there in wanted.items())

        found = self.home.wait(lambda n: n.topic == CONFIG and fits(n.data), WAIT_S, mark)
        assert found is not None, self.agent.tail()
        return found.data

    def reload(self, **changes: Any) -> int:
        """Change the file, send SIGHUP, wait until that is done; the mark of before."""
        mark = self.home.mark()
        self.agent.configure({key.replace("__", "."): value for key, value in changes.items()})
        self.begin()
        kill(psutil.Process(self.agent.pid), signal.SIGHUP)
        assert self.wait("event/reload")["ok"]
        return mark


@pytest.fixture(scope="module")
def found(room: Room, broker: Broker) -> Iterator[Found]:
    with ExitStack() as stack:
        watchers = []
        for root in (f"voice-agent/{DEVICE}", "homeassistant/device"):
            watchers.append(Watcher("127.0.0.1", broker.port, root))
            stack.callback(watchers[-1].stop)
            watchers[-1].start()
        agent = stack.enter_context(Resident({"mqtt.port": broker.port, "mqtt.device": DEVICE}, room.env))
        agent.wait_parts(watchers[0], (*PARTS, "mqtt"), WAIT_S)
        yield Found(room, *watchers[:1], agent, watchers[1])
        agent.check()


def test_everything_that_is_announced_has_a_value(found: Found) -> None:
    components = found.announced()["components"]
    told = {notice.topic: notice.data for notice in found.watcher.notices}
    topics = {each["state_topic"].removeprefix("~/") for each in components.values() if "state_topic" in each}
    assert topics - MOMENTARY <= told.keys(), "an entity of which nothing is known"
    assert told["hearing"] == "online"
    assert told["stats"]["xruns"] >= 0
    assert told["stats"]["wakes_today"] == 0
    for name, component in components.items():
        setting = told.get(f"setting/{name}")
        if setting is not None and "options" in component:
            assert setting["value"] in component["options"]
        elif setting is not None and component["platform"] == "number":
            assert component["min"] <= setting["value"] <= component["max"]


def test_another_configuration_is_another_announcement(found: Found) -> None:
    assert found.announced(last_transcript=True)["components"]["llm"] == {"platform": "binary_sensor"}
    mark = found.reload(privacy__publish_transcript=False)
    assert found.announced(mark, last_transcript=False)["components"]["last_reply"] == {"platform": "sensor"}
    mark = found.reload(privacy__publish_transcript=True, room__area="Kitchen")
    assert found.announced(mark, last_transcript=True)["device"]["suggested_area"] == "Kitchen"
    found.wait("status", lambda data: data == "online")
    mark = found.reload(room__area="Bath")  # and the session stays
    assert found.announced(mark)["device"]["suggested_area"] == "Bath"
    assert ("status", "offline") not in found.heard()


def test_discovery_that_is_switched_off_takes_the_device_back(found: Found) -> None:
    mark = found.reload(home_assistant__discovery=False)
    assert found.home.wait(lambda n: (n.topic, n.data) == (CONFIG, ""), WAIT_S, mark) is not None
    mark = found.reload(home_assistant__discovery=True)
    found.announced(mark)
