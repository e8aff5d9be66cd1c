"""Whether somebody else is us: a second client with our client id, or a second device with our name.

Rules:
- Two cards written from one image have one machine id and so one client id, and a broker keeps only the later of two
  such clients. Not every broker says so (mosquitto 2.0.11 just closes the socket), and two that return at once evict
  each other for ever. Two devices both called "raspberrypi" share all topics, and both obey.
- So each process signs with a random name and reads its own signature back: in MQTT 5 on `status`, the will included;
  in 3.1.1, which has no place for it there, on a retained topic of its own, `instance`.
- Another's traces found on coming back are those of the one who took our place, and whom our coming back evicted: a
  double. We stay, since we are the one who is connected now; evicted in our turn, we wait a minute instead of returning
  at once. One of the two is always there, and no storm.
- Another's signature that comes while we are connected is a namesake's. When it leaves, `online` has to be said again.
- What the first connection of a process finds may be left over from the process before it, and means nothing.
"""

from __future__ import annotations

from typing import Protocol

from agent.events import Instant
from agent.mqtt.happenings import TAKEN_OVER, Received
from agent.mqtt.topics import OFFLINE, ONLINE, Message, Topics

GONE_S = 90.0
NAMESAKE = "another device has our name: give each its own"


class Doubles(Protocol):
    """Of one connection."""

    @property
    def filters(self) -> tuple[str, ...]: ...

    @property
    def trouble(self) -> str:
        """What is to be said about it, "" if nothing."""

    @property
    def evicting(self) -> bool:
        """Whether the loss of this connection is to be taken for an eviction."""

    def signature(self) -> Message | None:
        """What is to be kept at the broker besides `status`."""

    def reads(self, topic: str) -> bool: ...

    def take(self, received: Received, at: Instant) -> tuple[Message, ...]:
        """A message on one of our own topics; what has to be said because of it."""

    def forget(self, now: float) -> bool:
        """Whether a double is so long silent that it has gone."""


def doubles(topics: Topics, protocol: str, first: bool) -> Doubles:
    """`protocol` as in `mqtt.protocol`; `first`: the first connection of this process."""
    return SignedStatus(topics, first) if protocol == "5" else SignedApart(topics, first)


class _Watch:
    """What both ways of signing share."""

    def __init__(self, topics: Topics, first: bool, *filters: str) -> None:
        self.filters = filters
        self.trouble = ""
        self._topics = topics
        self._first = first
        self._settled = False  # our own signature came back
        self._evicting_until: float | None = None

    @property
    def evicting(self) -> bool:
        return self._evicting_until is not None

    def reads(self, topic: str) -> bool:
        return topic in self.filters

    def forget(self, now: float) -> bool:
        if self._evicting_until is None or now < self._evicting_until:
            return False
        self._evicting_until = None
        self.trouble = ""
        return True

    def _evicted(self, now: float) -> None:
        self._evicting_until = now + GONE_S
        self.trouble = TAKEN_OVER.reason

    def _left(self) -> tuple[Message, ...]:
        """The namesake said `offline` in our name."""
        self.trouble = ""
        return (self._topics.status(ONLINE),)


class SignedStatus(_Watch):
    """MQTT 5: `status` carries the signature as a user property."""

    def __init__(self, topics: Topics, first: bool) -> None:
        super().__init__(topics, first, topics.status(ONLINE).topic)

    def signature(self) -> None:
        return None

    def take(self, received: Received, at: Instant) -> tuple[Message, ...]:
        signature = dict(received.properties).get("instance")
        if signature is None:
            return ()
        left = received.payload == OFFLINE.encode()
        if signature == self._topics.instance:
            self._settled = self._settled or received.payload == ONLINE.encode()
            return ()
        if self._settled and left:
            return self._left()
        if self._first and not self._settled:
            return ()
        if left:
            self._evicted(at.mono)
        else:
            self.trouble = NAMESAKE
        return ()


class SignedApart(_Watch):
    """MQTT 3.1.1: `instance` holds the signature of the one who came last. Only old messages are "retained" there."""

    def __init__(self, topics: Topics, first: bool) -> None:
        self._signature = Message(f"{topics.root}/instance", topics.instance.encode(), retain=True)
        super().__init__(topics, first, topics.status(ONLINE).topic, self._signature.topic)

    def signature(self) -> Message:
        return self._signature

    def take(self, received: Received, at: Instant) -> tuple[Message, ...]:
        if received.topic != self._signature.topic:
            left = received.payload == OFFLINE.encode() and not received.retain
            return self._left() if left and self._settled else ()
        if received.payload == self._signature.payload:
            self._settled = True
            return ()
        if not received.retain:
            return self._met()
        if received.payload and not self._first:
            self._evicted(at.mono)
        return ()

    def _met(self) -> tuple[Message, ...]:
        """A namesake lives. It may have missed us, so that it is answered, once."""
        if self.trouble == NAMESAKE:
            return ()
        self._evicting_until = None
        self.trouble = NAMESAKE
        return (self._signature,)
