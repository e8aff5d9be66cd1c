"""The course of one connection, from CONNACK to its end.

    greeting ──CONNACK: SUBSCRIBE──▶ greeting ──SUBACK──▶ up ──stop──▶ farewell

Rules:
- Up begins with everything retained, `online` last: a broker that forgot everything knows all again, and whoever sees
  `online` can rely on the rest. Only when `online` is acknowledged is the connection good.
- A subscription that the broker refuses leaves us mute to commands, not to events: degraded, and asked for again.
- At most `window` messages are with paho; all others stay in the outbox, where newer values replace older ones.
- Farewell: what waits, then `offline`, acknowledged within a second, then DISCONNECT. A device that will have another
  name clears its retained topics before it goes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from agent.clock import Clock
from agent.events import Event, Instant, Status
from agent.mqtt.doubles import Doubles
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
from agent.mqtt.topics import OFFLINE, ONLINE, Message, Topics

ANSWER_S = 5.0
RESUBSCRIBE_S = 60.0
TICK_S = 1.0
FAREWELL_S = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """What outlives a connection. `tell`: the health of MQTT; `turned`: the thread came round, at monotonic seconds.

    `forgetting`: with `stopping`, that what the broker retains is to be cleared.
    """

    topics: Topics
    outbox: Outbox
    intake: Intake
    clock: Clock
    emit: Callable[[Event], None]
    tell: Callable[[Status, str], None]
    turned: Callable[[float], None]
    stopping: threading.Event
    forgetting: threading.Event


class Connection:
    """Used by one thread: `serve`, once, with a link that is open. `first`: of this process."""

    def __init__(self, link: Link, context: Context, first: bool) -> None:
        self._link = link
        self._context = context
        self._doubles = Doubles(context.topics, first)
        self._window = RECEIVE_MAXIMUM
        self._handed: dict[int, Entry] = {}
        self._up = False
        self._good = False
        self._refusals: dict[str, str] = {}
        self._resubscribe_at: float | None = None

    def serve(self) -> Lost | None:
        """Until the connection is lost, or None where we ended it because the session stops."""
        context = self._context
        answer_by = context.clock().mono + ANSWER_S
        while not context.stopping.is_set():
            lost = self._turn(TICK_S)
            if lost is not None:
                return TAKEN_OVER if self._doubles.evicting else lost
            now = context.clock()
            if not self._up and now.mono > answer_by:
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
            case Connected(window):
                self._window = window
                self._subscribe()
            case Subscribed(refusal):
                self._subscribed(refusal)
            case Published(mid, refusal):
                self._published(mid, refusal)
            case Received():
                self._received(happening)
            case _:
                assert_never(happening)

    def _subscribe(self) -> None:
        self._resubscribe_at = None
        self._link.subscribe(self._context.topics.commands, self._doubles.topic)

    def _subscribed(self, refusal: str) -> None:
        now = self._context.clock().mono
        self._refused(self._context.topics.commands, refusal)
        if refusal:
            self._resubscribe_at = now + RESUBSCRIBE_S
        if not self._up:
            self._up = True
            self._context.outbox.connected(self._context.topics.status(ONLINE), now)

    def _published(self, mid: int, refusal: str) -> None:
        entry = self._handed.pop(mid, None)
        if entry is None:
            return
        self._context.outbox.done(entry)
        self._good = self._good or entry.message == self._context.topics.status(ONLINE)
        self._refused(entry.message.topic, refusal)

    def _refused(self, topic: str, refusal: str) -> None:
        """`refusal`: the broker's reason, "" where there is none (any more)."""
        if not refusal:
            self._refusals.pop(topic, None)
        elif topic not in self._refusals:
            self._refusals[topic] = refusal
            log.warning("the broker refuses %s: %s", topic, refusal, extra={"code": "mqtt.acl"})
        self._judge()

    def _judge(self) -> None:
        """How we are, once `online` is said."""
        if not self._good:
            return
        troubles = [f"the broker refuses {topic}: {refusal}" for topic, refusal in self._refusals.items()]
        if self._doubles.trouble:
            troubles.insert(0, self._doubles.trouble)
        self._context.tell("degraded" if troubles else "ok", troubles[0] if troubles else "")

    def _received(self, received: Received) -> None:
        if self._context.stopping.is_set():
            return
        at = self._context.clock()
        if received.topic == self._doubles.topic:
            if self._doubles.sighted(received, at.mono):
                self._context.outbox.put(self._context.topics.status(ONLINE), at.mono)
            self._judge()
            return
        taken = self._context.intake.take(received, at)
        if isinstance(taken, Message):
            self._context.outbox.put(taken, at.mono)
        elif taken is not None:
            self._context.emit(taken)

    def _send(self) -> None:
        now = self._context.clock().mono
        while self._context.outbox.in_flight < self._window:
            entry = self._context.outbox.take(now)
            if entry is None:
                return
            mid = self._link.publish(entry.message)
            if mid is None:
                return
            self._handed[mid] = entry

    def _on_time(self, now: Instant) -> None:
        if self._resubscribe_at is not None and now.mono >= self._resubscribe_at:
            self._subscribe()
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
