"""Whether somebody else is us: a second client with our client id, or a second device with our name.

Rules:
- Two cards written from one image have one machine id and so one client id, and a broker keeps only the later of two
  such clients. Not every broker says so (mosquitto 2.0.11 just closes the socket), and two that return at once evict
  each other for ever. Two devices both called "raspberrypi" share all topics, and both obey.
- So each process signs its `status`, the will included, with a random name, and reads what stands there.
- A strange `offline` found on coming back is the will of the one whom our coming back evicted: a double. We stay, since
  we are the one who is connected now; evicted in our turn, we wait a minute instead of returning at once. One of the
  two is always there, and no storm.
- A strange `online` is a namesake. When it leaves, `online` has to be said again.
- What the first connection of a process finds may be left over from the process before it, and means nothing.
"""

from __future__ import annotations

from agent.mqtt.happenings import TAKEN_OVER, Received
from agent.mqtt.topics import OFFLINE, ONLINE, Topics

GONE_S = 90.0
NAMESAKE = "another device has our name: give each its own"


class Doubles:
    """Of one connection; `first`: the first one of this process."""

    def __init__(self, topics: Topics, first: bool) -> None:
        self.trouble = ""
        self._instance = topics.instance
        self._topic = topics.status(ONLINE).topic
        self._first = first
        self._settled = False
        self._evicting_until: float | None = None

    @property
    def topic(self) -> str:
        return self._topic

    @property
    def evicting(self) -> bool:
        """Whether the loss of this connection is to be taken for an eviction."""
        return self._evicting_until is not None

    def sighted(self, status: Received, now: float) -> bool:
        """A message on our own `status`. True: it belies that we are online, so say so again."""
        signature = dict(status.properties).get("instance")
        if signature is None:
            return False
        if signature == self._instance:
            self._settled = self._settled or status.payload == ONLINE.encode()
            return False
        if self._first and not self._settled:
            return False
        left = status.payload == OFFLINE.encode()
        if left and self._settled:
            self.trouble = ""
            return True
        if left:
            self._evicting_until = now + GONE_S
        self.trouble = TAKEN_OVER.reason if left else NAMESAKE
        return False

    def forget(self, now: float) -> bool:
        """Whether a double is so long silent that it has gone."""
        if self._evicting_until is None or now < self._evicting_until:
            return False
        self._evicting_until = None
        self.trouble = ""
        return True
