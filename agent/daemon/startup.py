"""What the daemon begins with: the dialogue's first state, from configuration and from what outlived the last run."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent import engines, models, personas
from agent.commands import ShowHealth, ShowSetting, ShowState
from agent.config import Config
from agent.daemon.overlay import Load, Overlaid, held, kept_in, sifted
from agent.daemon.plan import Plan, rules_of
from agent.daemon.store import DIGESTS, read_restart
from agent.daemon.systemd import Notifier
from agent.dialogue.state import State
from agent.dialogue.timerbook import Book
from agent.engines import Engines, PersonaEngines
from agent.events import Instant
from agent.hearing import wakewords
from agent.hearing.wake import WakeModelError
from agent.hearing.words import wake_name
from agent.thinking.intents import Intents
from agent.timers import Timer

log = logging.getLogger(__name__)

LOADING_S, SLOWEST_BYTES_S = 60.0, 4e6  # a worn SD card, and the checksum on the slowest board
RESTART_AFTER_S = 75.0  # so that commands alone never reach the unit's StartLimitBurst=5 in StartLimitIntervalSec=300


@dataclass(frozen=True, slots=True)
class Source:
    """Where the configuration comes from. `kept`: the stored settings; `folder`: where state is kept."""

    load: Load
    file: Path | None
    folder: Path
    kept: Mapping[str, Any]


def planned(source: Source, notifier: Notifier) -> tuple[Plan, Overlaid]:
    """What to run with: what somebody has set lies over the configuration, as far as it makes sense.

    Raises ConfigError, ModelMissing and ModelDamaged of the configuration itself.
    """

    def usable(config: Config) -> None:
        for path in engines.choose(config).models():
            notifier.extend(LOADING_S + _size(path) / SLOWEST_BYTES_S)
            models.verify(path, cached=source.folder / DIGESTS)

    kept = kept_in(source.kept)
    laid = sifted(source.load, kept, usable)
    if "wake_word" in laid.kept and (why := _does_not_load(laid.config)):
        laid = sifted(source.load, {name: value for name, value in kept.items() if name != "wake_word"}, usable)
        laid = replace(laid, dropped={**laid.dropped, "wake_word": why})
    tell_dropped(laid.dropped)
    usable(laid.config)
    return Plan(laid.config, engines.choose(laid.config)), laid


def tell_dropped(dropped: Mapping[str, str]) -> None:
    """All in one line: a warning that comes again within seconds is held back."""
    if dropped:
        shown = ", ".join(f"{name} ({'; '.join(why.splitlines())})" for name, why in dropped.items())
        log.warning(
            "settings left out, since they make no sense any more: %s", shown, extra={"code": "setting.dropped"}
        )


def _does_not_load(config: Config) -> str:
    """Why the wake words cannot be loaded: an operator's own model has no checksum that would tell."""
    try:
        wakewords.load(config)
    except WakeModelError as error:
        return str(error)
    return ""


def _size(model: Path) -> int:
    """Bytes of a model, which is a file or a folder."""
    return sum(file.stat().st_size for file in (model.rglob("*") if model.is_dir() else (model,)) if file.is_file())


def first_state(
    config: Config, kept: Mapping[str, Any], laid_over: Collection[str], restart_from: float | None, book: Book
) -> State:
    """Idle, with what was last set (`kept`); a live value that makes no sense is as good as none.

    `laid_over`: the names of the others that are in force. `restart_from`, `book`: see State.
    """
    volume = kept.get("volume")
    valid = isinstance(volume, int) and not isinstance(volume, bool) and 0 <= volume <= 100
    chosen = int((volume if valid else config.audio.speaker.volume_percent) or 0)
    return State(
        rules=rules_of(config),
        volume=chosen,
        told=chosen,
        volume_set=valid,
        muted=kept.get("mute") is True,
        do_not_disturb=kept.get("do_not_disturb") is True,
        settings=held(config, laid_over),
        restart_from=restart_from,
        switched_off=config.panel.mute_switch.pin is not None,  # until it has been read
        book=book,
    )


def kept_book(timers: tuple[Timer, ...], at: Instant) -> Book:
    """What was kept; what has become due meanwhile, the first deadline finds."""
    return Book(timers, ahead=at.wall.timestamp() - at.mono)


def restart_from(environment: Mapping[str, str], folder: Path) -> float | None:
    """From which monotonic second on a restart may be asked for; None where no systemd waits for us to end."""
    if not environment.get("NOTIFY_SOCKET"):
        return None
    last = read_restart(folder)
    return 0.0 if last is None else last + RESTART_AFTER_S


def renewed(state: State, old: Config, new: Config, laid_over: Collection[str]) -> State:
    """The same dialogue under another configuration. What somebody has set stays."""
    percent = new.audio.speaker.volume_percent
    followed = percent != old.audio.speaker.volume_percent and not state.volume_set
    health = {part: each for part, each in state.health.items() if part != "mqtt" or new.mqtt.enabled}
    unread = new.panel != old.panel and new.panel.mute_switch.pin is not None
    return replace(
        state,
        rules=rules_of(new),
        health=health,
        volume=percent if followed else state.volume,
        settings=held(new, laid_over),
        switched_off=state.switched_off or unread,
    )


def restored(state: State) -> tuple[ShowSetting | ShowState, ...]:
    """What the world is told from the start."""
    return (
        ShowSetting("volume", state.volume, keep=False, changed=state.volume_set),
        ShowSetting("mute", state.mic_off, keep=False, changed=state.muted),
        ShowSetting("do_not_disturb", state.do_not_disturb, keep=False, changed=state.do_not_disturb),
        *(ShowSetting(name, each.value, keep=False, changed=each.changed) for name, each in state.settings.items()),
        ShowState(state.phase, state.turn),
    )


def health_of(state: State) -> tuple[ShowHealth, ...]:
    """How the parts are, for somebody who has not been told."""
    return tuple(ShowHealth(part, each.status, each.reason, each.since) for part, each in state.health.items())


def engine_names(config: Config, chosen: Engines) -> dict[str, dict[str, str]]:
    """Which engine did what for whom, for receipts: by persona and part."""
    return {name: _names(each, chosen.of(name)) for name, each in personas.configurations(config).items()}


def _names(config: Config, chosen: PersonaEngines) -> dict[str, str]:
    voice = chosen.tts.model.stem if chosen.tts.model else config.tts.voice or config.persona.language
    return {
        "wake": config.wake.engine,
        "asr": f"{chosen.asr.engine}:{chosen.asr.model.name}",
        "llm": ", ".join(config.llm.use),
        "tts": f"{chosen.tts.engine}:{voice}",
    }


def names(config: Config) -> tuple[str, ...]:
    """How people address the agent; a command may begin with it."""
    words = (wake_name(word.model).replace("_", " ") for word in config.wake.words)
    return (*personas.called(config), *words)


def understood(config: Config) -> dict[str, Intents]:
    """Language -> the commands that are understood in it; loaded when first needed, or warmed."""
    languages = dict.fromkeys(each.persona.language for each in personas.configurations(config).values())
    actions = [section.compiled() for section in config.actions]
    return {language: Intents(language, names(config), actions) for language in languages}
