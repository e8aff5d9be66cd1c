"""What a server says it offers: the answer to "describe"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agent.wyoming.messages import Message

DESCRIBE = Message("describe")

Service = Literal["asr", "tts"]


@dataclass(frozen=True, slots=True)
class Model:
    """A model or a voice. `languages`: lower-case, without a region; empty: it does not say."""

    name: str
    languages: frozenset[str]
    installed: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """One service of a server. `streams`: it writes while one speaks; `program`: its first program's name."""

    program: str
    models: tuple[Model, ...]
    streams: bool

    @property
    def installed(self) -> tuple[Model, ...]:
        return tuple(model for model in self.models if model.installed)

    def of(self, language: str) -> tuple[Model, ...]:
        """What is installed of a language: "en", "pt-BR"."""
        wanted = primary(language)
        return tuple(model for model in self.installed if not model.languages or wanted in model.languages)


def offer(info: Message, service: Service) -> Offer | None:
    """What an "info" offers of this service; None where it has nothing of the kind. What is not as the protocol has it
    is passed over."""
    programs = list(_objects(info.data.get(service)))
    if not programs:
        return None
    kind = "models" if service == "asr" else "voices"
    models = tuple(_model(each) for program in programs for each in _objects(program.get(kind)))
    name = programs[0].get("name")
    streams = any(program.get("supports_transcript_streaming") is True for program in programs)
    return Offer(name[:100] if isinstance(name, str) else "", models, streams)


def primary(language: str) -> str:
    """A language without its region: "en_US", "en-GB" -> "en"."""
    return language.replace("_", "-").partition("-")[0].lower()


def _model(told: Mapping[str, Any]) -> Model:
    name, languages = told.get("name"), told.get("languages")
    known = languages if isinstance(languages, list) else []
    spoken = frozenset(primary(each) for each in known if isinstance(each, str))
    return Model(name if isinstance(name, str) else "", spoken, told.get("installed") is not False)


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in (value if isinstance(value, list) else []) if isinstance(each, dict))
