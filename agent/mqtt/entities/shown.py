"""What the agent shows: sensors, events, and whether its models are those of the catalogue.

Rules, each there because Home Assistant complains or stores nonsense otherwise:
- A text that is a state has at most 255 characters; the whole stands in the attributes.
- "None" is how a template says that nothing is known. A value that may be missing has a default.
- A partial transcript changes nothing: its template repeats what is shown already.
- What is momentary is an event or a receipt and never retained, so after a restart of Home Assistant the last
  transcript is unknown until somebody speaks; figures come from `stats`, which is retained.
- Nothing expires: values are published when they change, and availability says whether they can be believed.
"""

from __future__ import annotations

from typing import Any, get_args

from agent.events import PanelAction, Phase
from agent.mqtt.entities.entity import MAX_NAME, Entity, Facts

DIAGNOSTIC = "diagnostic"
MAX_LISTED = 20  # timers in the attributes: Home Assistant records up to 16 KiB of them
TIMER_EVENTS = ["set", "added", "cancelled", "ringing", "late", "stopped", "snoozed", "missed"]

_FINAL_TEXT = (
    "{% if value_json.final %}{{ value_json.text[:%d] }}"
    "{% elif this.state in ('unknown', 'unavailable') %}None{% else %}{{ this.state }}{% endif %}"
).replace("%d", str(MAX_NAME))
_FINAL_WHOLE = (
    "{% set said = value_json if value_json.final else this.attributes %}"
    "{{ {'text': said.text | default(none), 'turn': said.turn | default(none), 'at': said.at | default(none)}"
    " | tojson }}"
)
_RECEIPT = (
    "{{ {'outcome': value_json.outcome | default(none), 'blame': value_json.blame | default(none),"
    " 'stages_ms': value_json.stages_ms | default({}), 'word': value_json.word | default(none),"
    " 'turn': value_json.turn | default(none), 'at': value_json.at | default(none)} | tojson }}"
)
_LLM = (
    "{% set status = (value_json.llm | default({})).status | default('') %}"
    "{{ 'ON' if status in ('ok', 'degraded') else 'OFF' if status == 'failed' else 'None' }}"
)
_HEARING_PARTS = "{{ dict(value_json | dictsort | selectattr(0, 'in', ('asr', 'mic', 'wake'))) | tojson }}"
_MODELS = (
    "{{ {'installed_version': value_json.installed, 'latest_version': value_json.latest,"
    " 'release_summary': value_json.remedy} | tojson }}"
)


_TIMERS = (
    "{{ {'timers': value_json.timers[:%d], 'count': value_json.timers | count, 'at': value_json.at} | tojson }}"
).replace("%d", str(MAX_LISTED))


def sensors(facts: Facts, publish_transcript: bool) -> dict[str, Entity]:
    """By key, as all functions here."""
    return {
        "state": Entity(
            "sensor",
            {
                "name": "State",
                "icon": "mdi:account-voice",
                "state_topic": "~/state",
                "device_class": "enum",
                "options": list(get_args(Phase)),
            },
        ),
        "last_transcript": Entity(
            "sensor",
            {
                "name": "Last transcript",
                "icon": "mdi:text-recognition",
                "state_topic": "~/transcript",
                "value_template": _FINAL_TEXT,
                "json_attributes_topic": "~/transcript",
                "json_attributes_template": _FINAL_WHOLE,
            },
            exists=publish_transcript,
        ),
        "last_reply": Entity(
            "sensor",
            {
                "name": "Last reply",
                "icon": "mdi:message-reply-text-outline",
                "state_topic": "~/reply",
                "value_template": f"{{{{ value_json.text[:{MAX_NAME}] }}}}",
                "json_attributes_topic": "~/reply",
            },
            exists=publish_transcript,
        ),
        "next_timer": Entity(
            "sensor",
            {
                "name": "Next timer",
                "icon": "mdi:timer-outline",
                "device_class": "timestamp",
                "state_topic": "~/timers",
                "value_template": "{{ value_json.next }}",
                "json_attributes_topic": "~/timers",
                "json_attributes_template": _TIMERS,
            },
        ),
        **_figures(),
    }


def _figures() -> dict[str, Entity]:
    return {
        "time_to_first_audio": Entity(
            "sensor",
            {
                "name": "Time to first audio",
                "icon": "mdi:timer-music-outline",
                "entity_category": DIAGNOSTIC,
                "device_class": "duration",
                "unit_of_measurement": "ms",
                "state_class": "measurement",
                "suggested_display_precision": 0,
                "state_topic": "~/stats",
                "value_template": "{{ value_json.ttfa_ms }}",
                "json_attributes_topic": "~/turn",
                "json_attributes_template": _RECEIPT,
            },
        ),
        "wakes_today": _count("Wakes today", "mdi:ear-hearing", "wakes_today"),
        "xruns": _count("Audio gaps", "mdi:waveform", "xruns", enabled_by_default=False),
    }


def _count(name: str, icon: str, key: str, **more: Any) -> Entity:
    fields = {
        "name": name,
        "icon": icon,
        "entity_category": DIAGNOSTIC,
        "state_class": "total_increasing",
        "state_topic": "~/stats",
        "value_template": f"{{{{ value_json.{key} }}}}",
        **more,
    }
    return Entity("sensor", fields)


def binary_sensors(facts: Facts) -> dict[str, Entity]:
    return {
        "hearing": Entity(
            "binary_sensor",
            {
                "name": "Hearing",
                "icon": "mdi:ear-hearing",
                "entity_category": DIAGNOSTIC,
                "device_class": "problem",
                "state_topic": "~/hearing",
                "payload_on": "offline",
                "payload_off": "online",
                "json_attributes_topic": "~/health",
                "json_attributes_template": _HEARING_PARTS,
            },
        ),
        "llm": Entity(
            "binary_sensor",
            {
                "name": "Language model",
                "icon": "mdi:head-cog-outline",
                "entity_category": DIAGNOSTIC,
                "device_class": "connectivity",
                "state_topic": "~/health",
                "value_template": _LLM,
                "json_attributes_topic": "~/health",
                "json_attributes_template": "{{ value_json.llm | default({}) | tojson }}",
            },
            exists=facts.has_llm,
        ),
        "in_conversation": Entity(
            "binary_sensor",
            {
                "name": "In conversation",
                "icon": "mdi:account-voice",
                "state_topic": "~/state",
                "value_template": "{{ 'OFF' if value == 'idle' else 'ON' }}",
            },
        ),
    }


def events(facts: Facts) -> dict[str, Entity]:
    actions = list(get_args(PanelAction))
    return {
        "wake": _event("Wake", "mdi:ear-hearing", "wake", hearing=True),
        "intent": _event("Intent", "mdi:comment-check-outline", "intent"),
        "error": _event("Error", "mdi:alert-circle-outline", "error", entity_category=DIAGNOSTIC),
        "examined": _event("Examination", "mdi:stethoscope", "examined", entity_category=DIAGNOSTIC),
        "button": Entity(
            "event",
            {
                "name": "Button",
                "icon": "mdi:gesture-tap-button",
                "device_class": "button",
                "event_types": actions,
                "state_topic": "~/event/button",
                "value_template": "{{ dict(value_json, event_type=value_json.action) | tojson }}",
            },
            exists=facts.has_button,
        ),
        "timer": Entity(
            "event",
            {
                "name": "Timer",
                "icon": "mdi:timer-alert-outline",
                "event_types": TIMER_EVENTS,
                "state_topic": "~/event/timer",
                "value_template": "{{ dict(value_json, event_type=value_json.action) | tojson }}",
            },
        ),
    }


def _event(name: str, icon: str, kind: str, hearing: bool = False, **more: Any) -> Entity:
    fields = {
        "name": name,
        "icon": icon,
        "event_types": [kind],
        "state_topic": f"~/event/{kind}",
        "value_template": f"{{{{ dict(value_json, event_type='{kind}') | tojson }}}}",
        **more,
    }
    return Entity("event", fields, hearing=hearing)


def updates() -> dict[str, Entity]:
    """Nothing to install from there: the service never downloads, and has no right to write models."""
    return {
        "models": Entity(
            "update",
            {
                "name": "Models",
                "icon": "mdi:package-variant-closed",
                "entity_category": DIAGNOSTIC,
                "title": "Models",
                "state_topic": "~/models",
                "value_template": _MODELS,
                "json_attributes_topic": "~/models",
            },
        ),
    }
