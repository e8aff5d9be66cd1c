"""What Home Assistant says about a timer that was set here."""

from __future__ import annotations

from typing import Literal

from agent.satellite.happenings import Timer
from agent.wyoming.messages import Message

CHANGES: dict[str, Literal["started", "updated", "cancelled", "finished"]] = {
    "timer-started": "started",
    "timer-updated": "updated",
    "timer-cancelled": "cancelled",
    "timer-finished": "finished",
}


def timer(message: Message) -> Timer:
    """Of a message of one of these types."""
    seconds = message.data.get("total_seconds")
    known = int(seconds) if isinstance(seconds, int | float) and 0 <= seconds < 1 << 31 else 0
    active = message.data.get("is_active") is not False
    return Timer(CHANGES[message.type], message.text("id")[:100], message.text("name")[:100], known, active)
