"""Settings that change while the agent runs: volume and mute."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from agent.commands import Command, SetMute, SetVolume, ShowEvent, ShowSetting
from agent.dialogue.state import State, Step

LOCKED = "the switch on the device is on: slide it"
MuteSource = Literal["command", "voice", "button", "switch"]


def set_volume(state: State, percent: int) -> Step:
    """Change the volume; beyond 0 and 100 it stays at the end."""
    volume = min(100, max(0, percent))
    return replace(state, volume=volume), (SetVolume(volume), ShowSetting("volume", volume))


def set_mute(state: State, on: bool, source: MuteSource) -> Step:
    """Close or open the gate in front of the wake word, as somebody asks. It stays so until somebody changes it.

    What the switch on the device has closed stays closed: callers refuse that first with `locked`.
    """
    return _gate(state, replace(state, muted=on), ShowSetting("mute", on or state.switched_off), source)


def set_switch(state: State, on: bool, fault: str) -> Step:
    """The switch on the device closes the gate, or leaves it to what was asked for. That is shown, and not kept."""
    after = replace(state, switched_off=on, switch_fault=fault if on else "")
    return _gate(state, after, ShowSetting("mute", after.mic_off, keep=False), "switch")


def locked(state: State) -> str:
    """Why nobody but the switch can open the microphone."""
    return f"the mute switch cannot be read: {state.switch_fault}" if state.switch_fault else LOCKED


def _gate(before: State, after: State, shown: ShowSetting, source: MuteSource) -> Step:
    event: tuple[Command, ...] = ()
    if before.mic_off != after.mic_off:
        event = (ShowEvent("mute", None, {"on": after.mic_off, "source": source}),)
    return after, (SetMute(after.mic_off), shown, *event)
