"""Which engine speaks with a given configuration, and who after it; for each persona.

espeak-ng is the voice of last resort: small, quick, in every language. A server on a bigger machine, where one is
configured, comes before what is on this device; but a persona that has a voice or a language of its own speaks here,
since a server's voice is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agent import engines, personas
from agent.config import Config
from agent.engines import TtsEngine
from agent.process import ChildSpec
from agent.wyoming.offer import primary


@dataclass(frozen=True, slots=True)
class VoiceSpec:
    """An engine with its voice (a path for Piper, a name for espeak-ng, a server's address) and the child process it
    runs in."""

    engine: TtsEngine | Literal["wyoming"]
    voice: str
    child: ChildSpec


@dataclass(frozen=True, slots=True)
class Speaker:
    """How a persona speaks: its language, and its voices in order of fall-back."""

    language: str
    specs: tuple[VoiceSpec, ...]


def speakers(config: Config) -> Mapping[str, Speaker]:
    """All personas; first "", whose voices also stand in for the others' when none of their own can speak.

    Raises ModelMissing as `voices` does.
    """
    of = {
        name: Speaker(own.persona.language, voices(_here(own) if _apart(config, name, own) else own))
        for name, own in personas.configurations(config).items()
    }
    main = of[""].specs
    others = {name: (*each.specs, *(spec for spec in main if spec not in each.specs)) for name, each in of.items()}
    return {name: Speaker(of[name].language, specs) for name, specs in others.items()}


def voices(config: Config) -> tuple[VoiceSpec, ...]:
    """Who speaks, in order of fall-back.

    Raises ModelMissing where the configuration names a Piper voice, or Piper, and it is not installed.
    """
    tts, language = config.tts, config.persona.language
    server = (_server(config, tts.wyoming),) if tts.wyoming else ()
    named = tts.voice if tts.engine == "espeak" else None
    espeak = _spec("espeak", named or espeak_voice(language), config)
    chosen = engines.voice(tts.engine, tts.voice, language)
    piper = (_spec("piper", str(chosen.model), config),) if chosen.model else ()
    return (*server, *piper, espeak)


def espeak_voice(language: str) -> str:
    """espeak-ng's name for a language such as "en", "pt-BR", "zh"."""
    name = language.lower()
    return {"en": "en-us", "zh": "cmn", "zh-cn": "cmn", "zh-tw": "cmn"}.get(name, name)


def _apart(config: Config, name: str, own: Config) -> bool:
    """Whether a persona has a voice or a language of its own."""
    if not name:
        return False
    return config.personas[name].voice is not None or primary(own.persona.language) != primary(config.persona.language)


def _here(config: Config) -> Config:
    """Without a server's voice."""
    return config.model_copy(update={"tts": config.tts.model_copy(update={"wyoming": None, "wyoming_voice": None})})


def _server(config: Config, uri: str) -> VoiceSpec:
    args = ("wyoming", uri, "--name", config.tts.wyoming_voice or "", "--language", config.persona.language)
    child = ChildSpec("tts", "agent.speaking.tts_child", args, ready_s=60.0, silent_s=5.0)
    return VoiceSpec("wyoming", uri, child)


def _spec(engine: TtsEngine, voice: str, config: Config) -> VoiceSpec:
    args = (engine, voice, "--threads", str(config.tts.threads), "--rate", str(config.tts.rate))
    # Loading takes 4 s on a small Pi; deadlines of single clauses are `agent.speaking.synthesis`.
    child = ChildSpec("tts", "agent.speaking.tts_child", args, ready_s=60.0, silent_s=5.0)
    return VoiceSpec(engine, voice, child)
