"""What somebody says over the agent, for a recogniser: a bare "stop" needs no wake word while the agent speaks.

Rules:
- It begins when the dialogue has made the reply softer, with what was heard from shortly before the voice on; so it
  costs nothing while nobody speaks.
- The recogniser hears the sound without the echo (`agent.hearing.echo`), and half a second of silence, or `MOST_S`,
  ends it: one utterance, whose text the dialogue judges. What is longer is no "stop".
- Limits: the first 0.2 s of the voice lie under the reply at its full loudness, so a soft "stop" close to a loud
  speaker is missed; and a recogniser makes words of anything. Therefore only a whole "stop" counts, and it ends a
  reply, no more.
"""

from __future__ import annotations

from agent.audio.pcm import RATE_HZ
from agent.events import Turn
from agent.hearing.asr import Asr
from agent.hearing.overhear import Overhear

LEAD_S = 0.4
MOST_S = 2.5
QUIET_S = 0.25  # beyond the time in which a voice counts as going on


class StopWord:
    """From the softer reply on; `over` when the recogniser has it all."""

    def __init__(self, turn: Turn, persona: str, asr: Asr, overhear: Overhear) -> None:
        self.turn = turn
        self.over = False
        self._persona = persona
        self._asr = asr
        self._overhear = overhear
        self._next = 0  # position of the sample that has to follow
        self._first = 0
        self._quiet_from: int | None = None

    def begin(self) -> None:
        residual = self._overhear.residual
        began = self._overhear.voice_from
        self._first = (residual.end if began is None else began) - round(LEAD_S * RATE_HZ)
        self._next = self._first
        self._asr.begin(self.turn, None, 0, self._persona)
        self.hear()

    def hear(self) -> None:
        """More was heard."""
        pcm, start = self._overhear.residual.since(self._next)
        if len(pcm):
            self._asr.feed(self.turn, pcm)
            self._next = start + len(pcm)
        if self._overhear.voice:
            self._quiet_from = None
        elif self._quiet_from is None:
            self._quiet_from = self._next
        waited = self._quiet_from is not None and self._next - self._quiet_from >= QUIET_S * RATE_HZ
        if waited or self._next - self._first >= MOST_S * RATE_HZ or not self._overhear.on:
            self.over = True
            self._asr.finish(self.turn)

    def cancel(self) -> None:
        """Nobody wants to know any more."""
        self.over = True
        self._asr.cancel(self.turn)
