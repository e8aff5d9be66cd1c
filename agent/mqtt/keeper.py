"""The thread that keeps a connection to the broker: it connects again and again.

Rules:
- Faults of the network, refusals and bad credentials are health and log lines, and another attempt after a pause with
  jitter. Whatever else ends the thread is fatal.
- The password is read for every attempt, so that a corrected file needs no restart.
"""

from __future__ import annotations

import hashlib
import logging
import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from agent import credentials
from agent.clock import Clock
from agent.config import Config
from agent.events import Event, Health, Status
from agent.mqtt.connection import Connection, Context, Reader
from agent.mqtt.deeds import Deeds
from agent.mqtt.happenings import LinkFault, Lost
from agent.mqtt.intake import Intake
from agent.mqtt.limits import Pauses, Retry, Seldom
from agent.mqtt.link import Bell, Link
from agent.mqtt.outbox import Outbox
from agent.mqtt.topics import OFFLINE, Topics

WARN_EVERY_S = 60.0
SETTLED_S = 1.0  # a connection that lasted shorter counts as one more failure

log = logging.getLogger(__name__)


class Keeper:
    """`lost` is called where a connection is no more; `on_fatal` with a reason where the thread ended unexpectedly.

    `ring`, `alive` and `progress` are for any thread.
    """

    def __init__(
        self,
        config: Config,
        topics: Topics,
        outbox: Outbox,
        intake: Intake,
        deeds: Deeds,
        readers: tuple[Reader, ...],
        emit: Callable[[Event], None],
        clock: Clock,
        lost: Callable[[], None],
        on_fatal: Callable[[str], None],
        pauses: Pauses | None = None,
    ) -> None:
        self._config = config.mqtt
        self._topics = topics
        self._outbox = outbox
        self._emit = emit
        self._clock = clock
        self._lost = lost
        self._on_fatal = on_fatal
        self._retry = Retry(pauses or Pauses(), random.random)
        self._seldom = Seldom(WARN_EVERY_S)
        self._bell = Bell()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._forgetting = threading.Event()
        self._progress = 0.0
        self._been_up = False
        self._up_since: float | None = None
        self._told: tuple[Status, str] | None = None
        home = config.home_assistant
        birth = home.prefix if home.discovery else None
        ends = self._stopping, self._forgetting
        told = self._up, self._turned
        mail = topics, outbox, intake, deeds
        self._context = Context(*mail, clock, emit, *told, *ends, config.mqtt.protocol, birth, readers)

    def start(self) -> None:
        if self._config.password is not None and not self._config.tls and self._config.host != "localhost":
            log.warning("the MQTT password travels without TLS", extra={"code": "mqtt.insecure"})
        self._progress = self._clock().mono
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def stop(self, deadline_s: float, forget: bool) -> None:
        """As `Session.stop`."""
        if forget:
            self._forgetting.set()
            if self._told is None or self._told[0] not in ("ok", "degraded"):
                text = "%s cannot be cleared at the broker, which is away; its retained topics remain there"
                log.warning(text, self._topics.root, extra={"code": "mqtt.not_cleared"})
        self._stopping.set()
        self._bell.ring()
        if self._thread is not None:
            self._thread.join(deadline_s)

    def ring(self) -> None:
        """There is something to send."""
        self._bell.ring()

    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def progress(self) -> float:
        """When the thread last came round, monotonic seconds. Finding and reaching a broker may take it 20 s."""
        return self._progress

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
        name = client_id(self._topics.device, machine_id())
        link = Link(self._config, name, self._topics.status(OFFLINE), self._bell)
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
            self._lost()

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


def client_id(device: str, machine: str) -> str:
    """The same for a device at every start, different for two devices of one name on two machines."""
    return f"voice-agent-{hashlib.sha256(f'{machine}/{device}'.encode()).hexdigest()[:8]}"


def machine_id() -> str:
    """machine-id(5), or the host name where there is none. Cloned cards share it: see `Lost.kind` "taken_over"."""
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip() or socket.gethostname()
    except (OSError, UnicodeDecodeError):
        return socket.gethostname()
