"""The inbox: every event of every thread passes here, one at a time, through the pure core.

The driver is thin: take an event, let `step` decide, hand the commands to their rooms. It owns the state; nobody else
sees it. Guests have dialogues of their own, which are turned here too (`agent.dialogue.guests`). Between events it
sleeps until the next deadline of the dialogues or the next turn of the watchdog.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from agent.clock import Clock
from agent.commands import Command
from agent.daemon.hinter import Hinter
from agent.dialogue.guests import HOUSE, Company, ruled, seat_of
from agent.dialogue.state import State
from agent.events import (
    ClockChanged,
    DeadlinePassed,
    Event,
    Final,
    Instant,
    Partial,
    Requested,
    SpeechDone,
    SpeechFailed,
)
from agent.requests import AskRequest, Intent

LIMIT = 10_000
CLOCK_STEP_S = 0.5  # by which the clock on the wall has to differ from what went by, to count as set

log = logging.getLogger(__name__)


class InboxFull(RuntimeError):
    """Events come in faster than they are handled, for long: the process is sick and has to be restarted."""


class Desk(Protocol):
    """Who carries out what the dialogues of guests decide."""

    def see(self, seat: int, event: Event) -> None: ...
    def act(self, seat: int, command: Command) -> None: ...


@dataclass(frozen=True, slots=True)
class _Visited:
    """An event at a guest's."""

    seat: int
    event: Event


@dataclass(frozen=True, slots=True)
class _Job:
    """What the owner does between two events."""

    run: Callable[[], None]


class Inbox:
    """`put` may be called by any thread; `run` is the main thread's loop."""

    def __init__(
        self,
        state: State,
        match: Callable[[str, str], Intent | None],
        see: Callable[[Event], None],
        act: Callable[[Command], None],
        clock: Clock,
        desk: Callable[[], Desk | None] = lambda: None,
    ) -> None:
        self._company = Company(state, {})
        self._match = match  # a sentence, and its language
        self._see = see
        self._act = act
        self._clock = clock
        self._desk = desk
        self._hinters = {HOUSE: Hinter(match)}
        # SimpleQueue: its put is reentrant, so that a signal handler may call it.
        self._queue: queue.SimpleQueue[Event | _Visited | _Job | None] = queue.SimpleQueue()
        self._turned_at = time.monotonic()
        self._ahead = _ahead(clock())

    @property
    def state(self) -> State:
        """Of the house."""
        return self._company.house

    @property
    def turned_at(self) -> float:
        """When the loop last came round, for the watchdog; monotonic seconds."""
        return self._turned_at

    def put(self, event: Event) -> None:
        """Raises InboxFull, which ends the thread and so the process: never alive and deaf."""
        if self._queue.qsize() >= LIMIT:
            raise InboxFull(f"{LIMIT} events wait")
        self._queue.put(event)

    def put_at(self, seat: int, event: Event) -> None:
        """The same, at a guest's. Where the seat is empty by then, nothing comes of it."""
        if self._queue.qsize() >= LIMIT:
            raise InboxFull(f"{LIMIT} events wait")
        self._queue.put(_Visited(seat, event))

    def between(self, job: Callable[[], None]) -> None:
        """Let the main loop call `job` between two events; never, where it stops before that. From any thread."""
        self._queue.put(_Job(job))

    def change(self, changed: Callable[[State], State]) -> None:
        """Alter what no event alters: the rules of a new configuration. Only from within a job."""
        house = changed(self._company.house)
        rules = ruled(house.rules)
        self._company = Company(
            house, {seat: replace(each, rules=rules) for seat, each in self._company.guests.items()}
        )

    def seat(self, seat: int, first: State) -> None:
        """A guest has come. Only from within a job, as the next two."""
        self._company = replace(self._company, guests={**self._company.guests, seat: first})
        self._hinters[seat] = Hinter(self._match)

    def guest(self, seat: int) -> State | None:
        return self._company.guests.get(seat)

    def unseat(self, seat: int) -> None:
        guests = {each: state for each, state in self._company.guests.items() if each != seat}
        self._company = replace(self._company, guests=guests)
        self._hinters.pop(seat, None)

    def stop(self) -> None:
        """Let `run` return. May be called by a signal handler."""
        self._queue.put(None)

    def run(self, tick_s: float, tick: Callable[[State], None]) -> None:
        """Until `stop`. `tick` is called at least every `tick_s` seconds."""
        next_tick = time.monotonic()
        while True:
            now = self._turned_at = time.monotonic()
            if now >= next_tick:
                self._look_at_clock()
                tick(self.state)
                next_tick = now + tick_s
            try:
                item = self._queue.get(timeout=self._patience(next_tick))
            except queue.Empty:
                item = self._due()
                if item is None:
                    continue
            match item:
                case None:
                    return
                case _Job(run=job):
                    job()
                case _Visited(seat=seat, event=visited):
                    self.handle(visited, seat)
                case event:
                    self.handle(event)

    def finish(self) -> None:
        """After the mouth has stopped: the turn that was cut short ends with what was heard of it. None begins."""
        while not self._queue.empty():
            event = self._queue.get()
            if isinstance(event, SpeechDone | SpeechFailed):
                self.handle(event)
        closing = self.state.closing
        if closing is not None:
            now = self._clock()
            late = timedelta(seconds=closing.until - now.mono)
            self.handle(DeadlinePassed(Instant(closing.until, now.wall + late)))

    def handle(self, event: Event, seat: int = HOUSE) -> None:
        """One event through the core. What the house's rooms tell of a guest's turn is the guest's."""
        seat = seat or _whose(event)
        event = self._understood(event, seat)
        if seat == HOUSE:
            self._see(event)
        elif (desk := self._desk()) is not None:
            desk.see(seat, event)
        self._company, done = self._company.step(event, seat)
        for each in done:
            for command in each.commands:
                log.debug("%s", type(command).__name__)
                self._act_at(each.seat, command)

    def _act_at(self, seat: int, command: Command) -> None:
        if seat == HOUSE:
            self._act(command)
        elif (desk := self._desk()) is not None:
            desk.act(seat, command)

    def _look_at_clock(self) -> None:
        """Nobody tells when the clock on the wall is set, and alarms go by it."""
        now = self._clock()
        if abs(_ahead(now) - self._ahead) > CLOCK_STEP_S:
            self._ahead = _ahead(now)
            self.handle(ClockChanged(now))

    def _patience(self, next_tick: float) -> float:
        due = self._company.deadline()
        soonest = next_tick if due is None else min(due, next_tick)
        return max(0.0, soonest - time.monotonic())

    def _due(self) -> Event | None:
        due = self._company.deadline()
        now = self._clock()
        return DeadlinePassed(now) if due is not None and due <= now.mono else None

    def _understood(self, event: Event, seat: int) -> Event:
        """Attach the local intent, or what is left to say, so that the core needs no matcher."""
        state = self.state if seat == HOUSE else self._company.guests.get(seat)
        if state is None:
            return event
        match event:
            case Final(text=text) if text:
                return replace(event, intent=self._match(text, state.language))
            case Partial(text=text):
                return replace(event, hint=self._hinters[seat].hint(event.at.mono, text, state.language))
            case Requested(request=AskRequest(text=text, persona=persona) as asked):
                language = state.language_of(state.rules.cast.named(persona))
                return replace(event, request=replace(asked, intent=self._match(text, language)))
            case _:
                return event


def _whose(event: Event) -> int:
    turn = getattr(event, "turn", None)
    return max(HOUSE, seat_of(turn)) if isinstance(turn, int) else HOUSE


def _ahead(now: Instant) -> float:
    """The wall clock's seconds at 0.0 of the monotonic one; the same until somebody sets it."""
    return now.wall.timestamp() - now.mono
