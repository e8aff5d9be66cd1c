"""Scripts of events: a tiny driver of `step` for tests, with a clock that only the script moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeVar

from agent.commands import Command, Earcon
from agent.dialogue.state import State
from agent.dialogue.step import deadline, step
from agent.events import DeadlinePassed, Endpoint, Event, Final, Instant, Requested, SpeechStarted, Wake
from agent.requests import Intent, Request

C = TypeVar("C")
START = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)


class Script:
    """Plays events into `step`; `commands` holds everything that came out, in order."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self.time = 100.0
        self.commands: list[Command] = []

    @property
    def at(self) -> Instant:
        return Instant(self.time, START + timedelta(seconds=self.time - 100.0))

    def play(self, event: Event) -> list[Command]:
        self.state, commands = step(self.state, event)
        self.commands += commands
        return list(commands)

    def wake(self, word: str = "hey_jarvis") -> list[Command]:
        return self.play(Wake(self.at, word, 0.9, self.time))

    def hear(self, text: str, intent: Intent | None = None) -> list[Command]:
        """From the wake on: somebody speaks and the recogniser understands `text`."""
        turn = self.state.turn
        self.time += 0.1
        self.play(SpeechStarted(self.at, turn, self.time))
        self.time += 1.5
        self.play(Endpoint(self.at, turn, self.time - 0.6, "silence"))
        return self.play(Final(self.at, turn, text, intent))

    def request(self, request: Request, id: str | None = None) -> list[Command]:
        return self.play(Requested(self.at, request, id))

    def tick(self) -> list[Command]:
        """Let the next deadline pass."""
        due = deadline(self.state)
        assert due is not None, "nothing is waited for"
        self.time = max(self.time, due)
        return self.play(DeadlinePassed(self.at))

    def wait(self) -> list[Command]:
        """Let deadlines pass until one does more than to cover the silence with a sound."""
        while (commands := self.tick()) == [Earcon(self.state.turn, "thinking")]:
            pass
        return commands


def only(kind: type[C], commands: list[Command]) -> C:
    """The one command of this kind."""
    found = [command for command in commands if isinstance(command, kind)]
    assert len(found) == 1, f"{kind.__name__}: {found} in {commands}"
    return found[0]


def has(kind: type[C], commands: list[Command]) -> bool:
    return any(isinstance(command, kind) for command in commands)
