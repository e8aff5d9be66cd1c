"""What came of it, told to whoever has asked: aloud, as the result of a command, or to the language model as data."""

from __future__ import annotations

from agent.dialogue.origin import Called, Commanded, Origin, Spoken
from agent.dialogue.phrases import phrase
from agent.dialogue.replies import fail, speak
from agent.dialogue.results import Data, done, told
from agent.dialogue.state import State, Step, Thinking


def answer(state: State, now: float, origin: Origin, words: str, data: Data | None = None) -> Step:
    """It is done."""
    match origin:
        case Spoken():
            return speak(state, now, words)
        case Commanded(id=id):
            return state, done(id, data)
        case Called() as called:
            return state, (called.done(words),)


def refuse(state: State, now: float, origin: Origin, key: str, **values: str | int) -> Step:
    """It cannot be done as it was asked for. `key`: the phrase that says why, and the code of a command's result."""
    if isinstance(origin, Spoken):
        return speak(state, now, phrase(state.language, key, **values))
    return _undone(state, origin, key, phrase("en", key, **values), **values)


def give_up(state: State, now: float, origin: Origin, key: str, detail: str) -> Step:
    """Something is broken. `key` as for `refuse`; `detail`: what, for the event and the result."""
    if isinstance(origin, Spoken):
        return fail(state, now, key, detail)
    return _undone(state, origin, key, detail)


def _undone(state: State, origin: Commanded | Called, key: str, detail: str, **values: str | int) -> Step:
    match origin:
        case Commanded(id=id):
            return state, told(id, key, detail)
        case Called() as called:
            return state, (called.failed(phrase(state.language, key, **values)),)


def waits(state: State, origin: Origin) -> bool:
    """Whether somebody still waits for the answer: who has gone on to something else meanwhile is not interrupted."""
    return not isinstance(origin, Spoken) or (state.turn == origin.turn and isinstance(state.activity, Thinking))
