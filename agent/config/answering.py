"""The sections of answering: language models, voice, conversation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent.config.values import Address, CredentialName, Milliseconds, Name, Seconds, Section
from agent.config.wyoming import WyomingAddress

HOME_ASSISTANTS_OWN = ("model", "system_prompt", "temperature", "top_p", "max_tokens", "history_turns")


class LlmProfile(Section):
    """One language model that can be asked."""

    kind: Literal["openai", "embedded", "home_assistant"] = Field(
        "openai", description="an OpenAI-compatible address, the embedded small model, or Home Assistant's Assist"
    )
    base_url: Address | None = Field(
        None, description='"http://host:11434/v1"; home_assistant: "http://homeassistant.local:8123"; embedded: none'
    )
    agent: Name | None = Field(
        None, description='home_assistant: an assistant by name, or an agent ("conversation.…"); not set: the preferred'
    )
    model: Name | None = Field(None, description="as the server calls it; embedded: a name from `models list`")
    api_key: CredentialName | None = Field(None, description="name of the credential, never the key itself")
    system_prompt: str | None = Field(None, max_length=20_000, description="not set: the persona's prompt")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(None, description="not set: the server's")
    top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(None, description="not set: the server's")
    max_tokens: Annotated[int, Field(ge=1, le=8192)] = Field(256, description="length of a reply at most")
    history_turns: Annotated[int, Field(ge=0, le=50)] = Field(6, description="past turns to send along")
    connect_timeout_s: Seconds = Field(3.0, description="to connect")
    first_token_timeout_s: Seconds = Field(8.0, description="to the first word")
    cold_first_token_timeout_s: Seconds = Field(30.0, description="to the first word of the first request")
    token_timeout_s: Seconds = Field(5.0, description="from word to word")
    total_timeout_s: Seconds = Field(30.0, description="for the whole reply")

    @model_validator(mode="after")
    def _has_address(self) -> LlmProfile:
        if self.kind == "openai" and not self.base_url:
            raise ValueError('a profile of kind "openai" needs base_url, such as "http://localhost:11434/v1"')
        if self.kind != "home_assistant" and self.agent:
            raise ValueError('agent belongs to profiles of kind "home_assistant"; the others have model')
        return self

    @model_validator(mode="after")
    def _fits_home_assistant(self) -> LlmProfile:
        if self.kind != "home_assistant":
            return self
        if not self.base_url:
            raise ValueError(
                'a profile of kind "home_assistant" needs base_url, such as "http://homeassistant.local:8123"'
            )
        if not self.api_key:
            raise ValueError(
                'a profile of kind "home_assistant" needs api_key, the name of a credential ("home-assistant-token"), '
                "with a long-lived access token in it; Home Assistant makes one under your name, Security, Create token"
            )
        fields = LlmProfile.model_fields
        foreign = [name for name in HOME_ASSISTANTS_OWN if getattr(self, name) != fields[name].default]
        if foreign:
            raise ValueError(
                f"{', '.join(foreign)}: take it out; of an assistant in Home Assistant this is set there, under "
                "Settings, Voice assistants"
            )
        return self


class Llm(Section):
    """The language models, in order of fall-back. Without any, only local commands are answered."""

    use: tuple[str, ...] = Field((), description="names of profiles, the first that can answers; empty: none")
    profiles: dict[str, LlmProfile] = Field({}, description="[llm.profiles.NAME], see below")

    @model_validator(mode="after")
    def _known(self) -> Llm:
        for name in self.use:
            if name not in self.profiles:
                raise ValueError(f'use names "{name}", but there is no [llm.profiles.{name}]')
        return self


class Intents(Section):
    """The commands that are understood on the device itself, such as the time."""

    local_first: bool = Field(
        True, description="false: the language model is asked first, even for these; stop, mute and volume stay local"
    )


class Tts(Section):
    """The voice."""

    engine: Literal["auto", "piper", "espeak"] = Field(
        "auto", description="auto: Piper if a voice of the language is installed, else espeak-ng"
    )
    voice: Name | None = Field(None, description="name or path; not set: what is installed for the language")
    threads: Annotated[int, Field(ge=1, le=8)] = Field(2, description="of Piper")
    rate: Annotated[float, Field(ge=0.5, le=2)] = Field(1.0, description="tempo; 1.2 speaks faster")
    load: Literal["start", "first_use"] = Field("start", description="when to load the voice into memory")
    wyoming: WyomingAddress | None = Field(
        None,
        description='a server on a bigger machine ("tcp://host:10200"), which speaks; the engine above stands in',
    )
    wyoming_voice: Name | None = Field(
        None, description="that server's name of the voice; not set: the one it was started with"
    )

    @model_validator(mode="before")
    @classmethod
    def _engine_is_local(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("engine") == "wyoming":
            raise ValueError(
                'engine is the one on this device, which stands in; set wyoming = "tcp://host:10200" for the server'
            )
        return given

    @model_validator(mode="after")
    def _voice_of_a_server(self) -> Tts:
        if self.wyoming_voice and not self.wyoming:
            raise ValueError('wyoming_voice needs wyoming, such as "tcp://host:10200"')
        return self


class Conversation(Section):
    """How one talks with the agent; what is remembered, in memory only."""

    history_turns: Annotated[int, Field(ge=0, le=50)] = Field(6, description="past turns to remember")
    history_s: Annotated[int, Field(ge=0, le=86_400)] = Field(300, description="forget the conversation after")
    thinking_sound_ms: Milliseconds = Field(1800, description="a sound whenever an answer has been silence for so long")
    barge_in: bool = Field(True, description="the wake word interrupts an answer")
    stop_word: bool = Field(True, description='so does "stop" without the wake word, where echo cancellation is on')
    follow_up: bool = Field(False, description="after an answer, listen on without the wake word")
    follow_up_ms: Annotated[int, Field(ge=500, le=30_000)] = Field(
        4000, description="how long to wait for the next question"
    )
