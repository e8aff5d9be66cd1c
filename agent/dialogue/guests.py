"""Guests: who talks with the agent from afar, by a browser or another device's microphone, each in a dialogue alone.

A guest's dialogue is the same `step` with a state of its own: turns, history, volume and whatever is asked back are the
guest's. Timers belong to the house: they are lent to a guest for the length of one event, so that a timer set by a
phone is kept, shown, and rings in the room, where it does not depend on a page that is open.

Rules:
- Nothing rings at a guest's, and no guest's wake word silences what rings in the room. "Stop" does.
- Turns of all dialogues are numbered apart (`first_turn`), so that a turn's number alone tells whose it is.
- What the disk says of timers goes to whoever waits for it, else to the house. What fails takes back all that was asked
  for after it: everybody whose change that was is told, the last one first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.commands import Command
from agent.dialogue import step as dialogue
from agent.dialogue.origin import Commanded
from agent.dialogue.rules import Rules
from agent.dialogue.state import State, Talk
from agent.dialogue.timerbook import Book
from agent.events import DeadlinePassed, Event, TimersKept, Turn

TURNS = 1 << 24  # of one dialogue; a record holds 32 bits
MAX_SEATS = 32
HOUSE = 0  # the seat of the device's own microphone and speaker


def first_turn(seat: int) -> Turn:
    """The number that the turns of a seat count up from."""
    return seat * TURNS


def seat_of(turn: Turn) -> int:
    return turn // TURNS


def arrived(house: State, turn: Turn, volume: int) -> State:
    """A guest's first state; `turn`: the last one of this seat, or its `first_turn`."""
    return State(rules=ruled(house.rules), volume=volume, told=volume, volume_set=True, talk=Talk(turn))


def ruled(rules: Rules) -> Rules:
    """The house's rules as they hold for a guest, whose room has quiet hours of its own."""
    return replace(rules, rings=False, quiet=None)


@dataclass(frozen=True, slots=True)
class Done:
    """`seat`: whose commands these are."""

    seat: int
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Company:
    """All dialogues of the device: that of the house, and of each guest by seat."""

    house: State
    guests: Mapping[int, State]

    def step(self, event: Event, seat: int = HOUSE) -> tuple[Company, tuple[Done, ...]]:
        """One event at a seat. A seat that is empty takes no notice; time passes everywhere."""
        late = [each.revision for each in self.house.book.keeping if each.until <= event.at.mono]
        if late:
            company, done = self._failed(TimersKept(event.at, late[0], ok=False, reason="the disk takes too long"))
            company, more = company.step(event, seat)
            return company, (*done, *more)
        match event:
            case TimersKept(ok=False):
                return self._failed(event)
            case TimersKept(revision=revision):
                return self._at(self._waiting(revision), event)
            case DeadlinePassed():
                return self._all(event)
            case _:
                return self._at(seat, event)

    def deadline(self) -> float | None:
        """Monotonic seconds at which `DeadlinePassed` is due; None where nothing is waited for."""
        states = (self.house, *(self._lent(guest) for guest in self.guests.values()))
        due = [each for state in states if (each := dialogue.deadline(state)) is not None]
        return min(due, default=None)

    def _all(self, event: Event) -> tuple[Company, tuple[Done, ...]]:
        """The guests first: what they wait for is told to them, and to the house only where nobody does."""
        company, done = self, tuple[Done, ...]()
        for seat in (*self.guests, HOUSE):
            company, more = company._at(seat, event)
            done = (*done, *more)
        return company, done

    def _at(self, seat: int, event: Event) -> tuple[Company, tuple[Done, ...]]:
        if seat == HOUSE:
            house, commands = dialogue.step(self.house, event)
            return replace(self, house=house), (Done(HOUSE, commands),)
        guest = self.guests.get(seat)
        if guest is None:
            return self, ()
        after, commands = dialogue.step(self._lent(guest), event)
        house = replace(self.house, book=replace(after.book, asking=self.house.book.asking))
        guest = replace(after, book=Book(asking=after.book.asking))
        return Company(house, {**self.guests, seat: guest}), (Done(seat, commands),)

    def _lent(self, guest: State) -> State:
        """With the timers of the house; which of them is being asked about is the guest's own affair."""
        return replace(guest, book=replace(self.house.book, asking=guest.book.asking))

    def _failed(self, event: TimersKept) -> tuple[Company, tuple[Done, ...]]:
        revisions = [each.revision for each in self.house.book.keeping]
        lost = [each for each in revisions if each >= event.revision] if event.revision in revisions else []
        company, done = self, tuple[Done, ...]()
        for revision in reversed(lost):
            company, more = company._at(company._waiting(revision), replace(event, revision=revision))
            done = (*done, *more)
        return company, done

    def _waiting(self, revision: int) -> int:
        origins = [each.origin for each in self.house.book.keeping if each.revision == revision]
        seats = [seat_of(origin.turn) for origin in origins if not isinstance(origin, Commanded)]
        return next((seat for seat in seats if seat in self.guests), HOUSE)
