"""Sentence templates of the configuration, taken apart by hassil: do they parse, and which slots do they fill?"""

from __future__ import annotations

from hassil.errors import HassilError
from hassil.expression import Alternative, Expression, Group, ListReference, RuleReference, TextChunk
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError


class Unreadable(ValueError):
    """str() says what is wrong with a template."""


def always_said(sentence: str) -> frozenset[str]:
    """Slots that are filled whichever way it is said. Raises Unreadable."""
    return _always(_parsed(sentence))


def said_at_all(sentence: str) -> frozenset[str]:
    """Slots that are filled in one way or another. Raises Unreadable."""
    return _ever(_parsed(sentence))


def _parsed(sentence: str) -> Expression:
    try:
        expression: Expression = parse_sentence(sentence).expression
    except (ParseError, HassilError, ValueError, IndexError, RecursionError, AssertionError) as error:
        raise Unreadable(
            f"is no template: a bracket is not closed, or is one too many ({type(error).__name__})"
        ) from None
    if _has_rule(expression):
        raise Unreadable("must hold no <…>")
    if not _has_word(expression):
        raise Unreadable("needs a word of its own: slots alone would take every sentence for this")
    return expression


def _always(expression: Expression) -> frozenset[str]:
    match expression:
        case ListReference():
            return frozenset({expression.slot_name})
        case Alternative(is_optional=True):
            return frozenset()
        case Alternative(items=items) if items:
            return frozenset.intersection(*(_always(item) for item in items))
        case Group(items=items):
            return frozenset().union(*(_always(item) for item in items))
        case _:
            return frozenset()


def _ever(expression: Expression) -> frozenset[str]:
    match expression:
        case ListReference():
            return frozenset({expression.slot_name})
        case Group(items=items):
            return frozenset().union(*(_ever(item) for item in items))
        case _:
            return frozenset()


def _has_rule(expression: Expression) -> bool:
    return isinstance(expression, RuleReference) or (
        isinstance(expression, Group) and any(_has_rule(item) for item in expression.items)
    )


def _has_word(expression: Expression) -> bool:
    """Whether every way to say it has a word that is no slot."""
    match expression:
        case TextChunk(text=text):
            return any(letter.isalnum() for letter in text)
        case Alternative(is_optional=True):
            return False
        case Alternative(items=items):
            return bool(items) and all(_has_word(item) for item in items)
        case Group(items=items):
            return any(_has_word(item) for item in items)
        case _:
            return False
