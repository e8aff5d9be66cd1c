"""A living agent whose language model uses a real MCP server: the answer is spoken, and what needs a yes is asked for.

The model is scripted; everything else is real.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from living import PARTS, UNWANTED, VISITOR, WAIT_S, Life
from real_mcp import RealMcp
from sick_llm import Caller

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import say
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room

ON, UNLOCK = ("HassTurnOn", {"name": "lamp"}), ("HassUnlock", {"name": "front door"})


def choose(question: str) -> tuple[str, dict[str, Any]]:
    return UNLOCK if re.search("door|unlock", question) else ON


@pytest.fixture(scope="module")
def home() -> Iterator[RealMcp]:
    with RealMcp() as server:
        yield server


@pytest.fixture(scope="module")
def living(room: Room, broker: Broker, home: RealMcp) -> Iterator[Life]:
    with Caller(choose) as llm:
        settings: dict[str, Any] = {
            "mqtt.port": broker.port,
            "mqtt.device": "tools",
            "llm.use": ["test"],
            "llm.profiles.test.base_url": llm.base_url,
            "tools.mcp.home.url": home.url,
            "tools.mcp.home.connect_timeout_s": 20.0,
            "tools.mcp.home.call_timeout_s": 20.0,
            "tools.mcp.home.allow.HassTurnOn": "safe",
            "tools.mcp.home.allow.HassUnlock": "confirm",
        }
        watcher = Watcher("127.0.0.1", broker.port, "voice-agent/tools")
        watcher.start()
        try:
            with Resident(settings, room.env) as agent:
                agent.wait_online(watcher, WAIT_S)
                agent.wait_parts(watcher, (*PARTS, "llm"), 2 * WAIT_S)
                yield Life(room, watcher, agent)
        finally:
            watcher.stop()


@pytest.fixture
def life(living: Life, home: RealMcp) -> Life:
    living.rest()
    living.begin()
    home.calls.clear()
    return living


def test_a_typed_question_uses_a_tool_and_the_answer_is_spoken(life: Life, home: RealMcp) -> None:
    receipt = life.ask("t1", "turn on the lamp")
    assert (receipt["outcome"], receipt["heard"]) == ("answered", "It is done.")
    assert home.calls == [("HassTurnOn", {"name": "lamp", "area": None})]
    event = life.wait("event/tool")
    assert {key: event[key] for key in ("name", "server", "decision")} == {
        "name": "HassTurnOn",
        "server": "home",
        "decision": "done",
    }
    assert "lamp" not in str(event)
    # And all are well afterwards.
    health = [notice.data for notice in life.watcher.notices if notice.topic == "health"][-1]
    assert {part: health[part]["status"] for part in (*PARTS, "llm")} == dict.fromkeys((*PARTS, "llm"), "ok")


def test_a_typed_question_cannot_unlock_anything(life: Life, home: RealMcp) -> None:
    receipt = life.ask("t2", "unlock the front door")
    assert (receipt["outcome"], receipt["heard"]) == ("answered", "No.")
    assert life.wait("event/tool")["decision"] == "declined"
    assert home.calls == []


@pytest.mark.parametrize(("word", "decision"), [("yes please", "done"), ("no", "declined")])
def test_a_spoken_question_is_asked_back_and_answered_aloud(
    life: Life, home: RealMcp, word: str, decision: str
) -> None:
    life.room.play(say("hey jarvis", VISITOR).then(say("please unlock the front door", VISITOR), 0.45).samples)
    question = life.wait("reply", lambda data: "say yes or no" in data["text"])
    assert question["text"] == "Shall I do this: unlock: name front door? Please say yes or no."
    assert home.calls == []
    turn = question["turn"] + 1
    life.wait("state", lambda data: data == "listening" or (isinstance(data, dict) and data.get("turn") == turn))
    life.room.play(say(word, VISITOR).samples)
    assert life.wait("event/tool", timeout_s=2 * WAIT_S)["decision"] == decision
    receipt = life.wait("turn", lambda data: data["turn"] == turn)
    assert receipt["outcome"] == "answered"
    assert home.calls == ([UNLOCK] if decision == "done" else [])


def test_nothing_of_it_is_in_the_log(life: Life) -> None:
    log = life.agent.wait_log("tool HassTurnOn of home: done", WAIT_S)
    assert "front door" not in log
    assert not UNWANTED.search(log), UNWANTED.search(log)
