"""What Home Assistant takes for a device, written down from its documentation and its MQTT integration (2026.2).

The integration drops keys that it does not know without a word, so a misspelt one is an error here. `complaints`
returns what it would refuse, warn of, or misunderstand; each in one sentence. Abbreviated keys are not used by us and
are unknown.

Sources: home-assistant.io, integrations mqtt, sensor.mqtt … update.mqtt, "Discovery messages";
homeassistant/components/mqtt/{schemas,discovery,config,sensor,…}.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

COMMON = {
    "platform", "unique_id", "default_entity_id", "~", "availability", "availability_mode", "availability_topic",
    "availability_template", "payload_available", "payload_not_available", "qos", "encoding", "name", "icon",
    "entity_category", "entity_picture", "enabled_by_default", "json_attributes_topic", "json_attributes_template",
}  # fmt: skip
SHOWS = {"state_topic", "value_template"}
TAKES = {"command_topic", "command_template", "retain"}
SETS = SHOWS | TAKES | {"optimistic"}

KEYS: Mapping[str, set[str]] = {
    "sensor": SHOWS
    | {"device_class", "state_class", "unit_of_measurement", "options", "expire_after", "force_update"}
    | {"last_reset_value_template", "suggested_display_precision"},
    "binary_sensor": SHOWS | {"device_class", "payload_on", "payload_off", "expire_after", "force_update", "off_delay"},
    "event": SHOWS | {"device_class", "event_types"},
    "update": SHOWS
    | {"command_topic", "device_class", "display_precision", "latest_version_template", "latest_version_topic"}
    | {"payload_install", "release_summary", "release_url", "retain", "title"},
    "switch": SETS | {"device_class", "payload_on", "payload_off", "state_on", "state_off"},
    "number": SETS | {"device_class", "min", "max", "step", "mode", "unit_of_measurement", "payload_reset"},
    "select": SETS | {"options"},
    "text": SETS | {"min", "max", "mode", "pattern"},
    "button": TAKES | {"device_class", "payload_press"},
    "notify": TAKES,
}
REQUIRED: Mapping[str, set[str]] = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "event": {"state_topic", "event_types"},
    "update": {"state_topic"},
    "switch": {"command_topic"},
    "number": {"command_topic"},
    "select": {"command_topic", "options"},
    "text": {"command_topic"},
    "button": {"command_topic"},
    "notify": {"command_topic"},
}
CLASSES: Mapping[str, set[str]] = {  # those that a voice agent can use
    "sensor": {"enum", "duration", "timestamp", "data_size", "temperature", "sound_pressure", "signal_strength"},
    "binary_sensor": {"problem", "connectivity", "running", "sound", "update", "occupancy", "power"},
    "event": {"button", "doorbell", "motion"},
    "update": {"firmware"},
    "switch": {"outlet", "switch"},
    "number": {"duration", "temperature", "sound_pressure"},
    "button": {"identify", "restart", "update"},
}
UNITS: Mapping[str, set[str]] = {
    "duration": {"d", "h", "min", "s", "ms", "μs"},
    "temperature": {"°C", "°F", "K"},
    "sound_pressure": {"dB", "dBA"},
}
STATE_CLASSES = {"measurement", "measurement_angle", "total", "total_increasing"}
READ_ONLY = {"sensor", "binary_sensor"}  # never of the category "config"
DEVICE = {
    "identifiers", "connections", "manufacturer", "model", "model_id", "name", "hw_version", "serial_number",
    "sw_version", "via_device", "suggested_area", "configuration_url",
}  # fmt: skip
ROOT = {"device", "origin", "components", "availability", "availability_mode", "state_topic", "command_topic"}
TOPIC = re.compile(r"device/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config")


def complaints(prefix: str, topic: str, payload: Any) -> list[str]:
    """Of one device message."""
    return [*_addressed(prefix, topic), *_whole(payload)]


def _addressed(prefix: str, topic: str) -> Iterator[str]:
    if not topic.startswith(f"{prefix}/") or not TOPIC.fullmatch(topic.removeprefix(f"{prefix}/")):
        yield f"{topic} is no discovery topic"


def _whole(payload: Any) -> Iterator[str]:
    if not isinstance(payload, dict) or not {"device", "origin", "components"} <= payload.keys():
        yield "device, origin and components are required"
        return
    yield from (f"{key} has no meaning at the level of the device" for key in payload.keys() - ROOT)
    yield from _device(payload["device"])
    if not isinstance(payload["origin"].get("name"), str):
        yield "origin needs a name"
    yield from (f"origin.{key} is unknown" for key in payload["origin"].keys() - {"name", "sw_version", "support_url"})
    uniques: dict[str, str] = {}
    called: dict[str, str] = {}
    for key, component in payload["components"].items():
        for complaint in _component(component):
            yield f"{key}: {complaint}"
        for field, seen in (("unique_id", uniques), ("default_entity_id", called)):
            name = component.get(field)
            if name is not None and seen.setdefault(name, key) != key:
                yield f"{key}: {field} {name} is that of {seen[name]}"


def _device(device: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"device.{key} is unknown" for key in device.keys() - DEVICE)
    if not device.get("identifiers") and not device.get("connections"):
        yield "the device has no identifier"
    for key in {"identifiers", "connections"} - device.keys():
        yield f"device.{key} may be left out by a busy Home Assistant"
    for key, value in device.items():
        if key not in ("identifiers", "connections") and not (isinstance(value, str) and value):
            yield f"device.{key} is no text"


def _component(component: Mapping[str, Any]) -> Iterator[str]:
    platform = component.get("platform", "")
    if platform not in KEYS:
        yield f"platform {platform!r} is unknown here"
        return
    if component.keys() == {"platform"}:
        return  # to be removed
    yield from (f"{key} is dropped without a word" for key in component.keys() - COMMON - KEYS[platform])
    yield from (f"{key} is missing" for key in (REQUIRED[platform] | {"unique_id"}) - component.keys())
    yield from _common(platform, component)
    yield from _topics(component)
    special = {"sensor": _sensor, "number": _number, "select": _select, "text": _text, "event": _event}
    if platform in special:
        yield from special[platform](component)


def _common(platform: str, component: Mapping[str, Any]) -> Iterator[str]:
    yield from _looks(platform, component)
    if component.get("qos", 0) not in (0, 1, 2):
        yield "qos"
    if component.get("retain", False) is not False:
        yield "a retained command is obeyed again and again"
    if component.get("encoding", "utf-8") != "utf-8":
        yield "encoding"
    if component.get("enabled_by_default", True) not in (True, False):
        yield "enabled_by_default"
    called = component.get("default_entity_id", f"{platform}.x")
    if not re.fullmatch(rf"{platform}\.[a-z0-9]+(_[a-z0-9]+)*", called) or len(called) > 255:
        yield f"default_entity_id {called!r}"


def _looks(platform: str, component: Mapping[str, Any]) -> Iterator[str]:
    category = component.get("entity_category")
    if category not in (None, "config", "diagnostic"):
        yield f"entity_category {category!r}"
    if category == "config" and platform in READ_ONLY:
        yield "what only shows is never of the category config"
    kind = component.get("device_class")
    if kind is not None and kind not in CLASSES.get(platform, ()):
        yield f"device_class {kind!r}"
    if "name" in component and not isinstance(component["name"], str | None):
        yield "name is no text"
    if "name" not in component and kind is None:
        yield "without name and device_class it would be called after the platform"
    if not re.fullmatch(r"mdi:[a-z0-9]+(-[a-z0-9]+)*", component.get("icon", "mdi:x")):
        yield f"icon {component['icon']!r}"


def _topics(component: Mapping[str, Any]) -> Iterator[str]:
    base = component.get("~", "")
    listed = component.get("availability", [])
    if component.get("availability_mode") not in ("all", "any", "latest"):
        yield "availability_mode"
    if len({entry["topic"] for entry in listed}) != len(listed):
        yield "two availabilities of one topic are one"
    for entry in listed:
        unknown = entry.keys() - {"topic", "payload_available", "payload_not_available", "value_template"}
        yield from (f"availability.{key} is unknown" for key in unknown)
        missing = {"payload_available", "payload_not_available"} - entry.keys()
        yield from (f"availability.{key} may be left out by a busy Home Assistant" for key in missing)
    shown = [(key, component[key]) for key in component if key.endswith("topic")]
    for key, given in [*shown, *(("availability", entry["topic"]) for entry in listed)]:
        full = f"{base}{given[1:]}" if given.startswith("~") else given
        yield from (f"{key}: {fault}" for fault in _topic(full, may_filter=key != "command_topic"))


def _topic(topic: str, may_filter: bool) -> Iterator[str]:
    if not topic or "\0" in topic or len(topic.encode()) > 65_535:
        yield f"{topic!r} is no topic"
    if not may_filter and re.search(r"[+#]", topic):
        yield "a wildcard in a topic to publish to"


def _sensor(component: Mapping[str, Any]) -> Iterator[str]:
    options, kind, unit = (component.get(key) for key in ("options", "device_class", "unit_of_measurement"))
    state_class = component.get("state_class")
    if options is not None and (not options or kind != "enum" or state_class or unit):
        yield "options go with the device class enum, and with neither unit nor state class"
    if kind == "enum" and state_class:
        yield "an enum has no state class"
    if state_class is not None and state_class not in STATE_CLASSES:
        yield f"state_class {state_class!r}"
    if unit is not None and unit not in UNITS.get(str(kind), {unit}):
        yield f"unit {unit!r} of {kind}"
    if kind in UNITS and unit is None:
        yield f"{kind} needs a unit"
    if "last_reset_value_template" in component and state_class != "total":
        yield "last_reset_value_template needs the state class total"
    for key in ("expire_after", "suggested_display_precision"):
        if not isinstance(component.get(key, 0), int) or component.get(key, 0) < 0:
            yield key


def _number(component: Mapping[str, Any]) -> Iterator[str]:
    low, high, step = component.get("min", 1), component.get("max", 100), component.get("step", 1)
    if low > high or step < 1e-3:
        yield f"range {low} … {high}, step {step}"
    if component.get("mode", "auto") not in ("auto", "box", "slider"):
        yield f"mode {component['mode']!r}"


def _select(component: Mapping[str, Any]) -> Iterator[str]:
    options = component["options"]
    if not options or len(set(options)) != len(options):
        yield "options are empty or repeated"
    for option in options:
        if not isinstance(option, str) or not 0 < len(option) <= 255 or option != option.strip():
            yield f"option {option!r} cannot be a state"
        elif option.lower() == "none":
            yield "none is no option"


def _text(component: Mapping[str, Any]) -> Iterator[str]:
    if not 0 <= component.get("min", 0) <= component.get("max", 255) <= 255:
        yield "length"
    if component.get("mode", "text") not in ("text", "password"):
        yield "mode"
    re.compile(component.get("pattern", ""))


def _event(component: Mapping[str, Any]) -> Iterator[str]:
    types = component["event_types"]
    if not types or not all(isinstance(kind, str) for kind in types):
        yield "event_types"
    if component.get("device_class") == "doorbell" and "ring" not in types:
        yield "a doorbell rings"
