"""Who answers: the profiles of each persona in order of fall-back, and the health of the part "llm".

Rules:
- The first profile that is not known to be down is asked; the next one is asked only while nothing has been said and
  nothing has been done. One that is well but does not know leaves the question to the next; where nobody knows better,
  what it said counts.
- Three failures in a row and a profile is skipped (`agent.thinking.circuit`). One that could not be reached is asked
  for its models every 30 s, so that health recovers without a turn; the others prove themselves in a turn.
- Health: ok while all profiles are believed to work, degraded while a profile is down but another one is there to
  answer, failed when none is, loading while the first one is. Where there are several personas, it is that of who talks
  most, and degraded where another one has trouble.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.commands import AskLlm
from agent.events import Health, Status
from agent.thinking.answerer import Answerer, OnText, Question, Unanswered
from agent.thinking.circuit import PROBE_S, Circuit
from agent.thinking.failure import NONE_CONFIGURED, Failure
from agent.thinking.toolbox import TurnTools

log = logging.getLogger(__name__)

OnWritten = Callable[[str, bool, str], None]  # text, whether it stands instead of all before it, and the profile


@dataclass(slots=True)
class Standing:
    """What is known of one profile. `trouble`: its last failure, until it works again."""

    answerer: Answerer
    circuit: Circuit = field(default_factory=Circuit)
    trouble: Failure | None = None
    loading: bool = False

    def __str__(self) -> str:
        return f"{self.answerer.name}: {self.trouble.detail}" if self.trouble else self.answerer.name


@dataclass(frozen=True, slots=True)
class Manner:
    """How a persona answers. `profiles`: names, in order of fall-back."""

    prompt: str
    language: str
    profiles: tuple[str, ...]


class Profiles:
    """Belongs to one asyncio loop."""

    def __init__(
        self,
        answerers: Sequence[Answerer],
        manners: Mapping[str, Manner],
        clock: Clock,
        on_health: Callable[[Health], None],
        first: str = "",
    ) -> None:
        """`answerers`: each profile in use, once; `manners`: of all personas; `first`: the one that talks most."""
        self._standings = [Standing(answerer) for answerer in answerers]
        self._manners = manners
        self._main = self._order(manners.get(first, manners[""])) or self._standings
        self._clock = clock
        self._on_health = on_health
        self._published: tuple[Status, str] = ("loading", "")  # as the thinker has told at its start

    async def answer(self, ask: AskLlm, on_text: OnWritten, tools: TurnTools | None = None) -> None:
        """The reply of the first profile that can, and its name with each piece.

        Raises Unanswered where one was well but none knew, else Failure, with the first profile's code.
        """
        manner, begun, asked = self._manners.get(ask.persona, self._manners[""]), False, ""

        def hand_out(text: str, instead: bool = False) -> None:
            nonlocal begun
            begun = True
            on_text(text, instead, asked)

        question = Question(ask.text, ask.history, ask.persona, manner.prompt, manner.language, tools)
        failures: list[Failure] = []
        ignorance: Unanswered | None = None
        for standing in self._order(manner):
            asked = standing.answerer.name
            try:
                failure = await self._ask(standing, question, hand_out)
            except Unanswered as unanswered:
                ignorance = ignorance or unanswered
                continue
            if failure is None:
                return
            if begun or failure.acted:
                raise failure
            failures.append(Failure(failure.code, f"{standing.answerer.name}: {failure.detail}"))
        if ignorance:
            raise ignorance
        if not failures:
            raise Failure("none_configured", NONE_CONFIGURED)
        raise Failure(failures[0].code, "; ".join(failure.detail for failure in failures))

    async def watch(self) -> None:
        """Look whether the profiles are there: all at the start, the unreachable ones every 30 s. Runs for ever."""
        await self._look(self._standings)
        while True:
            self._publish()
            await asyncio.sleep(PROBE_S)
            lost = [s for s in self._standings if s.trouble and s.trouble.code == "unreachable"]
            await self._look(lost)

    async def warm(self, persona: str = "") -> None:
        """Open a connection to the profile that is going to be asked."""
        now = self._clock().mono
        order = self._order(self._manners.get(persona, self._manners[""]))
        usable = [standing for standing in order if standing.circuit.allows(now)]
        await self._look((usable or order)[:1])
        self._publish()

    async def close(self) -> None:
        for standing in self._standings:
            await standing.answerer.close()

    def note(self, name: str, loading: bool, trouble: Failure | None) -> None:
        """What a server of our own tells about itself."""
        standing = next(s for s in self._standings if s.answerer.name == name)
        standing.loading, standing.trouble = loading, trouble
        self._publish()

    def _order(self, manner: Manner) -> list[Standing]:
        standings = {standing.answerer.name: standing for standing in self._standings}
        return [standings[name] for name in manner.profiles]

    async def _ask(self, standing: Standing, question: Question, on_text: OnText) -> Failure | None:
        """Raises Unanswered."""
        if standing.trouble and not standing.circuit.allows(self._clock().mono):
            return standing.trouble
        try:
            await standing.answerer.ask(question, on_text)
        except Unanswered:
            self._works(standing)
            raise
        except Failure as failure:
            log.warning("%s: %s (%s)", standing.answerer.name, failure.detail, failure.code)
            standing.circuit = standing.circuit.failed(self._clock().mono)
            standing.trouble = failure
            self._publish()
            return failure
        self._works(standing)
        return None

    def _works(self, standing: Standing) -> None:
        standing.circuit, standing.trouble = standing.circuit.succeeded(), None
        self._publish()

    async def _look(self, standings: Sequence[Standing]) -> None:
        await asyncio.gather(*(self._reach(standing) for standing in standings))

    async def _reach(self, standing: Standing) -> None:
        try:
            await standing.answerer.reach()
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
        if all(standing.trouble for standing in self._main):
            return "failed", reason
        if self._main[0].loading:
            return "loading", ""
        return ("degraded", reason) if troubled else ("ok", "")
