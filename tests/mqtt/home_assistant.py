"""What Home Assistant makes of a message, platform by platform: Jinja templates, and what becomes a state.

After homeassistant/components/mqtt/{models,sensor,binary_sensor,event,update,switch,number,select}.py: templates are
rendered in a sandbox, stripped, "None" is unknown; `value_json` is there where the payload is JSON. Whatever it would
write into its log as a warning or an error is an AssertionError here. The real thing is tried at night.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

UNKNOWN = "unknown"
MAX_STATE = 255
# Home Assistant renders what is not defined as "" and writes a warning; here it is an error.
JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined)


@dataclass
class State:
    """`this` of a template."""

    state: str = UNKNOWN
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Thing:
    """One entity. `events`: what it reported."""

    config: Mapping[str, Any]
    this: State = field(default_factory=State)
    events: list[dict[str, Any]] = field(default_factory=list)

    def receive(self, root: str, topic: str, payload: bytes) -> None:
        """A message; nothing where it is not for this entity."""
        if self._topic("state_topic", root) == topic:
            self._show(payload.decode())
        if self._topic("json_attributes_topic", root) == topic:
            template = self.config.get("json_attributes_template")
            told = json.loads(self._rendered(template, payload.decode()) if template else payload)
            assert isinstance(told, dict), "JSON result was not a dictionary"
            self.this.attributes = told

    def available(self, root: str, retained: Mapping[str, bytes]) -> bool:
        topics = [entry["topic"].replace("~", root, 1) for entry in self.config["availability"]]
        return all(retained.get(topic) == b"online" for topic in topics)

    def command(self, value: object) -> bytes:
        """What is published when somebody sets or presses it."""
        if "command_template" in self.config:
            return JINJA.from_string(self.config["command_template"]).render(value=value).encode()
        return str(value).encode()

    def _topic(self, key: str, root: str) -> str | None:
        given = self.config.get(key)
        return None if given is None else given.replace("~", root, 1)

    def _rendered(self, template: str | None, payload: str) -> str:
        if template is None:
            return payload
        names: dict[str, Any] = {"value": payload, "this": self.this}
        with contextlib.suppress(ValueError):
            names["value_json"] = json.loads(payload)
        return JINJA.from_string(template).render(names).strip()

    def _show(self, payload: str) -> None:
        text = self._rendered(self.config.get("value_template"), payload)
        platform = self.config["platform"]
        if platform == "event":
            told = json.loads(text)
            assert told.pop("event_type") in self.config["event_types"], f"Invalid event type in {text}"
            self.events.append(told)
        elif platform == "update":
            told = json.loads(text)
            assert told.keys() == {"installed_version", "latest_version", "release_summary"}, "Schema violation"
            assert all(isinstance(value, str) for value in told.values()), "Schema violation"
            self.this.state = "off" if told["installed_version"] == told["latest_version"] else "on"
        else:
            self.this.state = UNKNOWN if text == "None" else getattr(self, f"_{platform}")(text)

    def _sensor(self, text: str) -> str:
        if self.config.get("state_class") or self.config.get("unit_of_measurement"):
            float(text)
        if "options" in self.config:
            assert text in self.config["options"], f"Ignoring invalid option {text}"
        assert len(text) <= MAX_STATE, "the state exceeds the maximum length"
        return text

    def _binary_sensor(self, text: str) -> str:
        on, off = self.config.get("payload_on", "ON"), self.config.get("payload_off", "OFF")
        assert text in (on, off), f"No matching payload found for {text}"
        return "on" if text == on else "off"

    def _switch(self, text: str) -> str:
        assert text in (self.config["state_on"], self.config["state_off"])
        return "on" if text == self.config["state_on"] else "off"

    def _number(self, text: str) -> str:
        assert self.config["min"] <= float(text) <= self.config["max"], f"Invalid value {text}"
        return text

    def _select(self, text: str) -> str:
        if text.lower() == "none":
            return UNKNOWN
        assert text in self.config["options"], f"Invalid option {text}"
        return text
