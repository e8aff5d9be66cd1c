"""The health of the parts, and what its loss means for a turn."""

from __future__ import annotations

from dataclasses import replace

from agent.commands import ShowHealth
from agent.dialogue.replies import fail, silence
from agent.dialogue.state import Contending, Listening, PartHealth, State, Step
from agent.events import Health


def health(state: State, event: Health) -> Step:
    """Note a change and show it. Whoever is listened to when the microphone goes is told so."""
    known = state.health.get(event.part)
    if known is not None and (known.status, known.reason) == (event.status, event.reason):
        return state, ()
    since = event.at.wall if known is None or known.status != event.status else known.since
    parts = {**state.health, event.part: PartHealth(event.status, event.reason, since)}
    state = replace(state, health=parts)
    shown = ShowHealth(event.part, event.status, event.reason, since)
    if event.part == "mic" and event.status == "failed" and isinstance(state.activity, Contending | Listening):
        stopping = silence(state)
        failed, commands = fail(state, event.at.mono, "mic_lost", event.reason)
        return failed, (shown, *stopping, *commands)
    return state, (shown,)
