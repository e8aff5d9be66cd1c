"""The session with the broker: one thread that connects again and again, and the mailbox that all others use.

Rules:
- Nothing waits for the broker. `show` and `receipt` put into the outbox and return; the thread does the rest, whenever.
- Faults of the network, refusals and bad credentials are health and log lines, and another attempt after a pause with
  jitter. Whatever else ends the thread is fatal.
- The password is read for every attempt, so that a corrected file needs no restart.
"""

from __future__ import annotations

import hashlib
import logging
import random
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent import credentials
from agent.clock import Clock
from agent.commands import Answer, Bid, Claim, ShowHealth
from agent.config import Config
from agent.events import Event, Health, Part, Status, Turn
from agent.identity import device_name
from agent.mqtt import discovery
from agent.mqtt.connection import Connection, Context
from agent.mqtt.entities.entity import Facts
from agent.mqtt.happenings import LinkFault, Lost
from agent.mqtt.intake import Intake
from agent.mqtt.limits import Pauses, Retry, Seldom
from agent.mqtt.link import Bell, Link
from agent.mqtt.outbox import Outbox
from agent.mqtt.repeats import Repeats
from agent.mqtt.rivals import Rivals
from agent.mqtt.topics import OFFLINE, Message, Show, Topics
from agent.mqtt.withdrawal import Withdrawal

WARN_EVERY_S = 60.0
SETTLED_S = 1.0  # a connection that lasted shorter counts as one more failure

log = logging.getLogger(__name__)


class Session:
    """`emit` gets Health("mqtt") and Requested; `on_fatal` a reason, where the thread ended unexpectedly.

    `announce`, `show`, `contend`, `receipt`, `stats`, `models`, `progress`, `alive` and `counts` are for any thread.
    What is announced first goes out first on every connection.
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
        self._config = config.mqtt
        self._emit = emit
        self._clock = clock
        self._on_fatal = on_fatal
        self._device = device
        self._outbox = Outbox()
        self._repeats = Repeats()
        self._intake = Intake(self.topics, self._repeats)
        self._rivals = Rivals(self.topics, config.room.group)
        self._retry = Retry(pauses or Pauses(), random.random)
        self._seldom = Seldom(WARN_EVERY_S)
        self._bell = Bell()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._forgetting = threading.Event()
        self._prefix = config.home_assistant.prefix if config.home_assistant.discovery else None
        self._progress = 0.0
        self._been_up = False
        self._up_since: float | None = None
        self._told: tuple[Status, str] | None = None
        self._context = Context(
            self.topics,
            self._outbox,
            self._intake,
            clock,
            emit,
            self._up,
            self._turned,
            self._stopping,
            self._forgetting,
            config.mqtt.protocol,
            self._prefix,
            (*withdrawal(config, device), self._rivals),
        )
        self._parts: dict[Part, ShowHealth] = {}
        self._showing = threading.Lock()  # guards `_parts`, and that health leaves in the order in which it was made

    def start(self) -> None:
        if self._config.password is not None and not self._config.tls and self._config.host != "localhost":
            log.warning("the MQTT password travels without TLS", extra={"code": "mqtt.insecure"})
        self._progress = self._clock().mono
        for message in self._rivals.joining:
            self._keep(message)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def stop(self, deadline_s: float = 2.0, forget: bool = False) -> None:
        """Publish what waits and `offline`, disconnect, end. A thread that hangs in a connect is left behind.

        `forget`: clear what the broker retains of this device, since it will have another name or another broker.
        """
        if forget:
            self._forgetting.set()
            if self._told is None or self._told[0] not in ("ok", "degraded"):
                text = "%s cannot be cleared at the broker, which is away; its retained topics remain there"
                log.warning(text, self.topics.root, extra={"code": "mqtt.not_cleared"})
        for message in self._rivals.leaving:
            self._keep(message)
        self._stopping.set()
        self._bell.ring()
        if self._thread is not None:
            self._thread.join(deadline_s)

    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def progress(self) -> float:
        """When the thread last came round, monotonic seconds. Finding and reaching a broker may take it 20 s."""
        return self._progress

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
            if message is not None:
                self._outbox.put(message, at.mono)
        self._bell.ring()

    def contend(self, command: Bid | Claim) -> None:
        """Tell the other agents of the group, where they can hear it now; later it would be wrong."""
        if self._rivals.belongs:
            at = self._clock()
            self._outbox.put(self._rivals.wish(command, at.wall), at.mono)
            self._bell.ring()

    def receipt(self, turn: Turn, data: Mapping[str, Any]) -> None:
        at = self._clock()
        self._outbox.put(self.topics.receipt(turn, data, at.wall), at.mono)
        self._bell.ring()

    def stats(self, figures: Mapping[str, int | None]) -> None:
        """Seldom, please: it is for people who look."""
        self._keep(self.topics.stats(figures, self._clock().wall))

    def models(self, stand: Mapping[str, Any]) -> None:
        self._keep(self.topics.models(stand, self._clock().wall))

    def _keep(self, message: Message) -> None:
        """Something retained, where it is news."""
        if self._outbox.last(message.topic) != message:
            self._outbox.put(message, self._clock().mono)
            self._bell.ring()

    def counts(self) -> dict[str, int]:
        """What was not passed on: messages out, commands in, retained commands, repeated ones."""
        return {
            "out": self._outbox.dropped,
            "in": self._intake.dropped,
            "retained": self._intake.retained,
            "repeated": self._repeats.repeated,
        }

    def _run(self) -> None:
        finished = False
        try:
            self._tell("loading", "connecting")
            while not self._stopping.is_set():
                lost = self._connection()
                if lost is not None:
                    self._report(lost)
                    self._pause(self._retry.after(lost.kind))
            finished = True
        finally:
            if not finished:
                self._on_fatal("the MQTT thread died")

    def _connection(self) -> Lost | None:
        """One connection from beginning to end; None where we ended it."""
        link = Link(self._config, client_id(self._device, machine_id()), self.topics.status(OFFLINE), self._bell)
        try:
            link.open(self._password())
            return Connection(link, self._context, first=not self._been_up).serve()
        except credentials.CredentialError as error:
            return Lost("refused", "mqtt.credential", str(error))
        except LinkFault as fault:
            return fault.lost
        finally:
            link.close()
            self._outbox.lost()
            for event in self._rivals.lost(self._clock()):
                self._emit(event)

    def _password(self) -> str | None:
        name = self._config.password
        return None if name is None else credentials.read(name).reveal()

    def _up(self, status: Status, reason: str) -> None:
        """The health of a connection that works."""
        self._been_up = True
        if self._up_since is None:
            self._up_since = self._clock().mono
        self._tell(status, reason)

    def _tell(self, status: Status, reason: str) -> None:
        if (status, reason) == self._told:
            return
        self._told = (status, reason)
        self._emit(Health(self._clock(), "mqtt", status, reason))

    def _turned(self, mono: float) -> None:
        self._progress = mono

    def _report(self, lost: Lost) -> None:
        now = self._clock().mono
        if self._up_since is not None and now - self._up_since >= SETTLED_S:
            self._retry.succeeded()
        self._up_since = None
        if self._seldom.may(lost.code, now):
            log.warning("%s", lost.reason, extra={"code": lost.code})
        self._tell("degraded" if lost.kind == "taken_over" else "failed", lost.reason)

    def _pause(self, pause_s: float) -> None:
        until = self._clock().mono + pause_s
        while not self._stopping.is_set():
            now = self._clock().mono
            self._turned(now)
            if now >= until:
                return
            self._bell.wait(min(1.0, until - now))


def withdrawal(config: Config, device: str) -> tuple[Withdrawal, ...]:
    """Where discovery is off, what a run before this one announced is taken back."""
    home = config.home_assistant
    return () if home.discovery else (Withdrawal(discovery.topic(home.prefix, device)),)


def client_id(device: str, machine: str) -> str:
    """The same for a device at every start, different for two devices of one name on two machines."""
    return f"voice-agent-{hashlib.sha256(f'{machine}/{device}'.encode()).hexdigest()[:8]}"


def machine_id() -> str:
    """machine-id(5), or the host name where there is none. Cloned cards share it: see `Lost.kind` "taken_over"."""
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip() or socket.gethostname()
    except (OSError, UnicodeDecodeError):
        return socket.gethostname()
