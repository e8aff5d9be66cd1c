"""What settings with a choice may be (`agent.settings`), out of what is installed and configured. Nothing is loaded.

What is in force is always among them, even where it is a path. A voice has to speak the persona's language, and a
language needs a recogniser and a voice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent import engines, models
from agent.config import Config
from agent.models import Kind, ModelMissing
from agent.personas import speaks, speaks_asr
from agent.requests import DEFAULT_PERSONA
from agent.settings import SETTINGS, Choice


@dataclass(frozen=True, slots=True)
class Options:
    """`of`: the name of a setting -> what it may be, in the order in which people want to see it."""

    of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self.of.get(name, ())


def options(config: Config) -> Options:
    """Looks into the folder of models."""
    found = {
        "wake_words": _unique(_wake_words(config)),
        "voices": _unique(_voices(config)),
        "llm_profiles": tuple(config.llm.profiles),
        "personas": _personas(config),
        "languages": _unique(_languages(config)),
    }
    choices = {name: setting.kind.of for name, setting in SETTINGS.items() if isinstance(setting.kind, Choice)}
    return Options({name: found[of] for name, of in choices.items()})


def voice_name(config: Config) -> str | None:
    """The voice in force, by the name that the configuration would give it; None where espeak-ng picks its own."""
    if config.tts.voice:
        return config.tts.voice
    try:
        model = engines.voice(config.tts.engine, None, config.persona.language).model
    except ModelMissing:
        return None
    return None if model is None else model.parent.name


def _wake_words(config: Config) -> Iterator[str]:
    yield from (word.model for word in config.wake.words)
    kind: Kind = "wake-openwakeword" if config.wake.engine == "openwakeword" else "wake-microwakeword"
    yield from (model.name for model in _installed(kind))
    yield from _own(kind)


def _voices(config: Config) -> Iterator[str]:
    if chosen := voice_name(config):
        yield chosen
    if config.tts.engine != "espeak":
        yield from (model.name for model in _installed("tts-piper") if model.speaks(config.persona.language))
        yield from _own("tts-piper")


def _personas(config: Config) -> tuple[str, ...]:
    """None where there is nobody to choose between."""
    return (DEFAULT_PERSONA, *config.personas) if config.personas else ()


def _languages(config: Config) -> Iterator[str]:
    yield config.persona.language
    known = {language for kind in ("asr-vosk", "asr-moonshine") for model in models.catalogue() if model.kind == kind
             for language in model.languages}  # fmt: skip
    yield from (language for language in sorted(known) if _has_engines(config, language))


def _has_engines(config: Config, language: str) -> bool:
    """As `agent.daemon.overlay` would change the language: a model that does not speak it is not insisted on."""
    asr = config.asr if speaks_asr(config, language) else config.asr.model_copy(update={"model": None})
    voice = config.tts.voice if speaks(config.tts.voice, "tts-piper", language) else None
    try:
        engines.recogniser(asr, language)
        engines.voice(config.tts.engine, voice, language)
    except ModelMissing:
        return False
    return True


def _installed(kind: Kind) -> Iterator[models.Model]:
    return (model for model in models.catalogue() if model.kind == kind and models.installed(model.name, kind))


def _own(kind: Kind) -> Iterator[str]:
    """The operator's own models: folders that the catalogue does not know, told apart by the files in them."""
    base = models.folder()
    known = {model.name for model in models.catalogue()}
    folders = sorted(base.iterdir()) if base.is_dir() else []
    yield from (each.name for each in folders if each.is_dir() and each.name not in known and _kind(each) == kind)


def _kind(folder: Path) -> Kind | None:
    """A Piper voice has an .onnx.json beside its .onnx, openWakeWord's word has none, microWakeWord's is a .tflite."""
    if any(folder.glob("*.onnx.json")):
        return "tts-piper"
    if any(folder.glob("*.onnx")):
        return "wake-openwakeword"
    return "wake-microwakeword" if any(folder.glob("*.tflite")) and any(folder.glob("*.json")) else None


def _unique(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
