"""Settings that change while the agent runs.

Volume, mute and do not disturb are changed here, at once. All others are a matter of configuration: the daemon is asked
to change them, and tells by `SettingChanged` what came of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from agent.commands import Command, SetMute, SetVolume, ShowEvent, ShowSetting
from agent.dialogue.results import done, told
from agent.dialogue.state import Held, State, Step
from agent.events import SettingChanged

LOCKED = "the switch on the device is on: slide it"
MuteSource = Literal["command", "voice", "button", "switch"]


def set_volume(state: State, percent: int | None) -> Step:
    """Change the volume; beyond 0 and 100 it stays at the end. None: as the configuration says."""
    chosen = state.rules.volume if percent is None else percent
    volume, is_set = min(100, max(0, chosen)), percent is not None
    after = replace(state, volume=volume, volume_set=is_set)
    return after, (SetVolume(volume), ShowSetting("volume", volume, changed=is_set))


def set_do_not_disturb(state: State, on: bool) -> Step:
    """Keep announcements away, or let them through again."""
    return replace(state, do_not_disturb=on), (ShowSetting("do_not_disturb", on, changed=on),)


def setting_changed(state: State, event: SettingChanged) -> Step:
    """What came of a change that the configuration had to take; whoever asked for it is told."""
    if event.ok:
        held = {**state.settings, event.name: Held(event.value, event.changed)}
        shown = ShowSetting(event.name, event.value, changed=event.changed)
        return replace(state, settings=held), (shown, *done(event.id))
    return state, told(event.id, "refused", event.reason)


def set_mute(state: State, on: bool, source: MuteSource) -> Step:
    """Close or open the gate in front of the wake word, as somebody asks. It stays so until somebody changes it.

    What the switch on the device has closed stays closed: callers refuse that first with `locked`.
    """
    after = replace(state, muted=on)
    return _gate(state, after, ShowSetting("mute", after.mic_off, changed=on), source)


def set_switch(state: State, on: bool, fault: str) -> Step:
    """The switch on the device closes the gate, or leaves it to what was asked for. That is shown, and not kept."""
    after = replace(state, switched_off=on, switch_fault=fault if on else "")
    return _gate(state, after, ShowSetting("mute", after.mic_off, keep=False, changed=after.muted), "switch")


def locked(state: State) -> str:
    """Why nobody but the switch can open the microphone."""
    return f"the mute switch cannot be read: {state.switch_fault}" if state.switch_fault else LOCKED


def _gate(before: State, after: State, shown: ShowSetting, source: MuteSource) -> Step:
    event: tuple[Command, ...] = ()
    if before.mic_off != after.mic_off:
        event = (ShowEvent("mute", None, {"on": after.mic_off, "source": source}),)
    return after, (SetMute(after.mic_off), shown, *event)
