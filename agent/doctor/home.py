"""What else there is to say of a profile of kind "home_assistant": does it know this device, and where it stands?"""

from __future__ import annotations

from agent.config import Config
from agent.doctor.finding import Finding
from agent.identity import device_id, device_name
from agent.thinking.answerer import Answerer
from agent.thinking.home import Home
from agent.thinking.home_facts import Facts, choose

REMEDIES = {
    "unreachable": "does Home Assistant run, and is base_url right? open {base_url} in a browser",
    "auth": "put a long-lived access token into the credential of api_key; Home Assistant makes one under your name",
    "timeout": "Home Assistant's log tells what keeps it; try the same assistant in its own app",
    "bad_reply": "base_url is what a browser shows, up to the port: http://homeassistant.local:8123",
    "cut_off": "Home Assistant's log tells why it broke off",
    "server_error": "Home Assistant's log tells why; try the same assistant in its own app",
}
HERE = 'so that "the light here" means nothing to it'


def remarks(name: str, asked: Answerer, config: Config) -> list[Finding]:
    """After it was asked. Nothing of another kind of profile."""
    if not isinstance(asked, Home):
        return []
    return [_device(name, asked.facts, config), *_language(name, asked.facts, config)]


def _device(name: str, facts: Facts, config: Config) -> Finding:
    title = f"{name}: this device"
    figures: dict[str, object] = {"device": bool(facts.device), "area": facts.device.area if facts.device else None}
    identifier = device_id(device_name(config.mqtt.device))
    if facts.assistants is None:
        remedy = "add `default_config:` or `assist_pipeline:` to its configuration.yaml"
        return Finding("language", "warning", title, f"it has no Assist, {HERE}", remedy, figures)
    if not (config.mqtt.enabled and config.home_assistant.discovery):
        remedy = "set mqtt.enabled and home_assistant.discovery"
        return Finding("language", "info", title, f"not announced over MQTT, {HERE}", remedy, figures)
    if facts.device is None:
        remedy = "is its MQTT integration set up, with our broker? `voice-agent doctor --only broker` looks at ours"
        return Finding("language", "warning", title, f"it knows no {identifier}, {HERE}", remedy, figures)
    if facts.device.area is None:
        remedy = f"in Home Assistant, under Settings, Devices, give {identifier} an area"
        return Finding("language", "warning", title, f"it is in no area, {HERE}", remedy, figures)
    return Finding("language", "ok", title, f"known, in the area {facts.device.area}", "", figures)


def _language(name: str, facts: Facts, config: Config) -> list[Finding]:
    profile, language = config.llm.profiles[name], config.persona.language
    if profile.agent or not facts.assistants or choose(facts.assistants, None, language):
        return []
    detail = f'none of its assistants speaks "{language}"; the preferred one is asked'
    remedy = "in Home Assistant, under Settings, Voice assistants, add one of that language"
    return [Finding("language", "warning", f"{name}: language", detail, remedy)]
