"""The typed configuration: TOML file < environment < command line, frozen, with units in the names.

The file is `/etc/voice-agent/config.toml`, else `$XDG_CONFIG_HOME/voice-agent/config.toml`; environment variables are
`VOICE_AGENT__SECTION__KEY` (`agent.config_file` reads both). Secrets never stand here: `api_key` and `password` name a
credential (`agent.credentials`). The descriptions of the fields are the source of the example file and of the README's
table.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from agent.config.actions import ActionSection
from agent.config.answering import Conversation, Intents, Llm, LlmProfile, Tts
from agent.config.hearing import AsrSection, EndpointSection, WakeSection, WakeWord
from agent.config.house import Log, MqttSection, Privacy
from agent.config.panel import Panel
from agent.config.personas import OtherPersona, Persona
from agent.config.room import HomeAssistant, Room
from agent.config.sound import Audio, Mic, Speaker
from agent.config.tools import McpServer, Tools
from agent.config.values import Section
from agent.config.web import Web
from agent.config.wyoming import WyomingSection

__all__ = [
    "ActionSection",
    "AsrSection",
    "Audio",
    "Config",
    "Conversation",
    "EndpointSection",
    "HomeAssistant",
    "Intents",
    "Llm",
    "LlmProfile",
    "Log",
    "McpServer",
    "Mic",
    "MqttSection",
    "OtherPersona",
    "Panel",
    "Persona",
    "Privacy",
    "Room",
    "Section",
    "Speaker",
    "Tools",
    "Tts",
    "WakeSection",
    "WakeWord",
    "Web",
    "WyomingSection",
]


class Config(BaseSettings):
    """The whole configuration. Build it with `agent.config_file.load`; a bare `Config()` holds the defaults."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = Field(1, description="the format of this file")
    audio: Audio = Audio()
    wake: WakeSection = WakeSection()
    endpoint: EndpointSection = EndpointSection()
    asr: AsrSection = AsrSection()
    llm: Llm = Llm()
    tts: Tts = Tts()
    persona: Persona = Persona()
    personas: dict[str, OtherPersona] = Field({}, description="[personas.NAME], see below")
    conversation: Conversation = Conversation()
    intents: Intents = Intents()
    actions: tuple[ActionSection, ...] = Field((), description="[[actions]], see below")
    tools: Tools = Tools()
    mqtt: MqttSection = MqttSection()
    home_assistant: HomeAssistant = HomeAssistant()
    room: Room = Room()
    panel: Panel = Panel()
    web: Web = Web()
    wyoming: WyomingSection = WyomingSection()
    privacy: Privacy = Privacy()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `config_file` hands over: the library's own sources ignore unknown variables."""
        return (init_settings,)
