"""Who answers: the configured profiles in order of fall-back, and the health of the part "llm".

Rules:
- The first profile that is not known to be down is asked; the next one is asked only while nothing has been said.
- Three failures in a row and a profile is skipped (`agent.thinking.circuit`). One that could not be reached is asked
  for its models every 30 s, so that health recovers without a turn; the others prove themselves in a turn.
- Health: ok while all profiles are believed to work, degraded while a profile is down but another one is there to
  answer, failed when none is, loading while the first one is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.commands import AskLlm
from agent.events import Health, Status
from agent.thinking.circuit import PROBE_S, Circuit
from agent.thinking.failure import Failure
from agent.thinking.memory import messages

if TYPE_CHECKING:
    from agent.thinking.endpoint import Endpoint
    from agent.thinking.request import OnText

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Standing:
    """What is known of one profile. `trouble`: its last failure, until it works again."""

    endpoint: Endpoint
    circuit: Circuit = field(default_factory=Circuit)
    trouble: Failure | None = None
    loading: bool = False

    def __str__(self) -> str:
        return f"{self.endpoint.name}: {self.trouble.detail}" if self.trouble else self.endpoint.name


class Profiles:
    """Belongs to one asyncio loop."""

    def __init__(
        self, endpoints: Sequence[Endpoint], prompt: str, clock: Clock, on_health: Callable[[Health], None]
    ) -> None:
        """`prompt`: the persona's, for profiles without one of their own."""
        self._standings = [Standing(endpoint) for endpoint in endpoints]
        self._prompt = prompt
        self._clock = clock
        self._on_health = on_health
        self._published: tuple[Status, str] = ("loading", "")  # as the thinker has told at its start

    async def answer(self, ask: AskLlm, on_text: OnText) -> None:
        """The reply of the first profile that can. Raises Failure, with the first profile's code."""
        begun = False

        def hand_out(text: str) -> None:
            nonlocal begun
            begun = True
            on_text(text)

        failures: list[Failure] = []
        for standing in self._standings:
            failure = await self._ask(standing, ask, hand_out)
            if failure is None:
                return
            if begun:
                raise failure
            failures.append(Failure(failure.code, f"{standing.endpoint.name}: {failure.detail}"))
        raise Failure(failures[0].code, "; ".join(failure.detail for failure in failures))

    async def watch(self) -> None:
        """Look whether the profiles are there: all at the start, the unreachable ones every 30 s. Runs for ever."""
        await self._look(self._standings)
        while True:
            self._publish()
            await asyncio.sleep(PROBE_S)
            lost = [s for s in self._standings if s.trouble and s.trouble.code == "unreachable"]
            await self._look(lost)

    async def warm(self) -> None:
        """Open a connection to the profile that is going to be asked."""
        now = self._clock().mono
        usable = (standing for standing in self._standings if standing.circuit.allows(now))
        await self._look([next(usable, self._standings[0])])
        self._publish()

    async def close(self) -> None:
        for standing in self._standings:
            await standing.endpoint.close()

    def note(self, name: str, loading: bool, trouble: Failure | None) -> None:
        """What a server of our own tells about itself."""
        standing = next(s for s in self._standings if s.endpoint.name == name)
        standing.loading, standing.trouble = loading, trouble
        self._publish()

    async def _ask(self, standing: Standing, ask: AskLlm, on_text: OnText) -> Failure | None:
        if standing.trouble and not standing.circuit.allows(self._clock().mono):
            return standing.trouble
        profile = standing.endpoint.profile
        prompt = self._prompt if profile.system_prompt is None else profile.system_prompt
        try:
            await standing.endpoint.ask(messages(prompt, ask.history, ask.text, profile.history_turns), on_text)
        except Failure as failure:
            log.warning("%s: %s (%s)", standing.endpoint.name, failure.detail, failure.code)
            standing.circuit = standing.circuit.failed(self._clock().mono)
            standing.trouble = failure
            self._publish()
            return failure
        standing.circuit, standing.trouble = standing.circuit.succeeded(), None
        self._publish()
        return None

    async def _look(self, standings: Sequence[Standing]) -> None:
        await asyncio.gather(*(self._reach(standing) for standing in standings))

    async def _reach(self, standing: Standing) -> None:
        try:
            await standing.endpoint.reach()
        except Failure as failure:
            standing.trouble = failure
            return
        if standing.trouble and standing.trouble.code == "unreachable":
            standing.circuit, standing.trouble = standing.circuit.answered_probe(), None

    def _publish(self) -> None:
        status, reason = self._health()
        if self._published != (status, reason):
            self._published = (status, reason)
            self._on_health(Health(self._clock(), "llm", status, reason))

    def _health(self) -> tuple[Status, str]:
        troubled = [standing for standing in self._standings if standing.trouble]
        reason = "; ".join(map(str, troubled))
        if len(troubled) == len(self._standings):
            return "failed", reason
        if self._standings[0].loading:
            return "loading", ""
        return ("degraded", reason) if troubled else ("ok", "")
