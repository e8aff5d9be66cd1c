"""The course of one connection, from CONNACK to its end.

    greeting ──CONNACK: SUBSCRIBE──▶ greeting ──SUBACK──▶ up ──stop──▶ farewell

Rules:
- Up begins with everything retained, `online` last: a broker that forgot everything knows all again, and whoever sees
  `online` can rely on the rest. Only when `online` is acknowledged is the connection good.
- A subscription that the broker refuses leaves us mute to commands, not to events: degraded, and asked for again.
- Whatever comes in is for one of the readers; what they make of it goes to the inbox or to the broker.
- When Home Assistant says that it has started, everything is said again as on coming up.
- A message that is larger than the broker takes would cost the connection, again and again: it is refused here.
- At most `window` messages are with paho; all others stay in the outbox, where newer values replace older ones.
- Farewell: what waits, then `offline`, acknowledged within a second, then DISCONNECT. A device that will have another
  name clears its retained topics before it goes.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from agent.clock import Clock
from agent.events import Event, Instant, Status
from agent.mqtt import deeds
from agent.mqtt.birth import Birth
from agent.mqtt.deeds import Deed, Deeds
from agent.mqtt.doubles import doubles
from agent.mqtt.happenings import (
    RECEIVE_MAXIMUM,
    TAKEN_OVER,
    Connected,
    Lost,
    Published,
    Received,
    Subscribed,
)
from agent.mqtt.intake import Intake
from agent.mqtt.link import Link
from agent.mqtt.outbox import Entry, Outbox
from agent.mqtt.standing import Standing
from agent.mqtt.topics import OFFLINE, ONLINE, Message, Topics

ANSWER_S = 5.0
RESUBSCRIBE_S = 60.0
TICK_S = 1.0
FAREWELL_S = 1.0
ENVELOPE = 128  # bytes of a PUBLISH beside topic, payload and user properties, amply


class Reader(Protocol):
    """Somebody for whom messages come in: those on topics that its filters match."""

    @property
    def filters(self) -> tuple[str, ...]: ...

    def reads(self, topic: str) -> bool: ...

    def take(self, received: Received, at: Instant) -> Sequence[Event | Message]:
        """What follows from the message: events for the inbox, messages for the outbox. Does not block."""


@dataclass(frozen=True, slots=True)
class Context:
    """What outlives a connection. `tell`: the health of MQTT; `turned`: the thread came round, at monotonic seconds.

    `protocol` as in `mqtt.protocol`; `home_assistant`: its discovery prefix, None where it is not to be heard;
    `forgetting`: with `stopping`, that what the broker retains is to be cleared; `readers`: besides commands.
    `deeds`: the user's own actions.
    """

    topics: Topics
    outbox: Outbox
    intake: Intake
    deeds: Deeds
    clock: Clock
    emit: Callable[[Event], None]
    tell: Callable[[Status, str], None]
    turned: Callable[[float], None]
    stopping: threading.Event
    forgetting: threading.Event
    protocol: str = "5"
    home_assistant: str | None = None
    readers: tuple[Reader, ...] = ()


class Connection:
    """Used by one thread: `serve`, once, with a link that is open. `first`: of this process."""

    def __init__(self, link: Link, context: Context, first: bool) -> None:
        self._link = link
        self._context = context
        self._doubles = doubles(context.topics, context.protocol, first)
        self._birth = Birth(context.home_assistant, random.random)
        self._readers: tuple[Reader, ...] = (context.intake, self._doubles, self._birth, *context.readers)
        self._filters = tuple(name for reader in self._readers for name in reader.filters)
        self._standing = Standing()
        self._window = RECEIVE_MAXIMUM
        self._largest: int | None = None
        self._handed: dict[int, Entry] = {}
        self._doing: dict[int, tuple[Deed, float]] = {}  # and since when, monotonic seconds
        self._up = False
        self._resubscribe_at: float | None = None

    def serve(self) -> Lost | None:
        """Until the connection is lost, or None where we ended it because the session stops."""
        context = self._context
        answer_by = context.clock().mono + ANSWER_S
        while not context.stopping.is_set():
            lost = self._turn(self._patience(context.clock().mono))
            if lost is not None:
                return TAKEN_OVER if self._doubles.evicting else lost
            now = context.clock()
            overdue = any(now.mono - since > deeds.ANSWER_S for _, since in self._doing.values())
            if overdue:
                self._link.abort()
            if overdue or (not self._up and now.mono > answer_by):
                return Lost("unreachable", "mqtt.silent", "the broker does not answer")
            self._on_time(now)
        if self._up:
            self._farewell()
        return None

    def _turn(self, timeout_s: float) -> Lost | None:
        """Send what may be sent, wait for the network or the bell, handle what happened."""
        if self._up:
            self._send()
        happened = self._link.pump(timeout_s)
        self._context.turned(self._context.clock().mono)
        for happening in happened:
            if isinstance(happening, Lost):
                return happening
            self._handle(happening)
        return None

    def _handle(self, happening: Connected | Subscribed | Published | Received) -> None:
        match happening:
            case Connected(window, largest):
                self._window, self._largest = window, largest
                self._subscribe()
            case Subscribed():
                self._subscribed(happening)
            case Published(mid, refusal):
                self._published(mid, refusal)
            case Received():
                self._received(happening)
            case _:
                assert_never(happening)

    def _patience(self, now: float) -> float:
        """How long to wait for the network at most, in seconds."""
        due = self._birth.due_at
        return TICK_S if due is None else max(0.0, min(TICK_S, due - now))

    def _subscribe(self) -> None:
        self._resubscribe_at = None
        self._link.subscribe(*self._filters)

    def _subscribed(self, subscribed: Subscribed) -> None:
        now = self._context.clock().mono
        self._standing.refused(self._context.topics.commands, subscribed.refusal)
        self._judge()
        if subscribed.refusal:
            self._resubscribe_at = now + RESUBSCRIBE_S
        if not self._up:
            self._up = True
            if (signature := self._doubles.signature()) is not None:
                self._context.outbox.put(signature, now)
            self._announce(now)

    def _announce(self, now: float) -> None:
        """Everything that is kept, `online` last."""
        self._context.outbox.connected(self._context.topics.status(ONLINE), now)
        self._birth.announced(now)

    def _published(self, mid: int, refusal: str) -> None:
        if (doing := self._doing.pop(mid, None)) is not None:
            self._context.deeds.told(doing[0], refusal)
            return
        entry = self._handed.pop(mid, None)
        if entry is None:
            return
        self._context.outbox.done(entry)
        if entry.message == self._context.topics.status(ONLINE):
            self._standing.good = True
        self._standing.refused(entry.message.topic, refusal)
        self._judge()

    def _judge(self) -> None:
        judged = self._standing.judge(self._doubles.trouble)
        if judged is not None:
            self._context.tell(*judged)

    def _received(self, received: Received) -> None:
        if self._context.stopping.is_set():
            return
        reader = next((reader for reader in self._readers if reader.reads(received.topic)), None)
        if reader is None:
            return
        at = self._context.clock()
        for made in reader.take(received, at):
            if isinstance(made, Message):
                self._context.outbox.put(made, at.mono)
            else:
                self._context.emit(made)
        if reader is self._doubles:
            self._judge()

    def _act(self) -> None:
        """Before everything else: somebody waits for it."""
        while self._in_flight < self._window and (deed := self._context.deeds.take()) is not None:
            if self._too_large(deed.message):
                self._context.deeds.told(deed, f"over the {self._largest} bytes that the broker takes")
            elif (mid := self._link.publish(deed.message)) is None:
                self._context.deeds.told(deed, "the connection to the broker was lost")
            else:
                self._doing[mid] = deed, self._context.clock().mono

    @property
    def _in_flight(self) -> int:
        return self._context.outbox.in_flight + len(self._doing)

    def _send(self) -> None:
        self._act()
        now = self._context.clock().mono
        while self._in_flight < self._window:
            entry = self._context.outbox.take(now)
            if entry is None:
                return
            if self._too_large(entry.message):
                self._context.outbox.done(entry)
                self._standing.refused(entry.message.topic, f"over the {self._largest} bytes that it takes")
                continue
            mid = self._link.publish(entry.message)
            if mid is None:
                return
            self._handed[mid] = entry

    def _too_large(self, message: Message) -> bool:
        signed = sum(len(name) + len(value) + 8 for name, value in message.properties)
        size = len(message.topic.encode()) + len(message.payload) + signed + ENVELOPE
        return self._largest is not None and size > self._largest

    def _on_time(self, now: Instant) -> None:
        if self._resubscribe_at is not None and now.mono >= self._resubscribe_at:
            self._subscribe()
        if self._birth.due(now.mono):
            self._announce(now.mono)
        if self._doubles.forget(now.mono):
            self._judge()
        if (event := self._context.intake.report(now)) is not None:
            message = self._context.topics.show(event, now.wall, {})
            if message is not None:
                self._context.outbox.put(message, now.mono)

    def _farewell(self) -> None:
        outbox, now = self._context.outbox, self._context.clock().mono
        until = now + FAREWELL_S
        outbox.put(self._context.topics.status(OFFLINE), now)
        connected = self._drain(until)
        if connected and self._context.forgetting.is_set():
            for message in outbox.retained():
                outbox.put(replace(message, payload=b""), now)
            connected = self._drain(until)
        if connected:
            self._link.disconnect()

    def _drain(self, until: float) -> bool:
        """Until nothing waits any more, or it is time; False where the connection was lost."""
        now = self._context.clock().mono
        while not self._context.outbox.empty and now < until:
            if self._turn(until - now) is not None:
                return False
            now = self._context.clock().mono
        return True
