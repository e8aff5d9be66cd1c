"""Barge-in, as the ear sees it: what is heard while the agent speaks, and whose it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.audio.pcm import Block
from agent.clock import Clock
from agent.commands import Duck
from agent.config import Config
from agent.events import Event, VoiceOver
from agent.hearing.asr import Asr
from agent.hearing.overhear import Overhear, Reference
from agent.hearing.selfwake import SelfWake
from agent.hearing.stopword import StopWord
from agent.hearing.wake import Detection, WakeEngine


@dataclass(frozen=True, slots=True)
class OwnSound:
    """What the ear has to know of what the agent says. `reference`: None without echo cancellation."""

    reference: Reference | None
    guard: SelfWake


class BargeIn:
    """Part of the ear, and used by its thread alone."""

    def __init__(
        self, own: OwnSound, engine: WakeEngine, config: Config, asr: Asr, emit: Callable[[Event], None], clock: Clock
    ) -> None:
        own.guard.use(engine.twin())
        self._overhear = Overhear(engine.twin(), config.wake, own.reference, own.guard)
        self._wanted = config.conversation.stop_word
        self._asr = asr
        self._emit = emit
        self._clock = clock
        self._stop_word: StopWord | None = None

    def reset(self) -> None:
        """Sound was lost, or was not to be heard."""
        self._overhear.reset()

    def hear(self, block: Block, found: list[Detection], hurried: bool = False) -> list[Detection]:
        """`found`: the wake words in the block as it is. Returns those that somebody else has said. `hurried`: there is
        no time to look for more of them."""
        began, found = self._overhear.feed(block, found, hurried)
        if began is not None and self._overhear.turn:
            self._emit(VoiceOver(self._clock(), self._overhear.turn, block.time_of(began)))
        if self._stop_word and not self._stop_word.over:
            self._stop_word.hear()
        return found

    def duck(self, command: Duck, free: bool) -> None:
        """The reply has become softer: listen to who speaks over it, if the recogniser is `free`. Or it is as loud as
        before."""
        if self._stop_word and not self._stop_word.over:
            self._stop_word.cancel()
        self._stop_word = None
        if command.on and free and self._wanted and self._overhear.on:
            self._stop_word = StopWord(command.turn, command.persona, self._asr, self._overhear)
            self._stop_word.begin()
