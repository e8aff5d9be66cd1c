"""Every component that we announce becomes an entity, and each as it was meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from api import Change
from house import CALLED, DEVICE, IDENTIFIER, LOST, WAIT_S, House, described

from agent.lab.timeline import Notice
from agent.mqtt.discovery import device_label

State = str | Callable[[str], bool]
NUMBER = {"step": 1, "unit_of_measurement": "%", "min": 0, "max": 100}


def one_of(*states: str) -> Callable[[str], bool]:
    return lambda state: state in states


def becomes(state: State) -> Callable[[Change], bool]:
    return lambda change: state(change.state) if callable(state) else change.state == state


def anything(state: str) -> bool:
    """Momentary: depends on what was done before. But it is available."""
    return state not in ("unavailable", "gone")


# What the configuration of `house` makes of each, and what Home Assistant says about it.
EXPECTED: dict[str, tuple[State, dict[str, Any]]] = {
    "state": ("idle", {"device_class": "enum", "options": ["idle", "listening", "thinking", "speaking"]}),
    "last_transcript": (anything, {"friendly_name": "Voice agent kitchen Last transcript"}),
    "last_reply": (anything, {"icon": "mdi:message-reply-text-outline"}),
    "next_timer": ("unknown", {"device_class": "timestamp", "timers": [], "count": 0}),
    "time_to_first_audio": (
        anything,
        {"device_class": "duration", "unit_of_measurement": "ms", "state_class": "measurement"},
    ),
    "wakes_today": (str.isdigit, {"state_class": "total_increasing"}),
    "xruns": (str.isdigit, {"state_class": "total_increasing"}),
    "hearing": ("off", {"device_class": "problem"}),
    "llm": ("on", {"device_class": "connectivity", "status": "ok"}),
    "in_conversation": ("off", {}),
    "event_wake": (anything, {"event_types": ["wake"]}),
    "event_intent": (anything, {"event_types": ["intent"]}),
    "event_error": (anything, {"event_types": ["error"]}),
    "event_examined": (anything, {"event_types": ["examined"]}),
    "event_timer": (anything, {"icon": "mdi:timer-alert-outline"}),
    "event_button": (anything, {"event_types": ["listen", "stop", "mute"], "device_class": "button"}),
    "volume": ("57", {**NUMBER, "mode": "slider", "changed": False}),
    "night_volume": ("21", {**NUMBER, "mode": "slider", "changed": False}),
    "wake_threshold": ("0.55", {"min": 0.05, "max": 0.99, "step": 0.01, "changed": False}),
    "silence": ("650", {"min": 100, "max": 5000, "step": 10, "unit_of_measurement": "ms", "mode": "box"}),
    "mute": ("off", {"changed": False}),
    "do_not_disturb": ("off", {"changed": False}),
    "follow_up": ("off", {"changed": False}),
    "barge_in": ("on", {"changed": False}),
    "wake_word": ("hey_jarvis", {"changed": False}),
    "voice": (anything, {"changed": False}),
    "llm_profile": ("house", {"options": ["house"]}),
    "persona": ("default", {"options": ["butler", "default"]}),
    "language": ("en", {}),
    "listen": (anything, {}),
    "stop": (anything, {}),
    "doctor": (anything, {}),
    "restart": (anything, {"device_class": "restart"}),
    "ask": (anything, {"min": 1, "max": 255, "mode": "text"}),
    "say": (anything, {}),
    "models": (one_of("off", "on"), {"title": "Models"}),
}
DISABLED = {"xruns", "silence"}  # until their user asks for them


@pytest.fixture(scope="module")
def device(house: House) -> dict[str, Any]:
    house.become("state", "idle")
    (device,) = house.api.devices(IDENTIFIER)
    return device


@pytest.fixture(scope="module")
def registered(house: House, device: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By key."""
    found = house.api.entities(device["id"])
    return {unique.removeprefix(f"{IDENTIFIER}-"): entity for unique, entity in found.items()}


def test_the_device_stands_in_its_area(house: House, device: dict[str, Any]) -> None:
    assert device["name"] == device_label(DEVICE) == "Voice agent kitchen"
    assert (device["manufacturer"], device["area_id"]) == ("voice-agent", "kitchen")
    assert device["sw_version"] == house.payload()["device"]["sw_version"]
    assert device["model"]
    areas = {area["area_id"]: area["name"] for area in house.api.call("config/area_registry/list")}
    assert areas["kitchen"] == "Kitchen"


def test_each_component_became_one_entity(house: House, registered: dict[str, dict[str, Any]]) -> None:
    components = {key: each for key, each in house.payload()["components"].items() if "unique_id" in each}
    assert components.keys() == registered.keys() == EXPECTED.keys()
    for key, entity in registered.items():
        component = components[key]
        assert entity["entity_id"] == component["default_entity_id"], key
        assert entity["entity_id"].startswith(f"{component['platform']}.{CALLED}_"), key
        assert entity["platform"] == "mqtt"
        assert entity["entity_category"] == component.get("entity_category"), key
        assert entity["original_name"] == component.get("name", "Restart"), key  # that one is named by its class
        assert (entity["disabled_by"] == "integration") == (key in DISABLED), key
        assert entity["has_entity_name"], key


def born(notice: Notice) -> bool:
    """Home Assistant says that it is there."""
    return (notice.topic, notice.data) == ("status", "online")


def test_each_entity_is_as_it_was_meant(house: House, registered: dict[str, dict[str, Any]]) -> None:
    assert house.announced.wait(born, WAIT_S), "its first one, which may come late"
    mark = house.announced.mark()
    for key in DISABLED:
        house.api.call("config/entity_registry/update", entity_id=registered[key]["entity_id"], disabled_by=None)
    # Home Assistant loads its MQTT anew for that, by itself, after half a minute, even where they are there before.
    assert house.announced.wait(born, WAIT_S, mark)
    for key in DISABLED:
        house.api.wait(house.entity(key), lambda change: change.state not in LOST, WAIT_S)
    for key, (state, attributes) in EXPECTED.items():
        change = house.api.wait(house.entity(key), becomes(state), 30.0)
        assert attributes.items() <= change.attributes.items(), f"{key}: {described(change)}"


def test_selects_offer_what_there_is(house: House) -> None:
    for key in ("wake_word", "voice", "llm_profile", "persona", "language"):
        chosen = house.api.state(house.entity(key))
        assert chosen.state in chosen.attributes["options"], described(chosen)
    assert {"hey_jarvis", "alexa"} <= set(house.api.state(house.entity("wake_word")).attributes["options"])


def test_what_is_heard_and_what_is_known_of_the_parts_stands_in_attributes(house: House) -> None:
    hearing = house.api.state(house.entity("hearing")).attributes
    assert {hearing[part]["status"] for part in ("mic", "wake", "asr")} <= {"ok", "degraded"}
    assert house.api.state(house.entity("models")).attributes["installed_version"]
