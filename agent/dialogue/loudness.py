"""How loud the speaker is to be.

Rules:
- `State.volume` is what somebody has set. An announcement may have a volume of its own while it is being said; whoever
  sets the volume meanwhile has the last word.
- In quiet hours nothing is louder than the night volume, but for announcements of high priority and what rings.
- The speaker is told before the first sound at another volume. So nobody has to restore anything, however an
  announcement ends; and no clock has to ring when quiet hours begin, since the next sound finds them begun.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from agent.commands import Command, Earcon, SetVolume, Speak
from agent.dialogue.state import Idle, Speaking, State, Step


def loudness(state: State, wall: datetime) -> int:
    """Percent, at this moment."""
    announcement = state.talk.announcement if isinstance(state.activity, Speaking) else None
    own = None if announcement is None else announcement.volume_percent
    percent = state.volume if own is None else own
    rings = state.book.bell.rings and isinstance(state.activity, Idle)
    if rings or (announcement is not None and announcement.priority == "high"):
        return percent
    quiet = state.rules.quiet
    return min(percent, state.rules.night_volume) if quiet is not None and quiet.contain(wall) else percent


def adjust(state: State, commands: tuple[Command, ...], wall: datetime) -> Step:
    """Tell the speaker, where `commands` lead to another loudness than it knows of, or set the volume anew."""
    is_set = any(isinstance(command, SetVolume) for command in commands)
    if is_set:
        state = _without_own(state)
        commands = tuple(command for command in commands if not isinstance(command, SetVolume))
    wanted = loudness(state, wall)
    if wanted == state.told and not is_set:
        return state, commands
    first = next((n for n, command in enumerate(commands) if isinstance(command, Speak | Earcon)), len(commands))
    return replace(state, told=wanted), (*commands[:first], SetVolume(wanted), *commands[first:])


def _without_own(state: State) -> State:
    announcement = state.talk.announcement
    if announcement is None:
        return state
    return replace(state, talk=replace(state.talk, announcement=replace(announcement, volume_percent=None)))
