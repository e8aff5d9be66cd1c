"""What the agent itself says, as those have to know it who hear it: shared by the player, which tells, and the ear."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.audio.playback import Playback
from agent.audio.reference import Reference
from agent.clock import Clock
from agent.config import Config
from agent.events import Event
from agent.hearing.bargein import OwnSound
from agent.hearing.selfwake import SelfWake
from agent.speaking.mouth import Mouth


@dataclass(frozen=True, slots=True)
class Shared:
    """It outlives the rooms that use it. `reference` is filled where echo cancellation is on."""

    reference: Reference
    selfwake: SelfWake

    def for_ear(self, config: Config) -> OwnSound:
        return OwnSound(self.reference if config.audio.echo_cancellation else None, self.selfwake)

    def player(
        self,
        config: Config,
        mouth: Mouth,
        emit: Callable[[Event], None],
        clock: Clock,
        on_fatal: Callable[[str], None],
    ) -> Playback:
        reference = self.reference if config.audio.echo_cancellation else None
        return Playback(config.audio.speaker, mouth, emit, clock, on_fatal, reference, self.selfwake)


def shared(on_fatal: Callable[[str], None]) -> Shared:
    return Shared(Reference(), SelfWake(time.monotonic, on_fatal))
