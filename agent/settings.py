"""Settings: what may be changed while the agent runs, by MQTT or by voice, and stays changed over a restart.

A setting stands for a key of the configuration: the file says what it is until somebody changes it, and again when
somebody takes the change back. Three of them (volume, mute, do not disturb) act at once, all others make the agent
reload. One table, and one judge of values (`fitting`), so that commands, discovery, dialogue and daemon agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

MAX_CHOICE = 200  # characters


@dataclass(frozen=True, slots=True)
class Switch:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Number:
    """From `low` to `high`, both included; whole where `step` is."""

    low: float
    high: float
    step: float
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of what is installed or configured: `of` says of what."""

    of: Literal["wake_words", "voices", "llm_profiles", "personas", "languages"]


@dataclass(frozen=True, slots=True)
class Setting:
    """`key`: what it stands for in the configuration, "" where it is no matter of configuration.

    `live`: the dialogue itself changes it, at once.
    """

    kind: Switch | Number | Choice
    key: str = ""
    live: bool = False


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "volume": Setting(Number(0, 100, 1, "%"), "audio.speaker.volume_percent", live=True),
        "mute": Setting(Switch(), live=True),
        "do_not_disturb": Setting(Switch(), live=True),
        "night_volume": Setting(Number(0, 100, 1, "%"), "room.night_volume_percent"),
        "follow_up": Setting(Switch(), "conversation.follow_up"),
        "barge_in": Setting(Switch(), "conversation.barge_in"),
        "wake_threshold": Setting(Number(0.05, 0.99, 0.01), "wake.threshold"),
        "silence": Setting(Number(100, 5000, 10, "ms"), "endpoint.silence_ms"),
        "wake_word": Setting(Choice("wake_words"), "wake.words"),
        "voice": Setting(Choice("voices"), "tts.voice"),
        "llm_profile": Setting(Choice("llm_profiles"), "llm.use"),
        "persona": Setting(Choice("personas"), "persona.use"),
        "language": Setting(Choice("languages"), "persona.language"),
    }
)


class Unfit(ValueError):
    """No value for this setting, or no such setting; says what would be, and repeats nothing of what was given."""


def find(name: str) -> Setting:
    """The setting of this name. Raises Unfit."""
    setting = SETTINGS.get(name)
    if setting is None:
        near = get_close_matches(name[:40], SETTINGS, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise Unfit(f"settings are {', '.join(SETTINGS)}{hint}")
    return setting


def fitting(setting: Setting, value: object) -> bool | int | float | str:
    """The value as the setting takes it, which is a whole number where its steps are: 5.0 becomes 5. Raises Unfit.

    Whether a choice is among those that there are, only the daemon can tell.
    """
    match setting.kind:
        case Switch() if isinstance(value, bool):
            return value
        case Switch():
            raise Unfit("has to be true or false")
        case Number() as kind:
            return _number(kind, value)
        case Choice():
            if not isinstance(value, str) or not 0 < len(value) <= MAX_CHOICE or not value.isprintable():
                raise Unfit(f"has to be a text of 1 to {MAX_CHOICE} printable characters")
            return value


def _number(kind: Number, value: object) -> int | float:
    whole = float(kind.step).is_integer()
    wanted = f"has to be a {'whole ' if whole else ''}number from {kind.low:g} to {kind.high:g}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not kind.low <= value <= kind.high:
        raise Unfit(wanted)
    if whole and not float(value).is_integer():
        raise Unfit(wanted)
    return int(value) if whole else float(value)
