"""The sections of who is speaking: the persona of the device, and others beside it, each behind a wake word of its own.

What a persona is made of for the rest of the agent stands in `agent.personas`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agent.config.values import Name, Section
from agent.requests import DEFAULT_PERSONA

if TYPE_CHECKING:
    from agent.config import Config

MOST = 8  # as many as there may be wake words

Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
PersonaName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Persona(Section):
    """Who is speaking."""

    name: Name = Field("Jarvis", description="what the agent calls itself")
    language: Language = Field("en", description='"en", "de", "en-GB": for recognition, voice and local answers')
    prompt: str = Field(
        "You are a helpful voice assistant. Answer in one to three short spoken sentences, without lists or markdown.",
        max_length=20_000,
        description="system prompt",
    )
    use: PersonaName = Field(
        DEFAULT_PERSONA,
        description='who answers where no persona\'s own wake word was said: a name of [personas], or "default"',
    )
    keep_loaded_s: Annotated[int, Field(ge=0, le=86_400)] = Field(
        600,
        description="recogniser and voice that only another persona needs are loaded at its first word, and leave the "
        "memory so long after its last; 0: they are loaded at the start, and stay",
    )


class OtherPersona(Section):
    """One more persona in this device; what is not set is as in [persona]."""

    wake: Name | None = Field(None, description="its own wake word, one of wake.words; not set: by `persona.use` only")
    name: Name | None = Field(None, description="what it calls itself")
    prompt: str | None = Field(None, max_length=20_000, description="system prompt")
    language: Language | None = Field(None, description="another language brings a recogniser and a voice of its own")
    voice: Name | None = Field(
        None, description='a Piper voice by name or path, or "espeak-ng", "espeak-ng:en-us+f3"; not set: as in [tts]'
    )
    grammar: tuple[Name, ...] | None = Field(
        None, description="as asr.grammar; not set: that one, where the language is the same"
    )
    llm: tuple[str, ...] | None = Field(None, description="names of profiles in order, [] for none; not set: llm.use")


def problems(config: Config) -> Iterator[tuple[str, str]]:
    """What is wrong with the personas as a whole: dotted key and message."""
    known = list(dict.fromkeys((DEFAULT_PERSONA, *config.personas)))
    if config.persona.use not in known:
        yield "persona.use", _unknown("no persona", config.persona.use, known, f"[personas.{config.persona.use}]")
    if len(config.personas) > MOST:
        yield "personas", f"has to be {MOST} at most"
    owners: dict[str, str] = {}
    for name, persona in config.personas.items():
        if not _fits(name):
            yield f"personas.{name}", 'its name has to be 1 to 64 letters, digits, "_" or "-", and not "default"'
        yield from _wake(config, name, persona.wake, owners)
        for profile in persona.llm or ():
            if profile not in config.llm.profiles:
                yield f"personas.{name}.llm", f'names "{profile}", but there is no [llm.profiles.{profile}]'


def _fits(name: str) -> bool:
    plain = name.replace("_", "").replace("-", "")
    return name != DEFAULT_PERSONA and 0 < len(name) <= 64 and (not plain or (plain.isascii() and plain.isalnum()))


def _wake(config: Config, name: str, wake: str | None, owners: dict[str, str]) -> Iterator[tuple[str, str]]:
    if wake is None:
        return
    words, key = [word.model for word in config.wake.words], f"personas.{name}.wake"
    if wake not in words:
        remedy = f'{{ model = "{wake}" }} to wake.words'
        yield key, _unknown("no entry of wake.words with the model", wake, words, remedy)
    elif wake in owners:
        yield key, f'"{wake}" is the wake word of [personas.{owners[wake]}] already: one word wakes one persona'
    owners.setdefault(wake, name)


def _unknown(what: str, given: str, known: list[str], remedy: str) -> str:
    near = get_close_matches(given, known, 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f'there is {what} "{given}", only {", ".join(known)}: add {remedy}{hint}'


def owners(personas: Mapping[str, OtherPersona]) -> dict[str, str]:
    """Wake word as configured -> whose it is."""
    return {persona.wake: name for name, persona in personas.items() if persona.wake is not None}
