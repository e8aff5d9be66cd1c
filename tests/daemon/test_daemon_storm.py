"""A wake word that is heard again and again for nothing is told, and forgotten when it is calm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from agent.commands import ListenOn, Outcome, StartListening, TurnEnded
from agent.daemon.storm import CALM, LIMIT, WITHIN_S, WakeStorm
from agent.events import Event, Health, Instant


class Television:
    """It wakes the agent once a second."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.turn = 0
        self.told: list[str] = []
        self.storm = WakeStorm(self.emit)

    def emit(self, event: Event) -> None:
        assert isinstance(event, Health)
        assert event.part == "wake"
        self.told.append(f"{event.status} {event.reason}".strip())

    def at(self) -> Instant:
        return Instant(self.now, datetime.now(UTC))

    def wake(self, outcome: Outcome = "silence", transcript: str = "", since: float | None = 1.0) -> None:
        self.turn += 1
        self.now += 1.0
        self.storm.see(StartListening(self.turn, since), self.at())
        self.storm.see(TurnEnded(self.turn, outcome, transcript, "Yes." if transcript else ""), self.at())

    def wakes(self, count: int) -> Iterator[None]:
        for _ in range(count):
            yield self.wake()


def test_more_than_ten_false_turns_a_minute_are_a_storm_until_it_is_calm() -> None:
    television = Television()
    list(television.wakes(LIMIT))
    assert television.told == []
    television.wake("interrupted")
    assert television.told == [
        "degraded wake.storm: woken 11 times within a minute for nothing; raise wake.threshold, or is a television on?"
    ]
    television.now += WITHIN_S - LIMIT + CALM - 0.5
    television.storm.tick(television.at())
    assert television.told[1:] == []
    television.now += 1.5
    television.storm.tick(television.at())
    assert television.told[1:] == ["ok"]


def test_turns_in_which_something_was_said_or_that_nobody_woke_are_none() -> None:
    television = Television()
    for _ in range(2 * LIMIT):
        television.wake("answered", "what time is it")
        television.wake("interrupted", since=None)
    assert television.told == []


def test_words_that_another_agent_answers_are_no_storm() -> None:
    television = Television()
    for _ in range(2 * LIMIT):
        television.wake("yielded")
    assert television.told == []


def test_a_turn_that_went_on_is_judged_by_its_end() -> None:
    television = Television()
    for _ in range(2 * LIMIT):
        television.turn += 2
        television.now += 1.0
        first, second = television.turn - 1, television.turn
        television.storm.see(StartListening(first, 1.0), television.at())
        television.storm.see(ListenOn(second, of=first), television.at())
        television.storm.see(TurnEnded(first, "continued", "", ""), television.at())
        television.storm.see(TurnEnded(second, "answered", "what time is it", "Four."), television.at())
    assert television.told == []
    television.storm.see(StartListening(999, 1.0), television.at())
    television.storm.see(ListenOn(1000, of=999), television.at())
    for turn in range(1000, 1001 + LIMIT):
        television.storm.see(StartListening(turn, 1.0), television.at())
        television.storm.see(TurnEnded(turn, "silence", "", ""), television.at())
    assert len(television.told) == 1
