"""Commands that come twice: one with an id that was seen is not carried out again, its result is said again.

Rules:
- A sender that hears nothing sends again, and a broker delivers a QoS 1 message twice: with an `id` that is safe. The
  same request under the same id within `KEEP_S` is a repetition. Another request under that id is a new command (people
  write automations with constant ids).
- A repetition of what is still being done asks for nothing: the result comes when it comes. One of what is finished
  gets the result of that time again.
- `stop` is never a repetition, since silence is wanted now.
- Bounded: `MAX_IDS` commands, `MAX_BYTES` of results; the oldest are forgotten.

Any thread may call; the time is an argument (monotonic seconds).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from agent.mqtt.topics import Message
from agent.requests import Request, StopRequest

KEEP_S = 120.0
MAX_IDS = 512
MAX_BYTES = 262_144


@dataclass(slots=True)
class _Command:
    request: Request
    at: float
    result: Message | None = None


class Repeats:
    def __init__(self) -> None:
        self.repeated = 0
        self._lock = threading.Lock()  # guards everything here; held for microseconds
        self._commands: dict[str, _Command] = {}  # by id, the oldest first
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._commands)

    def new(self, id: str | None, request: Request, now: float) -> bool:
        """Whether this is to be carried out; it is remembered."""
        if id is None or isinstance(request, StopRequest):
            return True
        with self._lock:
            self._forget_old(now)
            known = self._commands.get(id)
            if known is not None and known.request == request:
                self.repeated += 1
                return False
            self._forget(id)
            self._commands[id] = _Command(request, now)
            if len(self._commands) > MAX_IDS:
                self._forget(next(iter(self._commands)))
            return True

    def result(self, id: str) -> Message | None:
        """What was said about a finished command; None where it is not finished, or not known."""
        with self._lock:
            known = self._commands.get(id)
            return None if known is None else known.result

    def answered(self, id: str, result: Message) -> None:
        """The command is finished, with this result."""
        with self._lock:
            known = self._commands.get(id)
            if known is None:
                return
            self._bytes += len(result.payload) - (len(known.result.payload) if known.result else 0)
            known.result = result
            while self._bytes > MAX_BYTES:
                self._forget(next(iter(self._commands)))

    def _forget_old(self, now: float) -> None:
        """Also of what was never answered: it is not going on for ever."""
        for id in [id for id, command in self._commands.items() if now - command.at > KEEP_S]:
            self._forget(id)

    def _forget(self, id: str) -> None:
        gone = self._commands.pop(id, None)
        if gone is not None and gone.result is not None:
            self._bytes -= len(gone.result.payload)
