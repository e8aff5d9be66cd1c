"""What somebody can ask for: buttons, a text to ask, a message to say."""

from __future__ import annotations

from agent.mqtt.entities.entity import MAX_NAME, Entity

_TEXT = '{"text": {{ value | tojson }}}'


def buttons() -> dict[str, Entity]:
    """By key, as all functions here."""
    return {
        "listen": Entity(
            "button",
            {
                "name": "Listen",
                "icon": "mdi:microphone-message",
                "command_topic": "~/cmd/listen",
                "payload_press": "{}",
            },
            hearing=True,
        ),
        "stop": Entity(
            "button",
            {
                "name": "Stop",
                "icon": "mdi:stop-circle-outline",
                "command_topic": "~/cmd/stop",
                "payload_press": "{}",
            },
        ),
        "doctor": Entity(
            "button",
            {
                "name": "Doctor",
                "icon": "mdi:stethoscope",
                "entity_category": "diagnostic",
                "command_topic": "~/cmd/doctor",
                "payload_press": "{}",  # without an id: what it finds becomes an event, and not a result for nobody
            },
        ),
        # Without a name it is called as Home Assistant calls all restarts, in the language of the user.
        "restart": Entity(
            "button",
            {
                "device_class": "restart",
                "entity_category": "config",
                "command_topic": "~/cmd/restart",
                "payload_press": "{}",
            },
        ),
    }


def words() -> dict[str, Entity]:
    return {
        "ask": Entity(
            "text",
            {
                "name": "Ask",
                "icon": "mdi:comment-question-outline",
                "min": 1,
                "max": MAX_NAME,
                "pattern": r".*\S.*",
                "command_topic": "~/cmd/ask",
                "command_template": _TEXT,
            },
        ),
        "say": Entity(
            "notify",
            {
                "name": "Say",
                "icon": "mdi:bullhorn-outline",
                "command_topic": "~/cmd/say",
                "command_template": _TEXT,
            },
        ),
    }
