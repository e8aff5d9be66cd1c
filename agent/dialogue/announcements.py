"""Announcements: what others have the agent say.

Rules:
- One at a time, when nothing else goes on: higher priority first, then first come, first said. Whoever talks with the
  agent has gone before, and so have the follow-ups.
- "high" waits only for its like. It ends whatever else goes on, also a question that somebody is asking: it is for
  alarms. What it has cut is not said again: its sender is told what of it was heard and can judge whether the rest is
  still worth saying, and nobody hears "dinner is ready" one and a half times.
- "low" is refused in quiet hours, both others are; under do not disturb all but "high" are refused. That is judged when
  it comes, so that the sender knows at once, and again when it would be said, for it may have waited.
- The queue is bounded. The last of it gives way, which may be another one than the one that came.
- The answer to each: heard, `interrupted` or `failed`, each with the words that were heard; or `stopped`, `quiet`,
  `do_not_disturb`, `queue_full`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from agent.dialogue.replies import begin, leave, speak
from agent.dialogue.results import refused
from agent.dialogue.state import Idle, PendingSay, State, Step
from agent.events import Instant
from agent.requests import Priority, SayRequest

_RANK: Mapping[Priority, int] = MappingProxyType({"high": 0, "normal": 1, "low": 2})


def announce(state: State, at: Instant, request: SayRequest, id: str | None) -> Step:
    """Take an announcement; `say_next` will say it."""
    reason = _unwanted(state, request, at.wall)
    if reason is not None:
        return state, refused(id, *reason)
    queue = sorted((*state.pending, PendingSay(request, id)), key=lambda say: _RANK[say.request.priority])
    limit = state.rules.pending_says
    crowded = tuple(c for say in queue[limit:] for c in refused(say.id, "queue_full", f"{limit} announcements wait"))
    waiting = replace(state, pending=tuple(queue[:limit]))
    if not _gives_way(state, request):
        return waiting, crowded
    left, leaving = leave(waiting, at.mono)
    return left, (*leaving, *crowded)


def say_next(state: State, at: Instant) -> Step:
    """When nothing goes on, say what is to be said next."""
    if not state.pending or not isinstance(state.activity, Idle):
        return state, ()
    first, *rest = state.pending
    state = replace(state, pending=tuple(rest))
    reason = _unwanted(state, first.request, at.wall)
    if reason is not None:
        later, commands = say_next(state, at)
        return later, (*refused(first.id, *reason), *commands)
    persona = state.rules.cast.named(first.request.persona)
    begun = begin(state, first.id, announcement=first.request, persona=persona)
    return speak(begun, at.mono, first.request.text, chime=first.request.chime, sound=first.request.sound)


def drop(state: State) -> Step:
    """Say nothing of what waits."""
    unsaid = (refused(say.id, "stopped", "stopped before it was said") for say in state.pending)
    return replace(state, pending=()), tuple(command for refusal in unsaid for command in refusal)


def _unwanted(state: State, request: SayRequest, wall: datetime) -> tuple[str, str] | None:
    """Code and reason for refusing it, at this moment."""
    quiet = state.rules.quiet
    if request.priority == "high":
        return None
    if state.do_not_disturb:
        return "do_not_disturb", 'nobody is to be disturbed; only the priority "high" is said'
    if request.priority == "low" and quiet is not None and quiet.contain(wall):
        return "quiet", f'quiet hours until {quiet.end:%H:%M}; "normal" is said softly, "high" as ever'
    return None


def _gives_way(state: State, request: SayRequest) -> bool:
    """Whether what goes on ends for it."""
    if request.priority != "high" or isinstance(state.activity, Idle):
        return False
    said = state.talk.announcement
    return said is None or said.priority != "high"
