"""A living agent does what its user has configured: by a typed sentence, and by a call of the language model.

The model is scripted; everything else is real. No microphone is needed: `cmd/ask` is a way in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from living import PARTS, WAIT_S, Life
from sick_llm import Caller

from agent.cli.toml import literal
from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room

LIGHT = {
    "name": "light",
    "sentences": ["turn {state:on|off} [the] {room} light[s]"],
    "slots": {"room": {"kitchen": "kitchen", "living room": "living_room"}},
    "topic": "home/{room}/light/set",
    "payload": {"state": "{state}"},
    "reply": "The {room} light is {state}.",
    "risk": "safe",
}


def choose(question: str) -> tuple[str, dict[str, Any]]:
    if "eggs" in question:
        return "set_timer", {"minutes": 6, "name": "eggs"}
    return "light", {"room": "living room", "state": "off"}


@pytest.fixture(scope="module")
def home(broker: Broker) -> Iterator[Watcher]:
    """What the lights of the house hear."""
    watcher = Watcher("127.0.0.1", broker.port, "home")
    watcher.start()
    yield watcher
    watcher.stop()


@pytest.fixture(scope="module")
def living(room: Room, broker: Broker) -> Iterator[Life]:
    with Caller(choose) as llm:
        settings: dict[str, Any] = {
            "mqtt.port": broker.port,
            "mqtt.device": "actions",
            "llm.use": ["test"],
            "llm.profiles.test.base_url": llm.base_url,
            "tools.actions": True,
            "tools.own.set_timer": "safe",
        }
        watcher = Watcher("127.0.0.1", broker.port, "voice-agent/actions")
        watcher.start()
        try:
            with Resident(settings, {**room.env, "VOICE_AGENT__ACTIONS": literal([LIGHT])}) as agent:
                agent.wait_online(watcher, WAIT_S)
                agent.wait_parts(watcher, (*PARTS, "llm"), 2 * WAIT_S)
                yield Life(room, watcher, agent)
        finally:
            watcher.stop()


@pytest.fixture
def life(living: Life) -> Life:
    living.rest()
    living.begin()
    return living


def told(home: Watcher, topic: str, since: int) -> Any:
    found = home.wait(lambda notice: notice.topic == topic, WAIT_S, since)
    assert found is not None
    return found.data


def test_a_sentence_goes_out_and_is_answered(life: Life, home: Watcher) -> None:
    since = home.mark()
    receipt = life.ask("a1", "Turn on the living room light, please.")
    assert (receipt["outcome"], receipt["heard"]) == ("answered", "The living room light is on.")
    assert told(home, "living_room/light/set", since) == {"state": "on"}
    intent = life.wait("event/intent")
    assert {key: intent[key] for key in ("name", "action", "room", "state")} == {
        "name": "action",
        "action": "light",
        "room": "living room",
        "state": "on",
    }


def test_the_language_model_does_what_it_may(life: Life, home: Watcher) -> None:
    since = home.mark()
    receipt = life.ask("a2", "it is far too bright in here")
    assert (receipt["outcome"], receipt["heard"]) == ("answered", "It is done.")
    assert told(home, "living_room/light/set", since) == {"state": "off"}
    used = life.wait("event/tool")
    assert (used["name"], used["server"], used["decision"]) == ("light", "own", "done")


def test_the_language_model_sets_a_timer_that_is_kept(life: Life) -> None:
    receipt = life.ask("a3", "I am boiling eggs as soft as they can be")
    assert (receipt["outcome"], receipt["heard"]) == ("answered", "It is done.")
    (timer,) = life.wait("timers", lambda data: data["timers"])["timers"]
    assert (timer["name"], timer["seconds"]) == ("eggs", 360)


def test_a_timer_is_set_by_a_sentence(life: Life) -> None:
    receipt = life.ask("a4", "set a pasta timer for ten minutes")
    assert receipt["outcome"] == "answered"
    assert "10 minutes" in receipt["heard"] or "ten minutes" in receipt["heard"]


def test_nothing_of_it_is_in_the_log(life: Life) -> None:
    log = life.agent.wait_log("tool light of own: done", WAIT_S)
    assert "living room" not in log
