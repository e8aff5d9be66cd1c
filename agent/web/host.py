"""Whom guests visit, as the web sees it: what the daemon does for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from agent.requests import Request

if TYPE_CHECKING:
    from agent.web.visit import Visit


class Host(Protocol):
    """Any thread may call; nothing blocks, but for `begin` and `leave`."""

    def facts(self) -> Mapping[str, object]:
        """Who the agent is, for `welcome`."""

    def device(self) -> list[str]:
        """Messages that tell how the device is: timers, health, settings."""

    def begin(self, visit: Visit) -> bool:
        """Give the visit a conversation, unless it has one: engines are loaded. False where that cannot be, which the
        guest has been told.
        """

    def leave(self, visit: Visit) -> None:
        """The visit is over; what it had is taken down."""

    def ask(self, visit: Visit, request: Request) -> None:
        """Of its own conversation."""

    def ask_device(self, visit: Visit, request: Request) -> None:
        """Of the device: settings, timers."""
