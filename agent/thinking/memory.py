"""What the model is told: the system prompt, the recent past, the question.

Rules:
- The past holds what was asked and what was really heard, never what the model thought or wrote but nobody heard.
  A turn of which nothing was heard is left out, since many chat templates insist on alternating roles.
- The newest exchanges are kept, at most `turns` and HISTORY_CHARS in all (about 1,000 tokens: a context of 2,048, which
  small machines have, still holds prompt and answer). One long text is cut, not dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.commands import Exchange

HISTORY_CHARS = 4000
TEXT_CHARS = 1000
QUESTION_CHARS = 2000

Message = dict[str, str]


def messages(prompt: str, history: Sequence[Exchange], question: str, turns: int) -> list[Message]:
    """The list `messages` of a chat completion; without a system message where `prompt` is blank."""
    system = [_message("system", prompt)] if prompt.strip() else []
    past = [message for exchange in _recent(history, turns) for message in _exchange(exchange)]
    return [*system, *past, _message("user", _cut(question, QUESTION_CHARS))]


def _recent(history: Sequence[Exchange], turns: int) -> list[Exchange]:
    kept: list[Exchange] = []
    room = HISTORY_CHARS
    for exchange in reversed(history):
        if not exchange.asked.strip() or not exchange.heard.strip():
            continue
        short = Exchange(_cut(exchange.asked, TEXT_CHARS), _cut(exchange.heard, TEXT_CHARS))
        room -= len(short.asked) + len(short.heard)
        if len(kept) == turns or room < 0:
            break
        kept.append(short)
    return kept[::-1]


def _exchange(exchange: Exchange) -> list[Message]:
    return [_message("user", exchange.asked), _message("assistant", exchange.heard)]


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content.strip()}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
