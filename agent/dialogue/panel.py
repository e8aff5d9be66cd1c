"""The button and the mute switch on the device.

Rule: while the switch is on, nothing else opens the microphone; whoever asks for it is told so.
"""

from __future__ import annotations

from typing import assert_never

from agent.commands import Command, Earcon, ShowEvent
from agent.dialogue.replies import leave
from agent.dialogue.requests import requested
from agent.dialogue.settings import locked, set_switch
from agent.dialogue.state import Idle, State, Step
from agent.events import MuteSwitched, Pressed, Requested
from agent.requests import ListenRequest, MuteRequest, StopRequest


def mute_switched(state: State, event: MuteSwitched) -> Step:
    """Whatever is being heard or said ends when the switch goes on, as with any other mute."""
    if (event.on, event.fault) == (state.switched_off, state.switch_fault):
        return state, ()
    after, commands = set_switch(state, event.on, event.fault)
    fault: tuple[Command, ...] = ()
    if event.fault:
        fault = (ShowEvent("error", None, {"code": "hardware_mute", "message": event.fault}),)
    if not event.on or state.switched_off:
        return after, (*commands, *fault)
    left, leaving = leave(after, event.at.mono)
    return left, (*leaving, *commands, Earcon(left.turn, "muted"), *fault)


def pressed(state: State, event: Pressed) -> Step:
    """What the button means, and that it was pressed; a press that can do nothing is answered by a sound."""
    after, commands = _obey(state, event)
    return after, (ShowEvent("button", None, {"action": event.action}), *commands)


def _obey(state: State, event: Pressed) -> Step:
    match event.action:
        case "stop":
            return _ask(state, event, StopRequest())
        case "listen" if not isinstance(state.activity, Idle) or state.book.bell.rings:
            return _ask(state, event, StopRequest())
        case "listen":
            listening, commands = _ask(state, event, ListenRequest())
            if listening.turn == state.turn:
                return state, (Earcon(state.turn, "muted" if state.mic_off else "error"),)
            return listening, commands
        case "mute":
            return _toggle(state, event)
        case unknown:
            assert_never(unknown)


def _toggle(state: State, event: Pressed) -> Step:
    if not state.switched_off:
        return _ask(state, event, MuteRequest(not state.muted))
    error = ShowEvent("error", None, {"code": "hardware_mute", "message": locked(state)})
    return state, (Earcon(state.turn, "error"), error)


def _ask(state: State, event: Pressed, request: StopRequest | ListenRequest | MuteRequest) -> Step:
    return requested(state, Requested(event.at, request), source="button")
