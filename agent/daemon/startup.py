"""What the daemon begins with: the dialogue's first state, from configuration and from what outlived the last run."""

from __future__ import annotations

from pathlib import Path

from agent.commands import ShowSetting, ShowState
from agent.config import Config
from agent.daemon.store import read_settings
from agent.dialogue.state import Rules, State
from agent.engines import Engines
from agent.hearing.words import wake_name


def first_state(config: Config, folder: Path) -> State:
    """Idle, with the volume and mute that were last set; a value that makes no sense is as good as none."""
    kept = read_settings(folder)
    volume = kept.get("volume")
    rules = Rules(
        language=config.persona.language,
        listening_limit=(config.endpoint.max_utterance_ms + config.endpoint.no_speech_ms) / 1000 + 3.0,
        thinking_sound_after=config.conversation.thinking_sound_ms / 1000,
        history_turns=config.conversation.history_turns,
        history_for=float(config.conversation.history_s),
    )
    valid = isinstance(volume, int) and not isinstance(volume, bool) and 0 <= volume <= 100
    chosen = volume if valid else config.audio.speaker.volume_percent
    return State(rules=rules, volume=int(chosen or 0), muted=kept.get("mute") is True)


def restored(state: State) -> tuple[ShowSetting | ShowState, ...]:
    """What the world is told from the start."""
    return (
        ShowSetting("volume", state.volume),
        ShowSetting("mute", state.muted),
        ShowState(state.phase, state.turn),
    )


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
