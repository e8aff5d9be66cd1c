"""The inbox drives the core: events in, commands out, deadlines on time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from agent.clock import now
from agent.commands import Answer, Command, Earcon, Speak, TurnEnded
from agent.daemon.inbox import LIMIT, Inbox, InboxFull
from agent.dialogue.cast import Cast
from agent.dialogue.rules import Rules
from agent.dialogue.state import State
from agent.dialogue.timerbook import Book
from agent.events import ClockChanged, Event, Final, Instant, Partial, Requested, SpeechDone, Wake
from agent.requests import AskRequest, Intent, StopRequest
from agent.timers import Timer


@dataclass
class Bench:
    """An inbox whose commands are collected, and which stops after the command `until`."""

    until: type[Command]
    rules: Rules = field(default_factory=Rules)
    seen: list[Event] = field(default_factory=list)
    done: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inbox = Inbox(State(rules=self.rules), self.match, self.seen.append, self.act, now)

    def match(self, text: str, language: str) -> Intent | None:
        return Intent("time") if "time" in text else None

    def act(self, command: Command) -> None:
        self.done.append(command)
        if isinstance(command, self.until):
            self.inbox.stop()

    def run(self) -> None:
        self.inbox.run(tick_s=60.0, tick=lambda _: None)


def test_events_of_other_threads_become_commands() -> None:
    bench = Bench(until=Speak)
    bench.inbox.put(Requested(now(), AskRequest("what time is it")))
    bench.run()
    assert any(isinstance(command, Speak) for command in bench.done)


def test_the_intent_is_attached_to_what_was_heard() -> None:
    bench = Bench(until=TurnEnded)
    bench.inbox.handle(Final(now(), 0, "the time please"))
    assert bench.seen == [Final(bench.seen[0].at, 0, "the time please", Intent("time"))]


def test_what_is_left_to_say_is_attached_to_what_is_heard_so_far() -> None:
    bench = Bench(until=TurnEnded)
    for text in ("the time please", "what is the", "tell me"):
        bench.inbox.handle(Partial(now(), 0, text, 800))
    assert [event.hint for event in bench.seen if isinstance(event, Partial)] == ["complete", "hanging", "hanging"]


def test_a_sentence_is_matched_in_the_language_of_whom_it_is_said_to() -> None:
    matched: list[tuple[str, str]] = []

    def match(text: str, language: str) -> Intent | None:
        matched.append((text, language))
        return None

    rules = Rules(cast=Cast(languages={"nari": "ko", "butler": "de"}, words={"alexa": "nari"}))
    inbox = Inbox(State(rules=rules), match, lambda event: None, lambda command: None, now)
    moment = now()
    inbox.handle(Wake(moment, "alexa", 0.9, moment.mono))
    inbox.handle(Final(now(), 1, "one"))
    inbox.handle(Requested(now(), AskRequest("two", persona="butler")))
    inbox.handle(Requested(now(), AskRequest("three")))
    inbox.handle(Requested(now(), AskRequest("four", persona="nobody")))
    assert matched == [("one", "ko"), ("two", "de"), ("three", "en"), ("four", "en")]


def test_a_deadline_passes_without_any_event() -> None:
    bench = Bench(until=Earcon, rules=Rules(chime_after=0.02))
    moment = now()
    bench.inbox.put(Wake(moment, "hey_jarvis", 0.9, moment.mono))
    bench.run()
    assert bench.done[-1] == Earcon(1, "wake")


def test_the_tick_comes_though_nothing_happens() -> None:
    bench = Bench(until=TurnEnded)
    ticks = []

    def tick(state: State) -> None:
        ticks.append(state)
        if len(ticks) == 3:
            bench.inbox.stop()

    bench.inbox.run(tick_s=0.01, tick=tick)
    assert len(ticks) == 3


def test_an_inbox_that_is_not_emptied_ends_the_process_rather_than_the_memory() -> None:
    bench = Bench(until=TurnEnded)
    for _ in range(LIMIT):
        bench.inbox.put(Requested(now(), StopRequest()))
    with pytest.raises(InboxFull):
        bench.inbox.put(Requested(now(), StopRequest()))


def test_stop_ends_the_loop_from_another_thread() -> None:
    bench = Bench(until=TurnEnded)
    thread = threading.Thread(target=bench.run)
    thread.start()
    bench.inbox.stop()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize(("heard", "told"), [("It's", True), ("", False)], ids=["mouth-tells", "mouth-is-silent"])
def test_the_turn_that_is_cut_short_at_the_end_is_told_and_none_begins(heard: str, told: bool) -> None:
    bench = Bench(until=Speak)
    bench.inbox.put(Requested(now(), AskRequest("what time is it"), id="a"))
    bench.run()
    bench.inbox.put(Wake(now(), "hey_jarvis", 0.9, now().mono))
    bench.inbox.handle(Requested(now(), StopRequest()))
    if told:
        bench.inbox.put(SpeechDone(now(), bench.inbox.state.turn, heard, cut=True))
    bench.done.clear()
    bench.inbox.finish()
    (ended,) = [command for command in bench.done if isinstance(command, TurnEnded)]
    (answer,) = [command for command in bench.done if isinstance(command, Answer)]
    assert (ended.outcome, answer.id, answer.data["heard"]) == ("interrupted", "a", heard)
    assert bench.inbox.state.phase == "idle"


def test_a_clock_that_is_set_is_noticed_and_an_alarm_rings() -> None:
    """Nothing else happens meanwhile: the next tick finds it, and no other one is told of it again."""
    shift = timedelta()

    def clock() -> Instant:
        return Instant(now().mono, now().wall + shift)

    began = clock()
    alarm = Timer("1", "alarm", "", "", began.wall + timedelta(hours=5), None, 0, (), "", began.wall)
    book = Book((alarm,), ahead=began.wall.timestamp() - began.mono)
    seen: list[Event] = []
    done: list[Command] = []
    inbox = Inbox(State(book=book), lambda text, language: None, seen.append, done.append, clock)
    ticks = 0

    def tick(state: State) -> None:
        nonlocal shift, ticks
        ticks += 1
        if ticks == 3:
            shift = timedelta(hours=5, seconds=1)
        if ticks == 6:
            inbox.stop()

    inbox.run(tick_s=0.01, tick=tick)
    assert [type(event) for event in seen if isinstance(event, ClockChanged)] == [ClockChanged]
    assert inbox.state.book.ringing == ("1",)
    assert any(isinstance(command, Earcon) and command.name == "timer" for command in done)


def test_the_end_of_the_process_is_not_the_time_of_a_timer() -> None:
    at = now()
    timer = Timer("1", "timer", "", "", at.wall + timedelta(hours=1), at.mono + 3600, 3600, (), "", at.wall)
    book = Book((timer,), ahead=at.wall.timestamp() - at.mono)
    done: list[Command] = []
    inbox = Inbox(State(book=book), lambda text, language: None, lambda event: None, done.append, now)
    inbox.handle(Requested(now(), AskRequest("why")))
    inbox.handle(Requested(now(), StopRequest()))
    inbox.finish()
    assert inbox.state.book == book
    assert not any(isinstance(command, Earcon) for command in done)
