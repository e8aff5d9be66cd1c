"""Which engine speaks with a given configuration, and who after it; for each persona.

espeak-ng is the voice of last resort: small, quick, in every language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent import engines, personas
from agent.config import Config
from agent.engines import TtsEngine
from agent.process import ChildSpec


@dataclass(frozen=True, slots=True)
class VoiceSpec:
    """An engine with its voice (a path for Piper, a name for espeak-ng) and the child process it runs in."""

    engine: TtsEngine
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
    of = {name: Speaker(own.persona.language, voices(own)) for name, own in personas.configurations(config).items()}
    main = of[""].specs
    others = {name: (*each.specs, *(spec for spec in main if spec not in each.specs)) for name, each in of.items()}
    return {name: Speaker(of[name].language, specs) for name, specs in others.items()}


def voices(config: Config) -> tuple[VoiceSpec, ...]:
    """Who speaks, in order of fall-back.

    Raises ModelMissing where the configuration names a Piper voice, or Piper, and it is not installed.
    """
    tts, language = config.tts, config.persona.language
    named = tts.voice if tts.engine == "espeak" else None
    espeak = _spec("espeak", named or espeak_voice(language), config)
    chosen = engines.voice(tts.engine, tts.voice, language)
    return (espeak,) if chosen.model is None else (_spec("piper", str(chosen.model), config), espeak)


def espeak_voice(language: str) -> str:
    """espeak-ng's name for a language such as "en", "pt-BR", "zh"."""
    name = language.lower()
    return {"en": "en-us", "zh": "cmn", "zh-cn": "cmn", "zh-tw": "cmn"}.get(name, name)


def _spec(engine: TtsEngine, voice: str, config: Config) -> VoiceSpec:
    args = (engine, voice, "--threads", str(config.tts.threads), "--rate", str(config.tts.rate))
    # Loading takes 4 s on a small Pi; deadlines of single clauses are `agent.speaking.synthesis`.
    child = ChildSpec("tts", "agent.speaking.tts_child", args, ready_s=60.0, silent_s=5.0)
    return VoiceSpec(engine, voice, child)
