"""Settings laid over the configuration: what somebody changed while the agent ran goes before file and environment.

Rules:
- Each setting becomes keys of the configuration, which is then checked as a whole. A chosen wake word takes the place
  of the first one that is no persona's own, a chosen profile comes first and the others behind it, and a threshold
  counts for all words.
- A language brings what speaks it: a voice or a recogniser's model that does not, by file or by setting, is set aside
  and not lost.
- A kept value that makes no sense any more (the voice was uninstalled, the profile is gone) is left out with a warning.
  It never keeps the agent from starting, and counts again as soon as it makes sense.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from agent import choices, personas
from agent.config import Config, WakeSection, WakeWord
from agent.config.personas import owners
from agent.config_file import ConfigError
from agent.dialogue.state import Held
from agent.models import ModelDamaged, ModelMissing
from agent.requests import Value
from agent.settings import SETTINGS, Choice, Unfit, find, fitting

Kept = Mapping[str, Value]
Load = Callable[[Mapping[str, object]], Config]  # given keys to lay over; raises ConfigError


@dataclass(frozen=True, slots=True)
class Overlaid:
    """`kept`: what was laid over it; `dropped`: what was left out, and why."""

    config: Config
    kept: Kept
    dropped: Mapping[str, str] = field(default_factory=dict)


def overlaid(load: Load, kept: Kept, wished: str = "") -> Config:
    """The configuration with all of these settings; the one that is `wished` must not come to nothing.

    Raises ConfigError, and Unfit for a choice there is not.
    """
    base = load({})
    if wished in kept and wished not in in_force(base, kept):
        raise Unfit(f"{wished}: it does not speak the language that is set; change that first")
    chosen = [name for name in in_force(base, kept) if isinstance(SETTINGS[name].kind, Choice)]
    _check_choices(base, {name: str(kept[name]) for name in chosen if name != "voice"})
    keys = overrides(base, kept)
    config = load(keys) if keys else base
    if "voice" in chosen and kept["voice"] != base.tts.voice:  # which voices there are depends on the language
        silent = config.model_copy(update={"tts": config.tts.model_copy(update={"voice": None})})
        _check_choices(silent, {"voice": str(kept["voice"])})
    return config


def sifted(load: Load, kept: Kept, usable: Callable[[Config], None]) -> Overlaid:
    """The configuration with those of the settings that make sense. Raises ConfigError of the file itself.

    `usable` raises ModelMissing or ModelDamaged. Where the file alone is not usable, nothing is left out for that.
    """
    try:
        config = overlaid(load, kept)
        usable(config)
    except (ConfigError, Unfit, ModelMissing, ModelDamaged):
        base = load({})
    else:
        return Overlaid(config, kept)
    good: dict[str, Value] = {}
    dropped: dict[str, str] = {}
    try:
        usable(base)
    except (ModelMissing, ModelDamaged):
        return Overlaid(base, good)
    for name, value in kept.items():
        try:
            usable(overlaid(load, {**good, name: value}))
        except (ConfigError, Unfit, ModelMissing, ModelDamaged) as error:
            dropped[name] = str(error)
        else:
            good[name] = value
    return Overlaid(overlaid(load, good), good, dropped)


def kept_in(document: Mapping[str, Any]) -> dict[str, Value]:
    """Out of a stored document: the settings that are a matter of configuration, of the right kind, in their order."""
    return dict(_kept_in(document))


def _kept_in(document: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    for name, setting in SETTINGS.items():
        if name in document and not setting.live:
            try:
                yield name, fitting(setting, document[name])
            except Unfit:
                continue


def overrides(base: Config, kept: Kept) -> dict[str, object]:
    """Keys of the configuration and their values, for these settings."""
    keys: dict[str, object] = {}
    language = str(kept.get("language", base.persona.language))
    if "language" in kept:
        keys |= _at_home_in(base, language)
    for name in in_force(base, kept):
        if name not in ("wake_word", "wake_threshold", "llm_profile"):
            keys[SETTINGS[name].key] = kept[name]
    if "llm_profile" in kept:
        chosen = kept["llm_profile"]
        keys["llm.use"] = [chosen, *(name for name in base.llm.use if name != chosen)]
    return keys | _wake(base, kept)


def in_force(base: Config, kept: Kept) -> tuple[str, ...]:
    """The names of those that count: a voice that does not speak the language in force is set aside."""
    language = str(kept.get("language", base.persona.language))
    aside = "voice" in kept and not personas.speaks(str(kept["voice"]), "tts-piper", language)
    return tuple(name for name in kept if not (name == "voice" and aside))


def _at_home_in(base: Config, language: str) -> dict[str, object]:
    """Let go of the file's models that do not speak it: what is installed for the language takes their place."""
    keys: dict[str, object] = {"persona.language": language}
    if not personas.speaks(base.tts.voice, "tts-piper", language):
        keys["tts.voice"] = None
    if not personas.speaks_asr(base, language):
        keys["asr.model"] = None
    return keys


def _wake(base: Config, kept: Kept) -> dict[str, object]:
    """The words, where another one comes first or another threshold counts (a word's own wins over the section's)."""
    words, keys = base.wake.words, dict[str, object]()
    if "wake_word" in kept:
        chosen = str(kept["wake_word"])
        known = next((word for word in words if word.model == chosen), WakeWord(model=chosen))
        at = _free(base)
        words = (*words[:at], known, *words[at + 1 :])
        words = tuple(word for place, word in enumerate(words) if place == at or word.model != chosen)
    if "wake_threshold" in kept:
        keys["wake.threshold"] = kept["wake_threshold"]
        words = tuple(word.model_copy(update={"threshold": kept["wake_threshold"]}) for word in words)
    if words != base.wake.words:
        keys["wake.words"] = [word.model_dump(exclude_none=True) for word in words]
    return keys


def _free(config: Config) -> int:
    """The place of the word that the setting is about: the first that is no persona's own, else the first."""
    words, owned = config.wake.words, owners(config.personas)
    return next((place for place, word in enumerate(words) if word.model not in owned), 0)


def held(config: Config, changed: Collection[str]) -> dict[str, Held]:
    """All settings that are a matter of configuration, as they are in force."""
    names = [name for name, setting in SETTINGS.items() if not setting.live]
    return {name: Held(value_of(config, name), name in changed) for name in names}


def value_of(config: Config, name: str) -> Value | None:
    """What the configuration says about a setting; None where it leaves that open."""
    match name:
        case "wake_word":
            return config.wake.words[_free(config)].model
        case "wake_threshold":
            return _threshold(config.wake)
        case "llm_profile":
            return config.llm.use[0] if config.llm.use else None
        case "voice":
            return choices.voice_name(config)
        case _:
            return _at(config, find(name).key)


def _at(config: Config, key: str) -> Value | None:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part, None)
    return value if isinstance(value, bool | int | float | str) else None


def _threshold(wake: WakeSection) -> float | None:
    """That of the first word; None where microWakeWord's model brings its own, which the section's does not replace."""
    word = wake.words[0]
    own = wake.engine == "microwakeword" or word.model.endswith(".json")
    return word.threshold or (None if own else wake.threshold)


def _check_choices(config: Config, chosen: Mapping[str, str]) -> None:
    """Raises Unfit."""
    offered = choices.options(config)
    for name, value in chosen.items():
        if value not in offered[name]:
            raise Unfit(_not_offered(name, value, offered[name]))


def _not_offered(name: str, given: str, offered: tuple[str, ...]) -> str:
    if not offered:
        return f"{name}: there is nothing to choose from"
    near = get_close_matches(given, offered, 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f"{name}: there is no such choice; there are {', '.join(offered)}{hint}"
