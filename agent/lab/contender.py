"""An agent without sound: the real session with a broker and the real dialogue, driven as the daemon drives them."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace

from agent.clock import now
from agent.commands import Bid, Claim, Command, ShowEvent
from agent.config import Config
from agent.dialogue.state import Idle, Listening, State
from agent.dialogue.step import deadline, step
from agent.events import DeadlinePassed, Event, Wake
from agent.mqtt.session import Session

FAREWELL_S = 2.0


class Contender:
    """`commands`: what the dialogue wanted done, with the monotonic second; only bids and claims are carried out."""

    def __init__(self, config: Config) -> None:
        self.state = State()
        self.commands: list[tuple[float, Command]] = []
        self.failure: str | None = None
        self._inbox: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._session = Session(config, self._inbox.put, now, self._failed)
        self._thread = threading.Thread(target=self._run, name="contender", daemon=True)

    def start(self) -> None:
        self._session.start()
        self._thread.start()

    def stop(self) -> None:
        self._session.stop(FAREWELL_S)
        self._inbox.put(None)
        self._thread.join()

    @property
    def listening(self) -> bool:
        return isinstance(self.state.activity, Listening)

    def wake(self, quality: float) -> float:
        """A wake word is heard now, that well; when, in monotonic seconds."""
        moment = now()
        self._inbox.put(Wake(moment, "hey_jarvis", 0.9, moment.mono, quality))
        return moment.mono

    def decided(self, since: float) -> float | None:
        """When it was first decided after `since` whether this one answers."""
        return next((when for when, command in self.commands if when >= since and _decides(command)), None)

    def rest(self) -> None:
        """The turn is over; call it while nothing happens."""
        self.state = replace(self.state, activity=Idle())

    def _run(self) -> None:
        while True:
            due = deadline(self.state)
            try:
                event = self._inbox.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
            except queue.Empty:
                event = DeadlinePassed(now())
            if event is None:
                return
            self.state, commands = step(self.state, event)
            for command in commands:
                if isinstance(command, Bid | Claim):
                    self._session.contend(command)
                self.commands.append((time.monotonic(), command))

    def _failed(self, reason: str) -> None:
        self.failure = reason


def _decides(command: Command) -> bool:
    return isinstance(command, Claim) or (isinstance(command, ShowEvent) and command.type == "yielded")
