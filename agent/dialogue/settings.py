"""Settings that change while the agent runs: volume and mute."""

from __future__ import annotations

from dataclasses import replace

from agent.commands import SetMute, SetVolume, ShowSetting
from agent.dialogue.state import State, Step


def set_volume(state: State, percent: int) -> Step:
    """Change the volume; beyond 0 and 100 it stays at the end."""
    volume = min(100, max(0, percent))
    return replace(state, volume=volume), (SetVolume(volume), ShowSetting("volume", volume))


def set_mute(state: State, on: bool) -> Step:
    """Close or open the gate in front of the wake word. It stays as it is until somebody changes it."""
    return replace(state, muted=on), (SetMute(on), ShowSetting("mute", on))
