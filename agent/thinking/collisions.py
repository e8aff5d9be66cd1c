"""Sentences of one's own actions that nobody will ever reach, being a command already, or another action's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from agent.actions import Action
from agent.thinking.own_sentences import OwnSentences
from agent.thinking.templates import Templates, known

MAX_SAMPLES = 5000  # of all sentences, which takes seconds


def collisions(actions: Sequence[Action], language: str) -> Iterator[str]:
    """One warning for each two that collide, found by samples of each sentence."""
    if not actions or not known(language):
        return
    templates = Templates(language)
    own = OwnSentences(templates, actions)
    told: set[tuple[str, str]] = set()
    for action, text in islice(own.samples(), MAX_SAMPLES):
        other = _taken_by(templates, own, action, text)
        if other and (action.name, other) not in told:
            told.add((action.name, other))
            yield f'actions: "{text}" of "{action.name}" is {other}, which comes first ({language})'


def _taken_by(templates: Templates, own: OwnSentences, action: Action, text: str) -> str:
    """Who else understands this sentence, and before the action; "" for nobody."""
    for candidate in templates.candidates(text):
        if found := templates.match(candidate):
            return f'a command of the agent\'s own ("{found.name}")'
        if found := own.match(candidate):
            name = found.slots["action"]
            return "" if name == action.name else f'a sentence of the action "{name}"'
    return ""
