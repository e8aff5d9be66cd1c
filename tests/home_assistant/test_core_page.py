"""What the page for owners gives to paste, pasted: docs/home-assistant.md in a real Home Assistant."""

from __future__ import annotations

import re
from collections.abc import Iterator

import owners_page
import pytest
from api import GONE, Change
from house import CALLED, WAIT_S, House

ENTITY = re.compile(rf"\b[a-z_]+\.{CALLED}_[a-z_]+")
DOORBELL = {
    "unique_id": "front-door",
    "default_entity_id": "event.front_door",
    "name": "Front door",
    "device_class": "doorbell",
    "event_types": ["ring"],
    "state_topic": "homeassistant/front-door",
}


def has_run(automation: Change) -> bool:
    return automation.attributes.get("last_triggered") is not None and automation.attributes["current"] == 0


@pytest.fixture(scope="module")
def pasted(house: House) -> Iterator[dict[str, str]]:
    """Alias -> the automation's entity; all as their user would save them. Gone afterwards."""
    house.announced.publish("event/front-door/config", DOORBELL)
    house.api.become("event.front_door", "unknown", WAIT_S)
    automations = owners_page.automations()
    ids = {alias: str(number) for number, alias in enumerate(automations, 1)}
    for alias, id in ids.items():
        house.core.save_automation(id, automations[alias])
    entities = {alias: f"automation.{re.sub('[^a-z]+', '_', alias.lower())}" for alias in ids}
    for entity in entities.values():
        house.api.wait(entity, lambda change: change.state != GONE, WAIT_S)
    yield entities
    for id in ids.values():
        house.core.save_automation(id, None)
    house.act("switch.turn_off", "do_not_disturb")
    house.become("do_not_disturb", "off")


def test_every_entity_that_the_page_names_is_there(house: House) -> None:
    named = set(ENTITY.findall(owners_page.text()))
    known = {house.entity(key) for key, each in house.payload()["components"].items() if "unique_id" in each}
    assert len(named) > 20
    assert named <= known


def test_all_automations_are_taken(house: House, pasted: dict[str, str]) -> None:
    assert len(pasted) >= 4
    for alias, entity in pasted.items():
        assert house.api.become(entity, "on", WAIT_S).attributes["friendly_name"] == alias


def test_dinner_is_ready(house: House, pasted: dict[str, str]) -> None:
    house.begin()
    house.api.act("input_button.press", "input_button.dinner")
    assert house.wait("cmd/say") == {"text": "Dinner is ready.", "chime": True}
    house.wait("state", lambda phase: phase == "speaking")
    house.become("state", "idle")


def test_nobody_is_disturbed_but_by_the_door(house: House, pasted: dict[str, str]) -> None:
    """Whoever sleeps is found asleep by an agent that was away; what is refused is written down; the doorbell rings."""
    house.agent.stop()
    house.become("do_not_disturb", "unavailable")
    house.restart()
    house.become("do_not_disturb", "on")
    assert not house.command("say", id="say-quiet", text="The washing machine is done.", priority="low")["ok"]
    house.api.wait(pasted["An announcement that nobody heard"], has_run, WAIT_S)
    (told,) = house.api.call("persistent_notification/get")
    assert told["title"] == "Not announced in the kitchen"
    house.begin()
    house.announced.publish("front-door", {"event_type": "ring"})
    assert house.wait("cmd/say")["priority"] == "high"
    house.wait("state", lambda phase: phase == "speaking")
    house.become("state", "idle")
