"""Taking back an announcement to Home Assistant that this process never made.

Where discovery is switched off, a run before this one may have left the device with the broker: its entities would stay
for ever, unavailable. So the topic is read, and what is found there is deleted. Deleting unasked would do as well, but
Home Assistant warns of it each time, and a broker that grants us nothing there would make us degraded.
"""

from __future__ import annotations

from agent.events import Instant
from agent.mqtt.happenings import Received
from agent.mqtt.topics import Message


class Withdrawal:
    """A reader of `agent.mqtt.connection`. `topic`: where the device would be announced."""

    def __init__(self, topic: str) -> None:
        self.filters = (topic,)
        self._topic = topic

    def reads(self, topic: str) -> bool:
        return topic == self._topic

    def take(self, received: Received, at: Instant) -> tuple[Message, ...]:
        """What was deleted comes back empty, and needs no answer."""
        return (Message(self._topic, b"", retain=True),) if received.payload else ()
