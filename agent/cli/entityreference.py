"""The table of entities in Home Assistant, out of the announcement itself; only what one is good for stands here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.cli.enacted import TOPICS
from agent.mqtt.discovery import payload
from agent.mqtt.entities.entity import Facts
from agent.settings import SETTINGS, Choice

ABOUT: Mapping[str, str] = {
    "state": "`idle`, `listening`, `thinking`, `speaking`",
    "last_transcript": "what was said, up to 255 characters; attribute `text`: all of it",
    "last_reply": "what was answered, up to 255 characters; attributes `text`: all of it, `heard`: what came through",
    "next_timer": "when the next timer or alarm is due; attributes `timers`: the next twenty, `count`: of all",
    "time_to_first_audio": "from your last word to the first of the answer; attributes: where the time went",
    "wakes_today": "how often a wake word was heard",
    "xruns": "gaps in the sound of the microphone",
    "hearing": "on: there is a problem, the agent does not hear you; attributes: which part, and why",
    "llm": "on: the language model can be reached",
    "in_conversation": "on while it listens, thinks or speaks",
    "event_wake": "a wake word was heard; attributes `word`, `score`, `persona`",
    "event_intent": "a local command was understood; attribute `name`",
    "event_error": "something did not work; attributes `code`, `message`",
    "event_examined": "the doctor has looked; attributes `failures`, `warnings`, `message`",
    "event_button": "the button was pressed; `event_type`: `listen`, `stop`, `mute`",
    "event_timer": "`event_type`: `set`, `added`, `cancelled`, `ringing`, `late`, `stopped`, `snoozed`, `missed`; "
    "attributes `timer` (its id), `kind`, `name`, `message`, `due`",
    "volume": "of voice and sounds",
    "mute": "on: the microphone is off",
    "do_not_disturb": "on: announcements are refused, but for those of the priority `high`",
    "night_volume": "at most so loud in quiet hours",
    "follow_up": "on: after an answer it listens on, without the wake word",
    "barge_in": "on: the wake word interrupts an answer",
    "wake_threshold": "higher: it wakes less often",
    "silence": "how long you may pause before it takes your sentence for finished",
    "wake_word": "which one of those that are installed",
    "voice": "which one of those that are installed",
    "llm_profile": "which language model is asked first",
    "persona": "who answers where no persona's own wake word was said",
    "language": "of those that have a recogniser and a voice",
    "listen": "as if the wake word had been said",
    "stop": "be silent, at once",
    "doctor": "examine the device; what it finds becomes the event above",
    "restart": "end, and be started again by systemd",
    "ask": "a question, as if it had been said",
    "say": "an announcement, by `notify.send_message`",
    "models": "whether the installed models are those of the catalogue; nothing is installed from here",
}
FACTS = Facts(
    version="",
    options={name: ("default",) for name, setting in SETTINGS.items() if isinstance(setting.kind, Choice)},
    has_llm=True,
    has_button=True,
)
MISSING: Mapping[str, str] = {  # why a device may have none
    "last_transcript": "`privacy.publish_transcript`",
    "last_reply": "`privacy.publish_transcript`",
    "llm": "`llm.use`",
    "event_button": "`panel.button`",
    "persona": "`[personas]`",
    "llm_profile": "`llm.profiles`",
}


def entities() -> str:
    """Every entity that a device called "kitchen" may have."""
    rows = ["| entity | what | only with |", "|---|---|---|"]
    for key, component in components().items():
        rows.append(
            f"| `{component['default_entity_id']}` | {ABOUT[key]}{_hidden(component)} | {MISSING.get(key, '')} |"
        )
    return "\n".join(rows)


def components() -> dict[str, Any]:
    found: dict[str, Any] = payload(TOPICS, FACTS)["components"]
    return found


def _hidden(component: Mapping[str, Any]) -> str:
    return "" if component.get("enabled_by_default", True) else " (off until you enable it)"
