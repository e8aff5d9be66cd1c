"""Commands from outside: MQTT and the command line. Each with an id is answered once, when its work is done."""

from __future__ import annotations

from math import ceil
from typing import assert_never

from agent.commands import ChangeSetting, Command, Earcon, Examine, Restart, ShowTranscript
from agent.dialogue.announcements import announce, drop
from agent.dialogue.origin import Commanded
from agent.dialogue.replies import begin, leave
from agent.dialogue.results import done, refused, told
from agent.dialogue.ringing import hush, woken
from agent.dialogue.settings import MuteSource, locked, set_do_not_disturb, set_mute, set_volume
from agent.dialogue.state import State, Step
from agent.dialogue.timers import perform
from agent.dialogue.turn import ask, listen
from agent.events import Requested
from agent.requests import (
    AskRequest,
    DoctorRequest,
    ListenRequest,
    MuteRequest,
    RestartRequest,
    SayRequest,
    SettingRequest,
    StopRequest,
    TimerRequest,
    VolumeRequest,
)


def requested(state: State, event: Requested, source: MuteSource = "command") -> Step:
    """Do what was asked for; `say` waits for the turn that is going on, everything else acts at once."""
    cast, request = state.rules.cast, event.request
    named = request.persona if isinstance(request, ListenRequest | SayRequest | AskRequest) else None
    if cast.unknown(named):
        return state, refused(event.id, "unknown_persona", f"personas are {', '.join(cast.all)}")
    return _obey(state, event, cast.named(named), source)


def _obey(state: State, event: Requested, persona: str, source: MuteSource) -> Step:
    now = event.at.mono
    match event.request:
        case ListenRequest(since=since):
            listening, commands = _listen(state, now, event.id, persona, since)
            hushed, hushing = woken(state, listening, event.at)
            return hushed, (*commands, *hushing)
        case StopRequest(parting=parting):
            emptied, dropping = drop(state)
            stopped, commands = leave(emptied, now)
            hushed, hushing = (stopped, ()) if parting else hush(stopped, event.at, source)
            return hushed, (*commands, *hushing, *dropping, *done(event.id))
        case SayRequest():
            return announce(state, event.at, event.request, event.id)
        case AskRequest(text=text, intent=intent):
            left, leaving = leave(state, now)
            begun = begin(left, event.id, asked=text, persona=persona)
            asked, asking = ask(begun, now, event.at.wall, text, intent)
            return asked, (*leaving, ShowTranscript(begun.turn, text, final=True), *asking)
        case MuteRequest(on=on):
            return _mute(state, now, on, event.id, source)
        case VolumeRequest(percent=percent):
            changed, commands = set_volume(state, percent)
            return changed, (*commands, *done(event.id))
        case SettingRequest():
            return _setting(state, event, event.request, source)
        case TimerRequest(intent=intent):
            return perform(state, event.at, intent, Commanded(event.id))
        case DoctorRequest() | RestartRequest():
            return _serviced(state, event, event.request)
        case unknown:
            assert_never(unknown)


def _listen(state: State, now: float, request: str | None, persona: str, since: float | None) -> Step:
    if state.switched_off:
        return state, refused(request, "hardware_mute", locked(state))
    if state.muted:
        return state, refused(request, "muted", 'the microphone is off; send {"on": false} to cmd/mute first')
    mic = state.health.get("mic")
    if mic is not None and mic.status == "failed":
        return state, refused(request, "no_microphone", mic.reason)
    left, leaving = leave(state, now)
    listening, commands = listen(left, now, persona, since, chime_at=now, request=request, woken=False)
    return listening, (*leaving, *commands)


def _mute(state: State, now: float, on: bool, request: str | None, source: MuteSource) -> Step:
    if state.switched_off and not on:
        return state, refused(request, "hardware_mute", locked(state))
    muted, commands = set_mute(state, on, source)
    left, leaving = leave(muted, now) if on else (muted, ())
    sound: tuple[Command, ...] = (Earcon(left.turn, "muted"),) if on and not state.muted else ()
    return left, (*leaving, *commands, *sound, *done(request))


def _setting(state: State, event: Requested, request: SettingRequest, source: MuteSource) -> Step:
    """Live settings are changed here; for all others the configuration is."""
    value = request.value
    match request.name:
        case "volume" if not isinstance(value, str):
            changed, commands = set_volume(state, None if value is None else int(value))
            return changed, (*commands, *done(event.id))
        case "mute":
            return _mute(state, event.at.mono, bool(value), event.id, source)
        case "do_not_disturb":
            changed, commands = set_do_not_disturb(state, bool(value))
            return changed, (*commands, *done(event.id))
        case name:
            return state, (ChangeSetting(name, value, event.id),)


def _serviced(state: State, event: Requested, request: DoctorRequest | RestartRequest) -> Step:
    match request:
        case DoctorRequest():
            return state, (Examine(event.id),)
        case RestartRequest():
            return _restart(state, event.at.mono, event.id)


def _restart(state: State, now: float, request: str | None) -> Step:
    """Answered before it is done: nobody will be there to answer after it."""
    if state.restart_from is None:
        remedy = "no systemd would start the agent again; end it and start it by hand, or install the service"
        return state, told(request, "unsupported", remedy)
    if now < state.restart_from:
        left = ceil(state.restart_from - now)
        return state, told(request, "refused", f"it has just been restarted; ask again in {left} s")
    return state, (*done(request), Restart())
