"""The agent with a panel, as its own process in a room: real sound, real broker, a mute switch on gpiozero's mock pins,
and a folder that stands for an LED of the kernel."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import say, voice
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room

WAIT_S = 30.0
RED_AT_REST = math.ceil(255 * 0.6**2)


class Led:
    """A folder as the kernel makes one for each LED."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "brightness").write_text("0")
        (folder / "max_brightness").write_text("255")

    def wait(self, wanted: Callable[[int], bool]) -> None:
        until = time.monotonic() + WAIT_S
        while not wanted(level := int((self.folder / "brightness").read_text() or -1)):
            assert time.monotonic() < until, f"the light stays at {level}"
            time.sleep(0.01)  # a file tells nobody that it was written


def test_the_switch_the_light_and_the_agent(room: Room, broker: Broker, tmp_path: Path) -> None:
    pytest.importorskip("gpiozero", reason="the extra gpio is not installed")
    led = Led(tmp_path / "led")
    watcher = Watcher("127.0.0.1", broker.port, "voice-agent/panel")
    settings: dict[str, Any] = {
        "mqtt.port": broker.port,
        "mqtt.device": "panel",
        "panel.lights": "sysfs",
        "panel.sysfs_led": str(led.folder),
        "panel.brightness_percent": 100,
        "panel.mute_switch.pin": 26,
        "panel.mute_switch.muted": "high",  # as an open switch, or a broken wire, is
    }

    def wait(topic: str, wanted: Callable[[Any], bool], after: int = 0) -> Any:
        found = watcher.wait(lambda n: n.topic == topic and wanted(n.data), WAIT_S, after, agent.check)
        assert found is not None, f"no {topic}\n{agent.tail()}"
        return found.data

    watcher.start()
    try:
        with Resident(settings, room.env | {"GPIOZERO_PIN_FACTORY": "mock"}) as agent:
            agent.wait_parts(watcher, ("mic", "wake", "asr", "tts"), WAIT_S)
            wait("setting/mute", lambda data: data["value"] is True)
            led.wait(lambda level: level == RED_AT_REST)

            watcher.publish("cmd/mute", {"on": False, "id": "open"})
            refused = wait("result", lambda data: data["id"] == "open")
            assert (refused["ok"], refused["error"]["code"]) == (False, "hardware_mute")
            room.play(say("hey jarvis", voice("flite slt")).samples)

            # Only who may write the configuration can take the switch away.
            mark = watcher.mark()
            agent.configure({"panel.mute_switch.pin": None, "panel.mute_switch.muted": None})
            os.kill(agent.pid, signal.SIGHUP)
            opened = wait("event/mute", lambda data: True, mark)
            assert (opened["on"], opened["source"]) == (False, "switch")
            wait("setting/mute", lambda data: data["value"] is False, mark)
            led.wait(lambda level: level == 0)
            assert not [notice for notice in watcher.notices if notice.topic == "event/wake"]

            room.play(say("hey jarvis", voice("flite slt")).samples)
            wait("event/wake", lambda data: True, mark)
            led.wait(lambda level: level == 255)
            agent.stop()
            led.wait(lambda level: level == 0)
    finally:
        watcher.stop()
