"""Timers on a daemon that lives: they ring aloud, are stopped, and outlive its death."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from living import LOUD, PARTS, VISITOR, WAIT_S, Life, loudest, unwanted

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import say
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room

DEVICE = "timers"


@contextmanager
def living(room: Room, broker: Broker, state: Path) -> Iterator[Life]:
    """A daemon that hears and speaks; what the broker still retains of an earlier one is the past."""
    with ExitStack() as stack:
        watcher = Watcher("127.0.0.1", broker.port, f"voice-agent/{DEVICE}")
        stack.callback(watcher.stop)
        watcher.start()
        settings: dict[str, Any] = {"mqtt.port": broker.port, "mqtt.device": DEVICE}
        before = watcher.mark()
        agent = stack.enter_context(Resident(settings, room.env, state))
        life = Life(room, watcher, agent)
        life.mark = before
        agent.wait_online(watcher, WAIT_S, before)
        agent.wait_parts(watcher, (*PARTS, "mqtt"), WAIT_S, before)
        yield life
        assert unwanted(agent.log) == []


def set_timer(life: Life, seconds: int, name: str) -> None:
    """Returns when it is kept."""
    life.begin()
    life.watcher.publish("cmd/timer", {"id": name, "action": "set", "seconds": seconds, "name": name})
    assert life.wait("result", lambda data: data["id"] == name)["ok"]


def rung(life: Life, *actions: str) -> dict[str, Any]:
    data: dict[str, Any] = life.wait("event/timer", lambda data: data["action"] in actions)
    return data


def test_it_rings_aloud_until_the_wake_word(room: Room, broker: Broker, tmp_path: Path) -> None:
    with living(room, broker, tmp_path) as life:
        set_timer(life, 2, "tea")
        assert [each["name"] for each in life.wait("timers")["timers"]] == ["tea"]
        assert rung(life, "ringing")["name"] == "tea"
        began = time.monotonic()
        life.wait("reply", lambda data: data["text"] == "Your tea timer is done.")
        assert loudest(room, began) > LOUD
        life.begin()
        room.play(say("hey jarvis", VISITOR).samples)
        assert rung(life, "stopped")["by"] == "wake"
        assert life.wait("timers", lambda data: not data["timers"])["next"] is None
        life.rest()


def test_it_outlives_the_death_of_the_process(room: Room, broker: Broker, tmp_path: Path) -> None:
    """Killed the moment it has said that the timer is set."""
    with living(room, broker, tmp_path) as life:
        set_timer(life, 4, "egg")
        os.kill(life.agent.pid, signal.SIGKILL)
        life.agent.wait_ended(WAIT_S)
    with living(room, broker, tmp_path) as life:
        assert rung(life, "ringing", "late")["name"] == "egg"
        life.begin()
        life.rest()
        assert rung(life, "stopped")["by"] == "command"


def test_a_disk_that_takes_nothing_is_spoken_of(room: Room, broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "timers.sqlite").mkdir()
    with living(room, broker, tmp_path) as life:
        life.begin()
        life.command("ask", id="ask", text="set a timer for five minutes")
        result = life.wait("result", lambda data: data["id"] == "ask")
        assert not result["ok"]
        assert "couldn't store" in result["data"]["reply"]
        assert life.wait("event/error")["code"] == "timers_not_kept"
        assert life.wait("health", lambda data: data.get("disk", {}).get("status") == "failed")
