"""Each persona as a configuration of its own.

In it, [persona], voice, recogniser and the order of the language models are the persona's. So whatever is made from a
configuration (engines, voices, children) is made for a persona in the same way, and knows nothing of personas.

A persona of another language takes nothing over that is a matter of language: which model, which engine and which
grammar is found for its own, as "auto" finds it. espeak-ng stays, which speaks them all. Where [persona] changes its
language, those that share it go along: a voice of theirs that does not speak it is set aside.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent import models
from agent.config import AsrSection, Config, Llm, OtherPersona, Tts
from agent.models import Kind

ESPEAK = "espeak-ng"


def configurations(config: Config) -> Mapping[str, Config]:
    """Persona -> its configuration; first "", which is the section [persona] and changes nothing."""
    return {"": config, **{name: _configuration(config, other) for name, other in config.personas.items()}}


def called(config: Config) -> tuple[str, ...]:
    """The names of all."""
    return tuple(dict.fromkeys(each.persona.name for each in configurations(config).values()))


def profiles(config: Config) -> tuple[str, ...]:
    """The language models that anybody may ask, each once."""
    return tuple(dict.fromkeys(name for each in configurations(config).values() for name in each.llm.use))


def speaks(name: str | None, kind: Kind, language: str) -> bool:
    """Whether a model may serve a language: one that the catalogue does not know may, whatever it is."""
    model = models.find(name, kind) if name else None
    return model is None or model.speaks(language)


def speaks_asr(config: Config, language: str) -> bool:
    """Whether the configured recogniser's model may serve a language."""
    return all(speaks(config.asr.model, kind, language) for kind in ("asr-vosk", "asr-moonshine"))


def _configuration(config: Config, other: OtherPersona) -> Config:
    main = config.persona
    language = other.language or main.language
    alike = language[:2] == main.language[:2]
    given = {"name": other.name, "prompt": other.prompt, "language": language}
    changed = {key: value for key, value in given.items() if value is not None}
    return config.model_copy(
        update={
            "persona": main.model_copy(update=changed),
            "asr": _asr(config, other, language, alike),
            "tts": _tts(config, other, language, alike),
            "llm": config.llm if other.llm is None else Llm(use=other.llm, profiles=config.llm.profiles),
        }
    )


def _asr(config: Config, other: OtherPersona, language: str, alike: bool) -> AsrSection:
    own = {} if other.grammar is None else {"grammar": other.grammar}
    if not alike:
        return config.asr.model_copy(update={"engine": "auto", "model": None, "grammar": (), **own})
    if not speaks_asr(config, language):
        return config.asr.model_copy(update={"model": None, **own})
    return config.asr.model_copy(update=own)


def _tts(config: Config, other: OtherPersona, language: str, alike: bool) -> Tts:
    tts, voice = config.tts, other.voice
    if voice is not None and (other.language is not None or speaks(voice, "tts-piper", language)):
        engine, _, variant = voice.partition(":")
        if engine == ESPEAK:
            return tts.model_copy(update={"engine": "espeak", "voice": variant or None})
        return tts.model_copy(update={"engine": "piper", "voice": voice})
    if tts.engine == "espeak":
        return tts if language == config.persona.language else tts.model_copy(update={"voice": None})
    if alike and speaks(tts.voice, "tts-piper", language):
        return tts
    return tts.model_copy(update={"engine": "auto", "voice": None})
