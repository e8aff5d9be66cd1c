"""The user's own actions on their way to the broker: now or never.

Rules:
- They have a mailbox of their own, which goes before everything that is only shown. What is not with the broker's
  connection after `PATIENCE_S` is taken out again and told as not done; nothing of it is ever sent later.
- Once handed over, it is done when the broker acknowledges it, and not done when it refuses. Where the connection is
  lost in between nobody knows, and nothing is told: the dialogue gives up by itself, and says so.
- None is sent twice, also where the connection was lost: "toggle" would be undone.
- A connection on which one is not acknowledged within `ANSWER_S` is cut (`Link.abort`): what is still under way would
  otherwise arrive whenever the network is well again.
- In MQTT 5 each carries an expiry, so that a broker that keeps messages for a sleeping client does not turn on a light
  an hour later; not so what is retained, which is meant to stay.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent.clock import Clock
from agent.commands import Act
from agent.events import Acted
from agent.mqtt.outbox import MAX_PAYLOAD
from agent.mqtt.topics import Message

PATIENCE_S = 1.5  # below the dialogue's limit, so that it is told before it gives up
ANSWER_S = 2.5
EXPIRY_S = 10
MOST = 8  # at a time


@dataclass(frozen=True, slots=True)
class Deed:
    """`number`: of this one alone."""

    number: int
    act: Act

    @property
    def message(self) -> Message:
        act = self.act
        return Message(act.topic, act.payload, act.qos, act.retain, expiry_s=0 if act.retain else EXPIRY_S)


class Deeds:
    """`put` is for any thread, `take` and what follows for the connection's. `emit` gets Acted, from any thread."""

    def __init__(self, emit: Callable[[Acted], None], clock: Clock, patience_s: float = PATIENCE_S) -> None:
        self._emit = emit
        self._clock = clock
        self._patience_s = patience_s
        self._lock = threading.Lock()  # guards the rest
        self._waiting: dict[int, tuple[Deed, threading.Timer]] = {}
        self._next = 0

    def put(self, act: Act) -> None:
        with self._lock:
            full = len(self._waiting) >= MOST
            self._next += 1
            deed = Deed(self._next, act)
            if not full and len(act.payload) <= MAX_PAYLOAD:
                timer = threading.Timer(self._patience_s, self._too_late, (deed.number,))
                timer.daemon = True
                self._waiting[deed.number] = deed, timer
                timer.start()
                return
        self.told(deed, "too many actions wait" if full else f"its payload has over {MAX_PAYLOAD} bytes")

    def take(self) -> Deed | None:
        """The next to hand over; from now on nobody but the broker knows what becomes of it."""
        with self._lock:
            if not self._waiting:
                return None
            deed, timer = self._waiting.pop(min(self._waiting))
        timer.cancel()
        return deed

    def told(self, deed: Deed, refusal: str) -> None:
        """What came of it; "" is well."""
        act = deed.act
        self._emit(Acted(self._clock(), act.turn, act.action, not refusal, refusal))

    def stop(self) -> None:
        """What waits is not done any more."""
        with self._lock:
            left = [deed for deed, _ in self._waiting.values()]
            for _, timer in self._waiting.values():
                timer.cancel()
            self._waiting.clear()
        for deed in left:
            self.told(deed, "the agent ends")

    def _too_late(self, number: int) -> None:
        with self._lock:
            found = self._waiting.pop(number, None)
        if found is not None:
            self.told(found[0], "there is no connection to the broker")
