"""Which engine and which model each part uses, from configuration and from what is installed. Nothing is loaded here.

"auto" means: the first engine of the part's order that has a model for the persona's language. Vosk comes before
Moonshine (it streams), Piper before espeak-ng (it sounds better). Every persona has engines of its own, which may well
be the same ones.

A server on a bigger machine is no engine here: what is chosen stands in for it, and so has to be there in any case.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from agent import models, personas
from agent.config import AsrSection, Config, LlmProfile, WakeSection, WakeWord
from agent.models import ModelMissing

WakeEngine = Literal["openwakeword", "microwakeword"]
AsrEngine = Literal["vosk", "moonshine"]
TtsEngine = Literal["piper", "espeak"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class WakeChoice:
    """`word`: as configured; `model`: .onnx or .json; `threshold`: the word's own or the section's."""

    word: str
    engine: WakeEngine
    model: Path
    threshold: float


@dataclass(frozen=True, slots=True)
class AsrChoice:
    engine: AsrEngine
    model: Path


@dataclass(frozen=True, slots=True)
class TtsChoice:
    """`model`: the .onnx of a Piper voice; None for espeak-ng, which brings its own."""

    engine: TtsEngine
    model: Path | None


@dataclass(frozen=True, slots=True)
class PersonaEngines:
    """How one persona hears, speaks and thinks. `llm`: the GGUF of its first embedded profile, if there is one."""

    asr: AsrChoice
    tts: TtsChoice
    llm: Path | None


@dataclass(frozen=True, slots=True)
class Engines:
    """`llm`: the GGUF of the first embedded profile in use, None where there is none. `others`: of [personas]."""

    wake: tuple[WakeChoice, ...]
    asr: AsrChoice
    tts: TtsChoice
    llm: Path | None
    others: Mapping[str, PersonaEngines] = field(default_factory=dict)

    def of(self, persona: str) -> PersonaEngines:
        """`persona`: "" for the section [persona]."""
        return self.others.get(persona) or PersonaEngines(self.asr, self.tts, self.llm)

    def models(self) -> Iterator[Path]:
        """Everything that has checksums to verify, each once."""
        paths = [choice.model for choice in self.wake]
        for each in (self.of(""), *self.others.values()):
            paths += [path for path in (each.asr.model, each.tts.model, each.llm) if path]
        yield from dict.fromkeys(paths)


def choose(config: Config) -> Engines:
    """Raises ModelMissing, with one line for each part that lacks its model."""
    language = config.persona.language
    missing: list[str] = []

    def tried(key: str, resolve: Callable[[], _T]) -> _T | None:
        try:
            return resolve()
        except ModelMissing as error:
            missing.append(f"{key}: {error}")
            return None

    words = [
        tried(f"wake.words[{index}].model", partial(wake, config.wake, word, language))
        for index, word in enumerate(config.wake.words)
    ]
    found: dict[str, PersonaEngines] = {}
    for name, own in personas.configurations(config).items():
        heard, spoken = _keys(config, name)
        asr = tried(heard, partial(recogniser, own.asr, own.persona.language))
        tts = tried(spoken, partial(voice, own.tts.engine, own.tts.voice, own.persona.language))
        llm = tried(f"personas.{name}.llm" if name else "llm", partial(embedded, own))
        if asr and tts:
            found[name] = PersonaEngines(asr, tts, llm)
    if missing:
        raise ModelMissing("\n".join(dict.fromkeys(missing)))
    main = found.pop("")
    return Engines(tuple(word for word in words if word), main.asr, main.tts, main.llm, found)


def _keys(config: Config, persona: str) -> tuple[str, str]:
    """Which keys a persona's recogniser and its voice come from: what it has from [persona] is told there, once."""
    if not persona:
        return "asr", "tts"
    other, key = config.personas[persona], f"personas.{persona}"
    of_language = f"{key}.language" if other.language else ""
    heard = f"{key}.grammar" if other.grammar is not None and not of_language else of_language or "asr"
    return heard, f"{key}.voice" if other.voice else of_language or "tts"


def wake(section: WakeSection, word: WakeWord, language: str) -> WakeChoice:
    """The engine of the section, unless the word is a file of the other one. Raises ModelMissing."""
    engine: WakeEngine = section.engine
    if word.model.endswith((".onnx", ".json")):
        engine = "openwakeword" if word.model.endswith(".onnx") else "microwakeword"
    kind: models.Kind = "wake-openwakeword" if engine == "openwakeword" else "wake-microwakeword"
    return WakeChoice(
        word.model, engine, models.require(kind, language, word.model), word.threshold or section.threshold
    )


def recogniser(section: AsrSection, language: str) -> AsrChoice:
    """Raises ModelMissing, which names Vosk's model where both engines have none."""
    if section.engine == "moonshine" or _is_moonshine(section):
        return AsrChoice("moonshine", models.require("asr-moonshine", language, section.model))
    try:
        return AsrChoice("vosk", models.require("asr-vosk", language, section.model))
    except ModelMissing:
        if section.engine == "vosk" or section.model or section.grammar:
            raise
        return AsrChoice("moonshine", _or_raise(language))


def _is_moonshine(section: AsrSection) -> bool:
    """Whether "auto" is decided by the name of the model."""
    return section.engine == "auto" and section.model is not None and bool(models.find(section.model, "asr-moonshine"))


def _or_raise(language: str) -> Path:
    try:
        return models.require("asr-moonshine", language)
    except ModelMissing:
        return models.require("asr-vosk", language)


def voice(engine: Literal["auto", "piper", "espeak"], name: str | None, language: str) -> TtsChoice:
    """Raises ModelMissing."""
    if engine == "espeak":
        return _espeak()
    try:
        return TtsChoice("piper", models.require("tts-piper", language, name))
    except ModelMissing:
        if engine == "piper" or name or not shutil.which("espeak-ng"):
            raise
        return _espeak()


def _espeak() -> TtsChoice:
    if not shutil.which("espeak-ng"):
        raise ModelMissing("espeak-ng is not installed: `sudo apt-get install espeak-ng`")
    return TtsChoice("espeak", None)


def embedded(config: Config) -> Path | None:
    """Raises ModelMissing."""
    profiles = (config.llm.profiles[name] for name in config.llm.use)
    profile: LlmProfile | None = next((each for each in profiles if each.kind == "embedded"), None)
    return models.require("llm-gguf", config.persona.language, profile.model) if profile else None
