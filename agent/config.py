"""The typed configuration: TOML file < environment < command line, frozen, with units in the names.

The file is `/etc/voice-agent/config.toml`, else `$XDG_CONFIG_HOME/voice-agent/config.toml`; environment variables are
`VOICE_AGENT__SECTION__KEY` (`agent.config_file` reads both). Secrets never stand here: `api_key` and `password` name a
credential (`agent.credentials`). The descriptions of the fields are the source of the example file and of the README's
table.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

Milliseconds = Annotated[int, Field(ge=0, le=120_000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Rate = Annotated[int, Field(ge=8000, le=192_000)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(min_length=1, max_length=500)]


def _credential(name: str) -> str:
    """Refuse what looks like the secret itself. The message must not repeat it."""
    fits = re.fullmatch(r"[a-z][a-z0-9._-]{0,39}", name)
    if not fits or name.startswith(("sk-", "pk-")) or re.search(r"[a-z0-9]{20}", name):
        raise ValueError(
            "has to be the name of a credential (lower-case letters, digits, hyphens), never the secret itself: that "
            "goes into a file of that name in /etc/voice-agent/credentials (chmod 600)"
        )
    return name


CredentialName = Annotated[str, AfterValidator(_credential)]


def _address(url: str) -> str:
    parts = urlsplit(url)  # a ValueError of its own ("Invalid IPv6 URL") repeats nothing either
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('has to be an address such as "http://localhost:11434/v1"')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password or query: a key belongs into the credential that api_key names")
    return url


Address = Annotated[str, AfterValidator(_address)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mic(Section):
    """Where sound comes from."""

    device: Name = Field("default", description='ALSA device, best by name ("plughw:CARD=Device"), or "file:x.wav"')
    rate_hz: Rate | None = Field(None, description="not set: 16000 if the device gives it, else 48000")
    channels: Annotated[int, Field(ge=1, le=32)] | None = Field(
        None, description="not set: one if the device gives it, else two"
    )
    format: Literal["S16", "S32"] | None = Field(None, description="not set: S16 if the device gives it, else S32")
    channel: Annotated[int, Field(ge=0, le=31)] | Literal["mix"] = Field(
        "mix", description='the channel to hear with (ReSpeaker: 0), or "mix" for the mean of all'
    )
    buffer_ms: Annotated[int, Field(ge=500, le=5000)] = Field(500, description="kernel buffer; costs no delay")
    gain_db: Annotated[float, Field(ge=-40, le=60)] = Field(0.0, description="software gain")
    realtime: bool = Field(True, description="SCHED_RR for the capture child where the system allows it")


class Speaker(Section):
    """Where sound goes to."""

    device: Name = Field("default", description="ALSA device, best by name")
    rate_hz: Rate | None = Field(None, description="not set: 48000")
    latency_ms: Annotated[int, Field(ge=20, le=500)] = Field(60, description="what may wait in the device")
    volume_percent: Percent = Field(70, description="volume at start")
    mixer: Name | None = Field(None, description="ALSA mixer control for the volume; not set: software gain")
    earcons: bool = Field(True, description="short sounds for wake, done, error, muted")
    realtime: bool = Field(True, description="SCHED_RR for the playback child where the system allows it")


class Audio(Section):
    mic: Mic = Mic()
    speaker: Speaker = Speaker()


class WakeWord(Section):
    model: Name = Field(
        description='a name from `voice-agent models list` ("hey_jarvis"), or the path of an .onnx (openWakeWord) or '
        ".json (microWakeWord) file"
    )
    threshold: Probability | None = Field(None, description="not set: that of the section")


class WakeSection(Section):
    """The words that wake the agent."""

    engine: Literal["openwakeword", "microwakeword"] = Field("openwakeword", description="the engine")
    words: tuple[WakeWord, ...] = Field(
        (WakeWord(model="hey_jarvis"),), min_length=1, max_length=8, description="the words: model and threshold"
    )
    threshold: Probability = Field(0.5, description="a higher one wakes less often")
    patience_ms: Milliseconds = Field(0, description="how long the score has to stay above the threshold")
    refractory_ms: Milliseconds = Field(1000, description="deaf for the word after it was heard")
    gate: bool = Field(True, description="run the wake model only while there is voice")
    extra_phases: Literal[1, 2, 4, 8] = Field(4, description="staggered scorings of one 80 ms hop while a score rises")


class EndpointSection(Section):
    """When the user has finished speaking."""

    silence_ms: Annotated[int, Field(ge=100, le=5000)] = Field(600, description="silence that ends an utterance")
    no_speech_ms: Annotated[int, Field(ge=500, le=30_000)] = Field(
        4000, description="how long to wait for the first word"
    )
    max_utterance_ms: Annotated[int, Field(ge=1000, le=60_000)] = Field(15_000, description="then it is cut off")


class AsrSection(Section):
    """Speech recognition."""

    engine: Literal["auto", "vosk", "moonshine"] = Field(
        "auto", description="auto: Vosk if a model of the language is installed, else Moonshine (English)"
    )
    model: Name | None = Field(None, description="name or folder; not set: what is installed for the language")
    grammar: tuple[Name, ...] = Field((), description="restrict Vosk to these phrases; empty: free dictation")
    load: Literal["start", "first_use"] = Field("start", description="when to load the model into memory")


class LlmProfile(Section):
    """One language model that can be asked."""

    kind: Literal["openai", "embedded"] = Field(
        "openai", description="an OpenAI-compatible address, or the embedded small model"
    )
    base_url: Address | None = Field(None, description='"http://host:11434/v1"; unused where embedded')
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


class Tts(Section):
    """The voice."""

    engine: Literal["auto", "piper", "espeak"] = Field(
        "auto", description="auto: Piper if a voice of the language is installed, else espeak-ng"
    )
    voice: Name | None = Field(None, description="name or path; not set: what is installed for the language")
    threads: Annotated[int, Field(ge=1, le=8)] = Field(2, description="of Piper")
    rate: Annotated[float, Field(ge=0.5, le=2)] = Field(1.0, description="tempo; 1.2 speaks faster")
    load: Literal["start", "first_use"] = Field("start", description="when to load the voice into memory")


class Persona(Section):
    """Who is speaking."""

    name: Name = Field("Jarvis", description="what the agent calls itself")
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = Field(
        "en", description='"en", "de", "en-GB": for recognition, voice and local answers'
    )
    prompt: str = Field(
        "You are a helpful voice assistant. Answer in one to three short spoken sentences, without lists or markdown.",
        max_length=20_000,
        description="system prompt",
    )


class Conversation(Section):
    """What is remembered, in memory only."""

    history_turns: Annotated[int, Field(ge=0, le=50)] = Field(6, description="past turns to remember")
    history_s: Annotated[int, Field(ge=0, le=86_400)] = Field(300, description="forget the conversation after")
    thinking_sound_ms: Milliseconds = Field(2000, description="a sound if the language model takes longer")


class MqttSection(Section):
    """The broker; voice works without one."""

    enabled: bool = Field(True, description="connect at all")
    host: Name = Field("localhost", description="the broker")
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(1883, description="8883 is usual with TLS")
    device: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = Field(
        None, description="this device in topics; not set: the host name"
    )
    base: Annotated[str, Field(pattern=r"^[^#+\x00]{1,100}$")] = Field(
        "voice-agent", description="topics begin with base/device"
    )
    username: Name | None = Field(None, description="not set: anonymous")
    password: CredentialName | None = Field(None, description="name of the credential, never the password itself")
    tls: bool = Field(False, description="encrypt, and check the broker's certificate")
    ca_file: Name | None = Field(None, description="certificate authority; not set: the system's")
    keepalive_s: Annotated[int, Field(ge=5, le=600)] = Field(
        15, description="a lost broker is noticed within twice that"
    )


class Privacy(Section):
    """What leaves the memory of the device."""

    publish_transcript: bool = Field(True, description="transcripts and replies go to your broker")
    keep_receipts: bool = Field(True, description="write turns.jsonl into the state folder")


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Log(Section):
    """What goes to the journal; at INFO never what was said."""

    level: LogLevel = Field("INFO", description="of everything")
    rooms: dict[str, LogLevel] = Field({}, description='level by room, such as {hearing = "DEBUG"}')

    @field_validator("rooms")
    @classmethod
    def _rooms(cls, rooms: dict[str, LogLevel]) -> dict[str, LogLevel]:
        known = {"audio", "hearing", "dialogue", "thinking", "speaking", "mqtt", "daemon"}
        for room in rooms:
            if room not in known:
                raise ValueError(f'no room "{room}"; there are {", ".join(sorted(known))}')
        return rooms


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
    conversation: Conversation = Conversation()
    mqtt: MqttSection = MqttSection()
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
