"""How well we stand with the broker, out of what it refuses and of who else is there: the health of MQTT.

A subscription to our commands, or a topic of ours, that is refused makes us degraded; each is logged once. Pure but for
the log.
"""

from __future__ import annotations

import logging

from agent.events import Status

log = logging.getLogger(__name__)


class Standing:
    def __init__(self) -> None:
        self.good = False  # `online` was acknowledged
        self._refusals: dict[str, str] = {}

    def refused(self, topic: str, refusal: str) -> None:
        """`refusal`: the broker's reason, "" where there is none (any more)."""
        if not refusal:
            self._refusals.pop(topic, None)
        elif topic not in self._refusals:
            self._refusals[topic] = refusal
            log.warning("the broker refuses %s: %s", topic, refusal, extra={"code": "mqtt.acl"})

    def judge(self, trouble: str) -> tuple[Status, str] | None:
        """Status and reason, once `online` is said. `trouble`: with another device, "" if none."""
        if not self.good:
            return None
        troubles = [f"the broker refuses {topic}: {refusal}" for topic, refusal in self._refusals.items()]
        if trouble:
            troubles.insert(0, trouble)
        return ("degraded", troubles[0]) if troubles else ("ok", "")
