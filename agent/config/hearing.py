"""The sections of hearing: the wake words, the end of an utterance, the recogniser."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent.config.values import Milliseconds, Name, Probability, Section
from agent.config.wyoming import WyomingAddress
from agent.events import Hint


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

    silence_ms: Annotated[int, Field(ge=100, le=5000)] = Field(
        700, description="silence that ends an utterance, as a rule"
    )
    complete_ms: Annotated[int, Field(ge=100, le=250)] = Field(
        250, description="silence that is enough after a complete command or question; never more than silence_ms"
    )
    asking_ms: Annotated[int, Field(ge=100, le=5000)] = Field(
        450,
        description="silence after which the language model is asked what may go on; whoever goes on before it answers "
        "is listened to. Never more than silence_ms, and as long as that where the model may act (tools, Home "
        "Assistant)",
    )
    hanging_ms: Annotated[int, Field(ge=700, le=5000)] = Field(
        1000,
        description='silence that it takes after words that have to go on ("set a timer for"); at least silence_ms',
    )
    no_speech_ms: Annotated[int, Field(ge=500, le=30_000)] = Field(
        4000, description="how long to wait for the first word"
    )
    max_utterance_ms: Annotated[int, Field(ge=1000, le=60_000)] = Field(15_000, description="then it is cut off")

    @model_validator(mode="after")
    def _ends_by_silence(self) -> EndpointSection:
        longest = max(self.silence_ms, self.hanging_ms)
        if longest >= self.max_utterance_ms:
            raise ValueError(
                f"max_utterance_ms has to be more than silence_ms and hanging_ms, which are up to {longest}"
            )
        return self

    def patience_ms(self, hint: Hint) -> int:
        """The silence that ends an utterance that seems to be this."""
        match hint:
            case "complete":
                return min(self.complete_ms, self.silence_ms)
            case "asking":
                return min(self.asking_ms, self.silence_ms)
            case "hanging":
                return max(self.hanging_ms, self.silence_ms)
            case "open":
                return self.silence_ms


class AsrSection(Section):
    """Speech recognition."""

    engine: Literal["auto", "vosk", "moonshine"] = Field(
        "auto", description="auto: Vosk if a model of the language is installed, else Moonshine (English)"
    )
    model: Name | None = Field(None, description="name or folder; not set: what is installed for the language")
    grammar: tuple[Name, ...] = Field((), description="restrict Vosk to these phrases; empty: free dictation")
    load: Literal["start", "first_use"] = Field("start", description="when to load the model into memory")
    wyoming: WyomingAddress | None = Field(
        None,
        description='a server on a bigger machine ("tcp://host:10300"), which writes what was said; the engine above '
        "stands in for it",
    )
    wyoming_wait_ms: Annotated[int, Field(ge=200, le=2500)] = Field(
        2000, description="how long to wait for that server's text after the end of an utterance"
    )

    @model_validator(mode="before")
    @classmethod
    def _engine_is_local(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("engine") == "wyoming":
            raise ValueError(
                'engine is the one on this device, which stands in; set wyoming = "tcp://host:10300" for the server'
            )
        return given

    @model_validator(mode="after")
    def _grammar_is_local(self) -> AsrSection:
        if self.wyoming and self.grammar:
            raise ValueError("grammar restricts Vosk on this device, and no server: take out grammar or wyoming")
        return self
