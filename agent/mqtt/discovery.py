"""Home Assistant discovery: one retained message that makes the whole device, purely from facts.

    <prefix>/device/voice-agent-<device>/config     {device, origin, components: {key: {platform, unique_id, …}}}

Format: Home Assistant's documentation of the MQTT integration, "Device discovery payload". Rules:
- The message always tells the whole device. What such a device can have and this one has not stands there as an empty
  component, {"platform": …}, which removes it: that holds also when the configuration changed while the agent was off,
  so nobody has to remember what was announced before. Home Assistant takes no notice of one it never knew.
- Ids come from the name of the device and the key of the entity, and from nothing that changes: `unique_id` is how Home
  Assistant knows an entity again, `default_entity_id` what it first calls it ("sensor.voice_agent_kitchen_state").
- Availability is a list, all of which has to hold: the process is there (`status`, with its will) and, for what is of
  no use to a deaf agent, it hears (`hearing`). Both say "online" or "offline", as Home Assistant expects unasked.
- `qos` and `encoding` stand in each component: at the level of the device they pass the schema and are dropped.
- What availability and device have by default is said all the same: while Home Assistant (2026.2) loads its platforms
  on a slow machine, it sometimes leaves the defaults of these two out, and the entity with them ("KeyError:
  'payload_available'"; one checker is shared by all platforms, and each that is loaded compiles it anew).
- No command is retained. Commands are JSON, which the templates write with `tojson`, whatever a user types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from agent.identity import device_id
from agent.mqtt.entities.asked import buttons, words
from agent.mqtt.entities.entity import Entity, Facts
from agent.mqtt.entities.settings import settings
from agent.mqtt.entities.shown import binary_sensors, events, sensors, updates
from agent.mqtt.topics import HEARING, OFFLINE, ONLINE, STATUS, Message, Topics

PRODUCT = "voice-agent"


def topic(prefix: str, device: str) -> str:
    """Where the device is announced."""
    return f"{prefix}/device/{device_id(device)}/config"


def message(topics: Topics, prefix: str, facts: Facts) -> Message:
    """The announcement of this device."""
    body = json.dumps(payload(topics, facts), ensure_ascii=False, separators=(",", ":"))
    return Message(topic(prefix, topics.device), body.encode(errors="replace"), retain=True)


def payload(topics: Topics, facts: Facts) -> dict[str, Any]:
    entities = {
        **sensors(facts, topics.publish_transcript),
        **binary_sensors(facts),
        **{f"event_{key}": entity for key, entity in events(facts).items()},
        **settings(facts),
        **buttons(),
        **words(),
        **updates(),
    }
    return {
        "device": _device(topics, facts),
        "origin": {"name": PRODUCT, "sw_version": facts.version},
        "components": {key: _component(topics, key, entity) for key, entity in entities.items()},
    }


def _device(topics: Topics, facts: Facts) -> dict[str, Any]:
    device = {
        "identifiers": [device_id(topics.device)],
        "connections": [],
        "name": device_label(topics.device),
        "manufacturer": PRODUCT,
        "model": facts.model,
        "sw_version": facts.version,
        "suggested_area": facts.area,
    }
    return {key: value for key, value in device.items() if value != ""}


def device_label(device: str) -> str:
    """What people call the device: "living-room" is the "Voice agent living room"."""
    own = re.sub(r"^voice[-_]agent[-_]?", "", device, flags=re.IGNORECASE)
    return f"Voice agent {re.sub(r'[-_]+', ' ', own).strip()}".strip()


def _component(topics: Topics, key: str, entity: Entity) -> dict[str, Any]:
    if not entity.exists:
        return {"platform": entity.platform}
    unique = f"{device_id(topics.device)}-{key}"
    called = re.sub(r"[^a-z0-9]+", "_", f"{device_label(topics.device)} {key}".lower())
    return {
        "platform": entity.platform,
        "unique_id": unique,
        "default_entity_id": f"{entity.platform}.{called}",
        "~": topics.root,
        "availability": _availability(entity.hearing),
        "availability_mode": "all",
        "qos": 1,
        "encoding": "utf-8",
        **entity.fields,
    }


def _availability(hearing: bool) -> list[Mapping[str, str]]:
    words = {"payload_available": ONLINE, "payload_not_available": OFFLINE}
    return [{"topic": f"~/{name}", **words} for name in ((STATUS, HEARING) if hearing else (STATUS,))]
