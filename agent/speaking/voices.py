"""Which engine speaks with a given configuration, and who after it.

espeak-ng is the voice of last resort: small, quick, in every language.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent import engines
from agent.config import Config
from agent.engines import TtsEngine
from agent.process import ChildSpec


@dataclass(frozen=True, slots=True)
class VoiceSpec:
    """An engine with its voice (a path for Piper, a name for espeak-ng) and the child process it runs in."""

    engine: TtsEngine
    voice: str
    child: ChildSpec


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
