"""What is not there any more does not stay as a ghost: single entities, and the whole device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from api import GONE
from house import CONFIG, DEVICE, IDENTIFIER, SETTINGS, WAIT_S, House

from agent.lab.resident import to_toml
from agent.lab.watch import Watcher


def test_words_that_are_not_published_have_no_entities(house: House) -> None:
    words = [house.entity(key) for key in ("last_transcript", "last_reply")]
    (device,) = house.api.devices(IDENTIFIER)
    count = len(house.api.entities(device["id"]))
    house.reload(privacy__publish_transcript=False)
    for entity in words:
        house.api.become(entity, GONE, WAIT_S)
    left = {each["entity_id"] for each in house.api.entities(device["id"]).values()}
    assert len(left) == count - len(words)
    assert not left & set(words)
    house.reload(privacy__publish_transcript=True)
    house.there(0.0)
    assert [house.entity(key) for key in ("last_transcript", "last_reply")] == words


def test_personas_come_and_go(house: House) -> None:
    entity = house.entity("persona")
    house.reload(personas__butler__name=None)
    house.api.become(entity, GONE, WAIT_S)
    house.reload(personas__butler__name="Butler")
    house.api.become(entity, "default", WAIT_S)


def test_discovery_that_is_switched_off(house: House) -> None:
    entities = [house.entity(key) for key in house.shown()]
    house.reload(home_assistant__discovery=False)
    gone(house, entities)
    mark = house.announced.mark()
    house.reload(home_assistant__discovery=True)
    assert house.announced.wait(lambda notice: notice.topic == CONFIG and notice.data != "", WAIT_S, mark)
    house.there(0.0)


def test_purged(house: House, tmp_path: Path) -> None:
    entities = [house.entity(key) for key in house.shown()]
    file = tmp_path / "config.toml"
    file.write_text(to_toml({"version": 1, **SETTINGS, "mqtt.port": house.broker.port}))
    assert purge(file).returncode != 0, "a device that is online"
    assert house.api.devices(IDENTIFIER)
    house.agent.stop()
    began = time.monotonic()
    done = purge(file)
    assert done.returncode == 0, done.stderr
    assert f"voice-agent/{DEVICE}/status" in json.loads(done.stdout)["removed"]
    gone(house, entities)
    house.measured("purged: no device, no entity", time.monotonic() - began, 30.0)
    assert retained(house) == []
    house.restart()
    assert sorted(house.entity(key) for key in house.shown()) == sorted(entities)


def gone(house: House, entities: list[str]) -> None:
    for entity in entities:
        house.api.become(entity, GONE, WAIT_S)
    assert not house.api.devices(IDENTIFIER)
    registered = house.api.call("config/entity_registry/list")
    assert [each["unique_id"] for each in registered if each["unique_id"].startswith(IDENTIFIER)] == []


def purge(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agent.cli", "mqtt", "purge", "--config", str(file), "--json"]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=60, check=False)


def retained(house: House) -> list[str]:
    """What the broker tells somebody who comes anew, up to a message of our own."""
    watcher = Watcher(house.broker.host, house.broker.port, "voice-agent")
    watcher.start()
    try:
        watcher.publish("probe")
        assert watcher.wait(lambda notice: notice.topic == "probe", WAIT_S)
        return [notice.topic for notice in watcher.notices if notice.topic != "probe"]
    finally:
        watcher.stop()
