"""The answer to a command that carried an id; one without gets none."""

from __future__ import annotations

from agent.commands import Answer, Command


def done(request: str | None) -> tuple[Command, ...]:
    return () if request is None else (Answer(request, ok=True),)


def refused(request: str | None, code: str, message: str) -> tuple[Command, ...]:
    return () if request is None else (Answer(request, False, code, message),)
