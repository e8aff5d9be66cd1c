"""What somebody can set: every setting of `agent.settings` as a switch, a number or a select.

The value comes from `setting/NAME`, {"at", "value", "changed"}, and goes to `cmd/setting/NAME`, {"value"}. Where it is
not what the configuration says (`changed`), that stands in the attributes. A value outside of the range, which only a
file can bring about, is shown as unknown, since Home Assistant would take it for an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from agent.mqtt.entities.entity import Entity, Facts, offered
from agent.settings import SETTINGS, Choice, Number, Setting, Switch

CONFIG = "config"

# Name, icon, and what differs from the rest of its kind.
_LOOKS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "volume": ("Volume", "mdi:volume-high", {"mode": "slider", "entity_category": None}),
    "mute": ("Mute", "mdi:microphone-off", {"entity_category": None}),
    "do_not_disturb": ("Do not disturb", "mdi:minus-circle-outline", {"entity_category": None}),
    "night_volume": ("Night volume", "mdi:volume-low", {"mode": "slider"}),
    "follow_up": ("Follow-up", "mdi:comment-question-outline", {}),
    "barge_in": ("Barge-in", "mdi:account-cancel-outline", {}),
    "wake_threshold": ("Wake threshold", "mdi:tune-vertical", {"mode": "slider"}),
    "silence": ("Silence before the answer", "mdi:timer-pause-outline", {"enabled_by_default": False}),
    "wake_word": ("Wake word", "mdi:chat-alert-outline", {}),
    "voice": ("Voice", "mdi:account-music-outline", {}),
    "llm_profile": ("Language model profile", "mdi:head-cog-outline", {}),
    "persona": ("Persona", "mdi:card-account-details-outline", {"entity_category": None}),
    "language": ("Language", "mdi:translate", {}),
}


def settings(facts: Facts) -> dict[str, Entity]:
    """By the name of the setting."""
    return {name: _entity(name, setting, facts) for name, setting in SETTINGS.items()}


def _entity(name: str, setting: Setting, facts: Facts) -> Entity:
    label, icon, more = _LOOKS[name]
    topic = f"~/setting/{name}"
    fields = {
        "name": label,
        "icon": icon,
        "entity_category": CONFIG,
        "state_topic": topic,
        "command_topic": f"~/cmd/setting/{name}",
        "json_attributes_topic": topic,
        "json_attributes_template": "{{ {'changed': value_json.changed | default(none)} | tojson }}",
        **more,
    }
    fields = {key: value for key, value in fields.items() if value is not None}
    match setting.kind:
        case Switch():
            return Entity("switch", {**fields, **_SWITCH})
        case Number():
            return Entity("number", {**_number(setting.kind), **fields})
        case Choice():
            options = offered(facts.options.get(name, ()))
            select = {
                "options": options,
                "value_template": "{{ value_json.value }}",
                "command_template": '{"value": {{ value | tojson }}}',
            }
            return Entity("select", {**fields, **select}, exists=bool(options))
        case unknown:
            assert_never(unknown)


_SWITCH: Mapping[str, Any] = {
    "value_template": "{{ 'ON' if value_json.value is true else 'OFF' if value_json.value is false else 'None' }}",
    "state_on": "ON",
    "state_off": "OFF",
    "payload_on": '{"value": true}',
    "payload_off": '{"value": false}',
}


def _number(kind: Number) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "min": kind.low,
        "max": kind.high,
        "step": kind.step,
        "mode": "box",
        "value_template": (
            "{% set given = value_json.value %}"
            f"{{{{ given if given is number and {kind.low} <= given <= {kind.high} else none }}}}"
        ),
        "command_template": '{"value": {{ value }}}',
    }
    if kind.unit is not None:
        fields["unit_of_measurement"] = kind.unit
    return fields
