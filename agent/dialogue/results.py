"""The answer to a command that carried an id; one without gets none, or an event where nobody would notice."""

from __future__ import annotations

from collections.abc import Mapping

from agent.commands import Answer, Command, Scalar, ShowEvent

Data = Mapping[str, Scalar | tuple[Mapping[str, Scalar], ...]]


def done(request: str | None, data: Data | None = None) -> tuple[Command, ...]:
    return () if request is None else (Answer(request, ok=True, data=data or {}),)


def refused(request: str | None, code: str, message: str) -> tuple[Command, ...]:
    return () if request is None else (Answer(request, False, code, message),)


def told(request: str | None, code: str, message: str) -> tuple[Command, ...]:
    """Refused, for whoever pressed a button without an id: Home Assistant does."""
    return refused(request, code, message) or (ShowEvent("error", None, {"code": code, "message": message}),)
