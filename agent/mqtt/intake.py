"""What comes in, before anything is done about it: old commands, floods and nonsense are held back and counted.

Rules:
- A retained command is never carried out: it would be repeated on every connection, at three in the morning too.
- Ten commands a second, twenty at once; what is over is dropped. `stop` has tokens of its own, so that no flood of
  others keeps it out; stops beyond those ask for nothing that the last one did not.
- What was asked under the same id a moment ago is not carried out again: see `agent.mqtt.repeats`.
- Nonsense costs a token like everything else, since it is answered.
"""

from __future__ import annotations

import logging

from agent.commands import ShowEvent
from agent.events import Instant, Requested
from agent.mqtt.commands import Accepted, Rejected, parse
from agent.mqtt.happenings import Received
from agent.mqtt.limits import Seldom, TokenBucket
from agent.mqtt.repeats import Repeats
from agent.mqtt.topics import Message, Topics
from agent.requests import Request

RATE_HZ = 10.0
BURST = 20
STOP_RATE_HZ = 50.0
STOP_BURST = 50
REPORT_S = 10.0
COMPLAIN_S = 1.0

log = logging.getLogger(__name__)


class Intake:
    """Used by the session's thread alone."""

    def __init__(self, topics: Topics, repeats: Repeats) -> None:
        self.filters = (topics.commands,)
        self.dropped = 0
        self.retained = 0
        self._topics = topics
        self._repeats = repeats
        self._tokens = TokenBucket(RATE_HZ, BURST)
        self._stops = TokenBucket(STOP_RATE_HZ, STOP_BURST)
        self._reports = Seldom(REPORT_S)
        self._complaints = Seldom(COMPLAIN_S)
        self._reported = 0
        self._warned: set[str] = set()

    def reads(self, topic: str) -> bool:
        return self._topics.command(topic) is not None

    def take(self, received: Received, at: Instant) -> tuple[Requested | Message, ...]:
        """The request to emit, or the result to publish where it is nonsense or a repetition; or nothing to do."""
        name = self._topics.command(received.topic) or ""
        if received.retain:
            self._ignore_retained(name)
            return ()
        tokens = self._stops if name == "stop" else self._tokens
        if not tokens.take(at.mono):
            self.dropped += 1
            return ()
        match parse(name, received.payload):
            case Accepted(request, sender):
                return self._accepted(request, sender, at)
            case Rejected(code, message, sender):
                if self._complaints.may("rejected", at.mono):
                    log.info("command %.40r rejected: %s", name, message, extra={"code": f"mqtt.{code}"})
                return (self._topics.result(at.wall, sender, ok=False, code=code, message=message),)

    def _accepted(self, request: Request, sender: str | None, at: Instant) -> tuple[Requested | Message, ...]:
        if self._repeats.new(sender, request, at.mono):
            return (Requested(at, request, sender),)
        known = self._repeats.result(sender or "")
        return () if known is None else (known,)

    def report(self, at: Instant) -> ShowEvent | None:
        """How many commands were dropped since the last report, where there were any; at most every ten seconds."""
        fresh = self.dropped - self._reported
        if not fresh or not self._reports.may("flood", at.mono):
            return None
        self._reported = self.dropped
        log.warning("%d commands came too fast and were dropped", fresh, extra={"code": "mqtt.flood"})
        return ShowEvent("error", data={"code": "mqtt.flood", "dropped": fresh, "total": self.dropped})

    def _ignore_retained(self, name: str) -> None:
        self.retained += 1
        if name not in self._warned and len(self._warned) < 16:
            self._warned.add(name)
            log.warning(
                "retained command %.40r ignored: publish it without retain", name, extra={"code": "mqtt.retained"}
            )
