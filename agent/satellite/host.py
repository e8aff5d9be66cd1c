"""What the satellite asks of the daemon; called on its thread, and must not block."""

from __future__ import annotations

from typing import Protocol

from agent.satellite.happenings import End, Failed, Play, Says, Serving, Timer, Understood

Told = Serving | Understood | Says | Play | End | Failed | Timer


class Host(Protocol):
    def satellite(self, told: Told) -> None:
        """Something that is to be done on this device. A turn that `Satellite.woke` has begun fails once at most."""
        ...
