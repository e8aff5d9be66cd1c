"""Fifth and sixth step: the language model and the broker, each tried out for real before it is believed."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator

from pydantic import ValidationError

from agent.config import Config, LlmProfile
from agent.config.answering import HOME_ASSISTANTS_OWN
from agent.config_file import ConfigError
from agent.credentials import CredentialError
from agent.doctor import broker, language
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.fitting import screen
from agent.fitting.asking import Asker
from agent.fitting.draft import Draft
from agent.identity import device_name, slug

PROFILE = "home"
KEY, PASSWORD, TOKEN = "llm-key", "mqtt-password", "home-assistant-token"
OLLAMA, HOME = "http://localhost:11434/v1", "http://homeassistant.local:8123"
KINDS = (
    ("none", "only the time, timers, volume and the like are answered"),
    ("server", "Ollama, llama.cpp, OpenAI …: any OpenAI-compatible address"),
    ("embedded", "a very small model on this device, offline; it is not clever"),
    ("home", "Home Assistant: what its assistants can do, with all your devices"),
)
ROWS = {"openai": 1, "embedded": 2, "home_assistant": 3}


def choose_language_model(draft: Draft, asker: Asker) -> None:
    """Raises Trouble."""
    while True:
        if not asker.person or _asked_language_model(draft, asker):
            if not draft.config.llm.use:
                asker.console.print(screen.good("language model: none"))
                return
            if _works(lambda: language.examine(_context(_only_first(draft))), draft, asker, "llm") != "change":
                return
        else:
            asker.console.print(screen.good("language model: none"))
            return


def _asked_language_model(draft: Draft, asker: Asker) -> bool:
    """Whether there is to be one."""
    llm = draft.config.llm
    name = llm.use[0] if llm.use else next(iter(llm.profiles), PROFILE)
    profile = llm.profiles.get(name)
    now = 0 if not llm.use or profile is None else ROWS[profile.kind]
    kind = KINDS[asker.choose("Which language model?", KINDS, now)][0]
    if kind == "none":
        draft.forget("llm")
        draft.forget_secret((profile.api_key if profile else None) or KEY)
        draft.set("llm.use", [])
        return False
    key = f"llm.profiles.{name}"
    if kind == "home":
        _asked_home(draft, asker, key, profile if profile and profile.kind == "home_assistant" else None)
    elif kind == "embedded":
        draft.set(f"{key}.agent", None)
        draft.set(f"{key}.kind", "embedded")
        # What a server called its own means nothing here.
        draft.set(f"{key}.model", profile.model if profile and profile.kind == "embedded" else None)
    else:
        _asked_server(draft, asker, key, profile if profile and profile.kind == "openai" else None)
    draft.set("llm.use", [name, *(other for other in llm.use if other != name)])
    return True


def _asked_server(draft: Draft, asker: Asker, key: str, profile: LlmProfile | None) -> None:
    """`profile`: as it is, where it is of this kind."""
    draft.set(f"{key}.agent", None)
    draft.set(f"{key}.base_url", asker.text("Address", (profile and profile.base_url) or OLLAMA, _address))
    draft.set(f"{key}.kind", "openai")
    _asked_key(draft, asker, key)
    model = asker.text("Model, as the server calls it", (profile and profile.model) or "")
    draft.set(f"{key}.model", model or None)


def _asked_home(draft: Draft, asker: Asker, key: str, profile: LlmProfile | None) -> None:
    """`profile`: as it is, where it is of this kind."""
    url = asker.text("Address of Home Assistant", (profile and profile.base_url) or HOME, _address)
    name = (profile and profile.api_key) or TOKEN
    stays = f"Enter keeps the one in credential {name}" if profile else "in Home Assistant: your name, Security"
    secret = asker.secret(f"Long-lived access token ({stays}; it is not shown)")
    if secret:
        draft.keep_secret(name, secret)
    agent = asker.text("Assistant, by its name (Enter: the preferred one)", (profile and profile.agent) or "")
    for foreign in HOME_ASSISTANTS_OWN:
        draft.set(f"{key}.{foreign}", LlmProfile.model_fields[foreign].default)
    values = {"kind": "home_assistant", "base_url": url, "api_key": name, "agent": agent or None}
    for field, value in values.items():
        draft.set(f"{key}.{field}", value)


def _asked_key(draft: Draft, asker: Asker, key: str) -> None:
    name = _named(draft, key, "api_key")
    stays = f"Enter keeps the one in credential {name}" if name else "Enter: none"
    if secret := asker.secret(f"Key ({stays}; it is not shown)"):
        draft.keep_secret(name or KEY, secret)
        draft.set(f"{key}.api_key", name or KEY)


def _named(draft: Draft, section: str, field: str) -> str | None:
    """The name of a credential in the configuration so far."""
    value: object = draft.config.model_dump(mode="json")
    for part in (*section.split("."), field):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _address(url: str) -> str:
    wrong = f'an address such as "{OLLAMA}" or "{HOME}", without user, password or query'
    try:
        LlmProfile(base_url=url)
    except ValidationError:
        return wrong
    return "" if re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", url) else wrong


def _only_first(draft: Draft) -> Config:
    return draft.trial({"llm.use": list(draft.config.llm.use[:1])})


def choose_broker(draft: Draft, asker: Asker) -> None:
    """Raises Trouble."""
    while True:
        wanted = draft.config.mqtt.enabled and not (draft.new and asker.person)
        if asker.person:
            draft.set("mqtt.enabled", asker.yes("Connect to an MQTT broker, such as Home Assistant's?", wanted))
        if not draft.config.mqtt.enabled:
            if asker.person:
                draft.forget_secret(draft.config.mqtt.password or PASSWORD)
                draft.forget("mqtt")
                draft.set("mqtt.enabled", False)
            asker.console.print(screen.good("broker: none"))
            return
        _asked_broker(draft, asker)
        if _works(lambda: broker.examine(_context(draft.config)), draft, asker, "mqtt") != "change":
            return


def _asked_broker(draft: Draft, asker: Asker) -> None:
    mqtt = draft.config.mqtt
    draft.set("mqtt.host", asker.text("Host name or address", mqtt.host, _host))
    draft.set("mqtt.port", int(asker.text("Port", str(mqtt.port), _port)))
    if asker.person:
        draft.set("mqtt.tls", asker.yes("Encrypted (TLS)?", mqtt.tls or draft.config.mqtt.port == 8883))
    user = asker.text('User ("-": nobody)' if mqtt.username else "User (Enter: nobody)", mqtt.username or "")
    draft.set("mqtt.username", user if user not in ("", "-") else None)
    if draft.config.mqtt.username is None:
        draft.forget_secret(mqtt.password or PASSWORD)
        draft.set("mqtt.password", None)  # a credential that is named has to be there
        return
    stays = f"Enter keeps the one in credential {mqtt.password}" if mqtt.password else "Enter: none"
    if secret := asker.secret(f"Password ({stays}; it is not shown)"):
        draft.keep_secret(mqtt.password or PASSWORD, secret)
        draft.set("mqtt.password", mqtt.password or PASSWORD)


def _host(text: str) -> str:
    return "" if re.fullmatch(r"[^\s:/@]{1,253}|[0-9A-Fa-f:]+", text) else "only a host name or an address"


def _port(text: str) -> str:
    return "" if text.isdecimal() and 1 <= int(text) <= 65_535 else "a number from 1 to 65535; usual are 1883 and 8883"


def name_device(draft: Draft, asker: Asker) -> None:
    device = device_name(draft.config.mqtt.device)
    chosen = asker.text("Name of this device", device, _device)
    if chosen != slug(socket.gethostname()) or draft.config.mqtt.device:
        draft.set("mqtt.device", chosen)


def _device(text: str) -> str:
    return "" if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) else "letters, digits, hyphens and underscores"


def _works(findings: Callable[[], Iterator[Finding]], draft: Draft, asker: Asker, part: str) -> str:
    """Try it out, again and again if wanted: "good", or what the person wants to do about it."""
    while True:
        try:
            with asker.console.status(" trying it out"):
                found = list(findings())
        except (ConfigError, CredentialError) as error:
            found = [Finding(part, "failure", part, str(error))]
        failed = next((each for each in found if each.severity == "failure"), None)
        for each in found:
            if each.severity != "failure":
                asker.console.print(screen.good(f"{each.title}: {each.detail}"))
        if failed is None:
            return "good"
        way = asker.way_on(failed.detail, failed.remedy)
        if way != "again":
            return way


def _context(config: Config) -> Context:
    return Context(config, False, lambda text: None)
