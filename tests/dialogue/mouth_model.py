"""A model of mouth and speaker that keeps a script's time: what sounds when, and what the mouth tells of it.

The text goes through the real `agent.speaking.reply.Reply`, so that what cannot be spoken makes no sound here either.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.commands import Command, Earcon, Hush, Speak
from agent.events import Audible, Event, Instant, Paused, Resumed, SpeechDone
from agent.speaking.reply import Reply

DEVICE_S = 0.1  # from the command to the air
EARCON_S = 0.22
CHARACTER_S = 0.06


@dataclass
class MouthModel:
    """`voice_s`: how long the voice works on a clause. `sounded`: (start, end) of everything that was in the air."""

    voice_s: float = 0.3
    sounded: list[tuple[float, float]] = field(default_factory=list)
    _reply: Reply | None = None
    _free_at: float = 0.0  # of the voice
    _coming: list[tuple[float, float]] = field(default_factory=list)  # clauses of the reply that have yet to begin
    _silent_at: float = 0.0  # the end of the last that has begun
    _audible: bool = False
    _paused: bool = False

    def obey(self, command: Command, now: float) -> None:
        match command:
            case Earcon():
                self.sounded.append((now + DEVICE_S, now + DEVICE_S + EARCON_S))
            case Speak():
                self._speak(command, now)
            case Hush():
                self.sounded = [(start, min(end, now)) for start, end in self.sounded if start < now]
                self._reply = None
            case _:
                pass

    def due(self) -> float | None:
        """When it tells something next."""
        if self._reply is None:
            return None
        if self._coming and (not self._audible or self._paused or self._coming[0][0] <= self._silent_at):
            return self._coming[0][0]
        if self._coming or self._reply.complete or (self._audible and not self._paused):
            return self._silent_at
        return None

    def tell(self, at: Instant) -> list[Event]:
        reply = self._reply
        if reply is None or (due := self.due()) is None or due > at.mono:
            return []
        if self._coming and due == self._coming[0][0]:
            _, self._silent_at = self._coming.pop(0)
            begun, going_on = not self._audible, self._paused
            self._audible, self._paused = True, False
            return [Audible(at, reply.turn, due)] if begun else [Resumed(at, reply.turn)] if going_on else []
        if reply.complete and not self._coming:
            self._reply = None
            return [SpeechDone(at, reply.turn, reply.heard(reply.seconds))]
        self._paused = True
        return [Paused(at, reply.turn, self._silent_at)]

    def _speak(self, command: Speak, now: float) -> None:
        if self._reply is None or self._reply.turn != command.turn:
            self._reply = Reply(command.turn, "en")
            self._free_at = self._silent_at = now
            self._coming, self._audible, self._paused = [], False, False
        if command.instead:
            self._reply.take_back()
        self._reply.write(command.text, command.last, command.afresh)
        while self._reply.waiting:
            clause = self._reply.waiting.popleft()
            self._free_at = max(self._free_at, now) + self.voice_s
            before = self._coming[-1][1] if self._coming else self._silent_at
            start = max(self._free_at + DEVICE_S, before)
            length_s = CHARACTER_S * len(clause)
            self._coming.append((start, start + length_s))
            self._reply.sounded(clause, length_s)
            self.sounded.append((start, start + length_s))
