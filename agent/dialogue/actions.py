"""The user's own actions: what is said becomes a message, and is answered when the broker has taken it.

    intent ─Act─▶ Thinking ─Acted─▶ Speaking "the kitchen light is on"
                      └──refused, lost, or no word within ACT_LIMIT──▶ Speaking "that was not delivered"

Rules:
- Now or never: where there is no broker within ACT_LIMIT, that is said, and nothing of it is sent later. A light that
  goes on an hour later is a defect.
- Nobody is told that something is done before the broker has it. Where it has neither taken nor refused it, nobody
  knows, and that is what is said.
- One at a time: whoever asks for another has given up waiting for the one before.
"""

from __future__ import annotations

from dataclasses import replace

from agent.actions import Unfit
from agent.commands import Act
from agent.dialogue.acting import Acting
from agent.dialogue.origin import Origin, Spoken
from agent.dialogue.phrases import phrase
from agent.dialogue.state import State, Step, Thinking, enter
from agent.dialogue.telling import answer, give_up, waits
from agent.events import Acted, Instant
from agent.requests import Intent

ACT_LIMIT = 2.0


def perform(state: State, at: Instant, intent: Intent, origin: Origin) -> Step:
    """Do what an intent "action" asks for. One that is configured no more fails aloud."""
    said = {name: value for name, value in intent.slots.items() if name != "action"}
    action = state.rules.actions.get(str(intent.slots.get("action", "")))
    if action is None:
        return give_up(state, at.mono, origin, "failed", "there is no such action")
    try:
        topic, payload = action.message(said)
        words = action.reply(state.language, said) or phrase(state.language, "action_done")
    except Unfit as unfit:
        return give_up(state, at.mono, origin, "failed", f"{action.name}: {unfit}")
    acting = Acting(state.turn, action.name, at.mono + ACT_LIMIT, words, origin)
    after = replace(state, acting=acting)
    if isinstance(origin, Spoken):
        after = enter(after, Thinking(at.mono + state.rules.thinking_limit))
    return after, (Act(state.turn, action.name, topic, payload, action.qos, action.retain),)


def acted(state: State, event: Acted) -> Step:
    """What the broker says; of what nobody waits for any more, nothing follows."""
    acting = state.acting
    if acting is None or (acting.turn, acting.action) != (event.turn, event.action):
        return state, ()
    after, now = replace(state, acting=None), event.at.mono
    if not waits(state, acting.origin):
        return after, ()
    if not event.ok:
        return give_up(after, now, acting.origin, "action_failed", event.reason)
    return answer(after, now, acting.origin, acting.words)


def overdue(state: State, now: float) -> Step:
    """The broker has said nothing in time."""
    acting = state.acting
    if acting is None or acting.until > now:
        return state, ()
    after = replace(state, acting=None)
    if not waits(state, acting.origin):
        return after, ()
    return give_up(after, now, acting.origin, "action_unsure", f"{acting.action}: the broker has not confirmed it")
