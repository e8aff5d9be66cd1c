"""What the satellite asks of the daemon; called on its thread, and must not block."""

from __future__ import annotations

from typing import Protocol

from agent.satellite.happenings import Done, End, Failed, Play, Says, Serving, Timer, Understood, Voice

Told = Serving | Voice | Understood | Says | Play | End | Done | Failed | Timer


class Host(Protocol):
    def satellite(self, told: Told) -> None:
        """Something that is to be done on this device. For each turn that was begun with `Satellite.woke` and not
        dropped, one `Done` or `Failed` comes last."""
        ...
