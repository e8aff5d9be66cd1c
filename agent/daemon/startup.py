"""What the daemon begins with: the dialogue's first state, from configuration and from what outlived the last run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.commands import ShowHealth, ShowSetting, ShowState
from agent.config import Config
from agent.daemon.plan import rules_of
from agent.daemon.store import read_settings
from agent.dialogue.state import State
from agent.engines import Engines
from agent.hearing.words import wake_name


def first_state(config: Config, folder: Path) -> State:
    """Idle, with the volume and mute that were last set; a value that makes no sense is as good as none."""
    kept = read_settings(folder)
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
        switched_off=config.panel.mute_switch.pin is not None,  # until it has been read
    )


def renewed(state: State, old: Config, new: Config, volume_kept: bool) -> State:
    """The same dialogue under another configuration. What somebody has set (`volume_kept`) stays."""
    percent = new.audio.speaker.volume_percent
    followed = percent != old.audio.speaker.volume_percent and not volume_kept
    health = {part: each for part, each in state.health.items() if part != "mqtt" or new.mqtt.enabled}
    unread = new.panel != old.panel and new.panel.mute_switch.pin is not None
    return replace(
        state,
        rules=rules_of(new),
        health=health,
        volume=percent if followed else state.volume,
        switched_off=state.switched_off or unread,
    )


def restored(state: State) -> tuple[ShowSetting | ShowState, ...]:
    """What the world is told from the start."""
    return (
        ShowSetting("volume", state.volume, keep=False, changed=state.volume_set),
        ShowSetting("mute", state.mic_off, keep=False, changed=state.muted),
        ShowSetting("do_not_disturb", state.do_not_disturb, keep=False, changed=state.do_not_disturb),
        ShowState(state.phase, state.turn),
    )


def health_of(state: State) -> tuple[ShowHealth, ...]:
    """How the parts are, for somebody who has not been told."""
    return tuple(ShowHealth(part, each.status, each.reason, each.since) for part, each in state.health.items())


def engine_names(config: Config, chosen: Engines) -> dict[str, str]:
    """Which engine did what, for receipts."""
    voice = chosen.tts.model.stem if chosen.tts.model else config.persona.language
    return {
        "wake": config.wake.engine,
        "asr": f"{chosen.asr.engine}:{chosen.asr.model.name}",
        "llm": ", ".join(config.llm.use),
        "tts": f"{chosen.tts.engine}:{voice}",
    }


def names(config: Config) -> tuple[str, ...]:
    """How people address the agent; a command may begin with it."""
    words = (wake_name(word.model).replace("_", " ") for word in config.wake.words)
    return (config.persona.name, *words)
