"""The typed configuration: TOML file < environment < command line, frozen, with units in the names.

The file is `/etc/voice-agent/config.toml`, else `$XDG_CONFIG_HOME/voice-agent/config.toml`; environment variables are
`VOICE_AGENT__SECTION__KEY`. Secrets never stand here: `api_key` and `password` name a credential (`agent.secrets`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Milliseconds = Annotated[int, Field(ge=0, le=120_000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mic(Section):
    """Where sound comes from. `device` is an ALSA PCM name (stable: "plughw:CARD=Device"), or "file:x.wav"."""

    device: str = "default"
    rate_hz: Annotated[int, Field(ge=8000, le=192_000)] | None = Field(
        None, description="None: 16 kHz if given, else 48"
    )
    channels: Annotated[int, Field(ge=1, le=32)] | None = Field(None, description="None: one if given, else two")
    format: Literal["S16", "S32"] | None = None
    channel: Annotated[int, Field(ge=0, le=31)] | Literal["mix"] = "mix"
    buffer_ms: Annotated[int, Field(ge=500, le=5000)] = 500
    gain_db: Annotated[float, Field(ge=-40, le=60)] = 0.0
    realtime: bool = Field(True, description="SCHED_RR for the capture child where the system allows it")


class Speaker(Section):
    device: str = "default"
    rate_hz: Annotated[int, Field(ge=8000, le=192_000)] | None = Field(None, description="None: 48 kHz")
    latency_ms: Annotated[int, Field(ge=20, le=500)] = 60
    volume_percent: Percent = 70
    mixer: str | None = Field(None, description="ALSA mixer control for the volume; None: software gain")
    earcons: bool = True
    realtime: bool = True


class Audio(Section):
    mic: Mic = Mic()
    speaker: Speaker = Speaker()


class WakeWord(Section):
    """`model`: a name such as "hey_jarvis", or the path of an .onnx (openWakeWord) or .json (microWakeWord) file."""

    model: str
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, description="None: the engine's own")


class WakeSection(Section):
    engine: Literal["openwakeword", "microwakeword"] = "openwakeword"
    words: tuple[WakeWord, ...] = Field((WakeWord(model="hey_jarvis"),), min_length=1, max_length=8)
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    patience_ms: Milliseconds = Field(0, description="how long the score has to stay above the threshold, of audio")
    refractory_ms: Milliseconds = 1000
    gate: bool = Field(True, description="run the wake model only while there is voice")
    extra_phases: Literal[1, 2, 4, 8] = Field(4, description="staggered scorings of one 80 ms hop while a score rises")


class EndpointSection(Section):
    silence_ms: Annotated[int, Field(ge=100, le=5000)] = 600
    no_speech_ms: Annotated[int, Field(ge=500, le=30_000)] = 4000
    max_utterance_ms: Annotated[int, Field(ge=1000, le=60_000)] = 15_000


class AsrSection(Section):
    """`model`: a name from `voice-agent models list`, a folder, or None: what is installed for engine and language."""

    engine: Literal["auto", "vosk", "moonshine"] = "auto"
    model: str | None = None
    grammar: tuple[str, ...] = Field((), description="restrict Vosk to these phrases; empty: free dictation")
    load: Literal["start", "first_use"] = "start"


class LlmProfile(Section):
    kind: Literal["openai", "embedded"] = "openai"
    base_url: str | None = Field(None, description='"http://host:11434/v1"; unused where kind is "embedded"')
    model: str | None = None
    api_key: str | None = Field(None, description="name of the credential, never the key itself")
    system_prompt: str | None = Field(None, description="None: the persona's")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=8192)] = 256
    history_turns: Annotated[int, Field(ge=0, le=50)] = 6
    connect_timeout_s: Seconds = 3.0
    first_token_timeout_s: Seconds = 8.0
    cold_first_token_timeout_s: Seconds = Field(30.0, description="for the first request to a model")
    token_timeout_s: Seconds = 5.0
    total_timeout_s: Seconds = 30.0

    @model_validator(mode="after")
    def _address(self) -> LlmProfile:
        if self.kind == "openai" and not self.base_url:
            raise ValueError('a profile of kind "openai" needs base_url, such as "http://localhost:11434/v1"')
        return self


class Llm(Section):
    use: tuple[str, ...] = Field((), description="profiles in order of fall-back; empty: no language model")
    profiles: dict[str, LlmProfile] = {}

    @model_validator(mode="after")
    def _known(self) -> Llm:
        for name in self.use:
            if name not in self.profiles:
                raise ValueError(f'use names "{name}", but there is no [llm.profiles.{name}]')
        return self


class Tts(Section):
    """`voice`: a name from `voice-agent models list`, a path, or None: what is installed for the language."""

    engine: Literal["auto", "piper", "espeak"] = "auto"
    voice: str | None = None
    threads: Annotated[int, Field(ge=1, le=8)] = 2
    rate: Annotated[float, Field(ge=0.5, le=2)] = Field(1.0, description="tempo; 1.2 speaks faster")
    load: Literal["start", "first_use"] = "start"


class Persona(Section):
    name: str = "Jarvis"
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en"
    prompt: str = (
        "You are a helpful voice assistant. Answer in one to three short spoken sentences, without lists or markdown."
    )


class Conversation(Section):
    history_turns: Annotated[int, Field(ge=0, le=50)] = 6
    history_s: Annotated[int, Field(ge=0, le=86_400)] = Field(300, description="forget the conversation after")
    thinking_sound_ms: Milliseconds = 2000


class MqttSection(Section):
    enabled: bool = True
    host: str = "localhost"
    port: Annotated[int, Field(ge=1, le=65_535)] = 1883
    device: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = Field(None, description="None: host name")
    base: Annotated[str, Field(pattern=r"^[^#+\x00]{1,100}$")] = "voice-agent"
    username: str | None = None
    password: str | None = Field(None, description="name of the credential, never the password itself")
    tls: bool = False
    ca_file: str | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=600)] = 15


class Privacy(Section):
    publish_transcript: bool = True
    keep_receipts: bool = Field(True, description="write turns.jsonl into the state folder")


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Log(Section):
    level: LogLevel = "INFO"
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

    version: Literal[1] = 1
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
    def settings_customise_sources(cls, settings_cls: Any, init_settings: Any, **_: Any) -> tuple[Any, ...]:
        return (init_settings,)
