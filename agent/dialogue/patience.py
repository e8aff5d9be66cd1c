"""How long a silence is waited for while somebody speaks: what the words so far make of it.

Rules:
- The driver says of each partial text whether it is complete, has to go on, or neither (`agent.events.Partial.hint`);
  the ear is told how much silence is enough then. It knows by itself that this holds only for these words.
- A short silence is no reason to lose a word: what is neither complete nor hanging waits as the configuration says.
- Where a question of ours is open, a plain yes or no is a complete answer.
"""

from __future__ import annotations

from dataclasses import replace

from agent.commands import Command, SetPatience, ShowTranscript
from agent.dialogue.assent import agrees
from agent.dialogue.state import Listening, State, Step, enter
from agent.events import Hint, Partial


def follow(state: State, listening: Listening, event: Partial) -> Step:
    """The words so far, while the ear listens."""
    hint = _hint(state, event)
    commands: tuple[Command, ...] = ()
    if event.text != listening.partial:
        commands += (ShowTranscript(state.turn, event.text, final=False),)
    if hint != "open" or listening.hint != "open":
        commands += (SetPatience(state.turn, state.rules.patience.after(hint), event.heard_ms),)
    return enter(state, replace(listening, chime_at=None, partial=event.text, hint=hint)), commands


def _hint(state: State, event: Partial) -> Hint:
    if state.talk.question and agrees(state.language, event.text):
        return "complete"
    return event.hint
