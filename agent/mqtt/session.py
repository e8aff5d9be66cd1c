"""The session with the broker, as all others see it: a mailbox. Its thread is `agent.mqtt.keeper`'s.

Rules:
- Nothing waits for the broker. `show` and `receipt` put into the outbox and return; the thread does the rest, whenever.
- What is retained is sent only where it is news.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from agent.clock import Clock
from agent.commands import Act, Answer, Bid, Claim, ShowHealth
from agent.config import Config
from agent.events import Event, Part, Turn
from agent.identity import device_name
from agent.mqtt import discovery
from agent.mqtt.connection import Reader
from agent.mqtt.deeds import Deeds
from agent.mqtt.entities.entity import Facts
from agent.mqtt.hermes import Hermes
from agent.mqtt.intake import Intake
from agent.mqtt.keeper import Keeper
from agent.mqtt.limits import Pauses
from agent.mqtt.outbox import Outbox
from agent.mqtt.repeats import Repeats
from agent.mqtt.rivals import Rivals
from agent.mqtt.topics import Message, Show, Topics
from agent.mqtt.withdrawal import Withdrawal


class Session:
    """`emit` gets Health("mqtt") and Requested; `on_fatal` a reason, where the thread ended unexpectedly.

    `act`, `announce`, `show`, `contend`, `receipt`, `stats`, `models`, `progress`, `alive` and `counts` are for any
    thread. What is announced first goes out first on every connection.
    """

    def __init__(
        self,
        config: Config,
        emit: Callable[[Event], None],
        clock: Clock,
        on_fatal: Callable[[str], None],
        pauses: Pauses | None = None,
    ) -> None:
        device = device_name(config.mqtt.device)
        self.topics = Topics(config.mqtt.base, device, config.privacy.publish_transcript, secrets.token_hex(4))
        self._emit = emit
        self._clock = clock
        self._outbox = Outbox()
        self._repeats = Repeats()
        self._intake = Intake(self.topics, self._repeats)
        self._rivals = Rivals(self.topics, config.room.group)
        self._prefix = config.home_assistant.prefix if config.home_assistant.discovery else None
        self._hermes = (Hermes(self.topics, config.wake.threshold),) if config.mqtt.hermes else ()
        readers: tuple[Reader, ...] = (*withdrawal(config, device), self._rivals, *self._hermes)
        self._deeds = Deeds(emit, clock)
        mail = self.topics, self._outbox, self._intake, self._deeds, readers
        self._keeper = Keeper(config, *mail, emit, clock, self._connection_lost, on_fatal, pauses)
        self._parts: dict[Part, ShowHealth] = {}
        self._showing = threading.Lock()  # guards `_parts`, and that health leaves in the order in which it was made

    def start(self) -> None:
        for message in self._rivals.joining:
            self._keep(message)
        self._keeper.start()

    def stop(self, deadline_s: float = 2.0, forget: bool = False) -> None:
        """Publish what waits and `offline`, disconnect, end. A thread that hangs in a connect is left behind.

        `forget`: clear what the broker retains of this device, since it will have another name or another broker.
        """
        for message in self._rivals.leaving:
            self._keep(message)
        self._deeds.stop()
        self._keeper.stop(deadline_s, forget)

    def alive(self) -> bool:
        return self._keeper.alive()

    def progress(self) -> float:
        """When the thread last came round, monotonic seconds. Finding and reaching a broker may take it 20 s."""
        return self._keeper.progress()

    def announce(self, facts: Facts) -> None:
        """Tell Home Assistant what the device is, where that is wanted."""
        if self._prefix is not None:
            self._keep(discovery.message(self.topics, self._prefix, facts))

    def show(self, command: Show) -> None:
        with self._showing:
            at = self._clock()
            message = self.topics.show(command, at.wall, self._parts)
            if isinstance(command, ShowHealth):
                self._parts[command.part] = command
                self._keep(self.topics.hearing(self._parts))
            if isinstance(command, Answer) and message is not None:
                self._repeats.answered(command.id, message)
            if message is not None and not any(hermes.owns(command) for hermes in self._hermes):
                self._outbox.put(message, at.mono)
            for translated in (each for hermes in self._hermes for each in hermes.show(command)):
                self._outbox.put(translated, at.mono)
        self._keeper.ring()

    def contend(self, command: Bid | Claim) -> None:
        """Tell the other agents of the group, where they can hear it now; later it would be wrong."""
        if self._rivals.belongs:
            at = self._clock()
            self._outbox.put(self._rivals.wish(command, at.wall), at.mono)
            self._keeper.ring()

    def act(self, command: Act) -> None:
        """What the user wants done; Acted tells what came of it, or nobody knows."""
        self._deeds.put(command)
        self._keeper.ring()

    def receipt(self, turn: Turn, data: Mapping[str, Any]) -> None:
        at = self._clock()
        translated = [each for hermes in self._hermes for each in hermes.ended(turn, data)]
        for message in (self.topics.receipt(turn, data, at.wall), *translated):
            self._outbox.put(message, at.mono)
        self._keeper.ring()

    def stats(self, figures: Mapping[str, int | None]) -> None:
        """Seldom, please: it is for people who look."""
        self._keep(self.topics.stats(figures, self._clock().wall))

    def models(self, stand: Mapping[str, Any]) -> None:
        self._keep(self.topics.models(stand, self._clock().wall))

    def _keep(self, message: Message) -> None:
        """Something retained, where it is news."""
        if self._outbox.last(message.topic) != message:
            self._outbox.put(message, self._clock().mono)
            self._keeper.ring()

    def counts(self) -> dict[str, int]:
        """What was not passed on: messages out, commands in, retained commands, repeated ones."""
        return {
            "out": self._outbox.dropped,
            "in": self._intake.dropped,
            "retained": self._intake.retained,
            "repeated": self._repeats.repeated,
        }

    def _connection_lost(self) -> None:
        for event in self._rivals.lost(self._clock()):
            self._emit(event)


def withdrawal(config: Config, device: str) -> tuple[Withdrawal, ...]:
    """Where discovery is off, what a run before this one announced is taken back."""
    home = config.home_assistant
    return () if home.discovery else (Withdrawal(discovery.topic(home.prefix, device)),)
