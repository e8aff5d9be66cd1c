"""Intents that the language model calls as tools of our own: done as if the user had said them, and told to the model.

Nothing of it is spoken, since the model is about to answer: the words go to it, as data. Whether the call is let
through has been decided before (`agent.thinking.policy`), with the user's consent where that is needed.
"""

from __future__ import annotations

from dataclasses import replace

from agent.actions import INTENT
from agent.commands import ShowEvent
from agent.dialogue import actions, timers
from agent.dialogue.origin import Called
from agent.dialogue.resumption import kept
from agent.dialogue.state import Speaking, State, Step, Thinking, enter
from agent.events import IntentCalled
from agent.requests import Intent, shown


def called(state: State, event: IntentCalled) -> Step:
    """Only while the model is at work on this turn; a call of another turn has not come here."""
    origin, intent = Called(event.turn, event.call), event.intent
    if not _at_work(state):
        return state, (origin.failed("too late: nothing was done"),)
    state = kept(state)
    if isinstance(state.activity, Thinking):
        # What the model does itself is not done once more where it then has nothing to say.
        state = enter(state, replace(state.activity, fallback=None))
    if intent.name == INTENT:
        after, commands = actions.perform(state, event.at, intent, origin)
    elif intent.name in timers.INTENTS:
        after, commands = timers.perform(state, event.at, intent, origin)
    else:
        return state, (origin.failed("there is no such command"),)
    return after, (told(state, intent), *commands)


def told(state: State, intent: Intent) -> ShowEvent:
    """The event "intent"."""
    slots = {"called" if slot == "name" else slot: value for slot, value in intent.slots.items()}
    return ShowEvent("intent", state.turn, {"name": intent.name, **slots, "persona": shown(state.talk.persona)})


def _at_work(state: State) -> bool:
    match state.activity:
        case Thinking():
            return True
        case Speaking(complete=complete):
            return not complete
        case _:
            return False
