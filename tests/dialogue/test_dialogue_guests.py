"""Guests beside the house: dialogues apart, timers in common; whatever happens, at whichever seat."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import time, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripts import START
from test_dialogue_random import RULES, Script, event

from agent.commands import (
    Answer,
    AskLlm,
    Command,
    Earcon,
    KeepTimers,
    SetVolume,
    ShowEvent,
    ShowReply,
    ShowState,
    ShowTimers,
    ShowTranscript,
    Speak,
    StartListening,
    TurnEnded,
)
from agent.dialogue.guests import HOUSE, MAX_SEATS, TURNS, Company, Done, arrived, first_turn, ruled, seat_of
from agent.dialogue.quiet import Hours
from agent.dialogue.rules import Rules
from agent.dialogue.state import Idle, State, Thinking
from agent.dialogue.timerkeeping import KEEP_LIMIT
from agent.events import DeadlinePassed, Event, Instant, Requested, SpeechDone, TimersKept, Wake
from agent.requests import AskRequest, Intent, StopRequest, TimerRequest, VolumeRequest

EVENTS = int(os.environ.get("VOICE_AGENT_RANDOM_EVENTS", "20000"))
PER_SCRIPT = 50
A, B = 1, 2
TEA = Intent("timer_set", {"seconds": 20, "name": "tea"})


class Party:
    """The house and two guests, with a clock that only the test moves; `disk` commits at once, unless it is broken."""

    def __init__(self, rules: Rules | None = None, seats: tuple[int, ...] = (A, B)) -> None:
        house = State(rules=rules or Rules())
        guests = {seat: arrived(house, first_turn(seat), house.volume) for seat in seats}
        self.company = Company(house, guests)
        self.time = 100.0
        self.done: list[tuple[int, Command]] = []

    @property
    def at(self) -> Instant:
        return Instant(self.time, START + timedelta(seconds=self.time - 100.0))

    def state(self, seat: int) -> State:
        return self.company.house if seat == HOUSE else self.company.guests[seat]

    def play(self, event: Event, seat: int = HOUSE) -> list[tuple[int, Command]]:
        self.company, done = self.company.step(event, seat)
        new = [(each.seat, command) for each in done for command in each.commands]
        self.done += new
        return new

    def ask(self, seat: int, text: str, intent: Intent | None = None) -> list[tuple[int, Command]]:
        return self.play(Requested(self.at, AskRequest(text, intent)), seat)

    def kept(self, ok: bool = True) -> list[tuple[int, Command]]:
        """The disk has taken the oldest change that waits."""
        revision = self.company.house.book.keeping[0].revision
        return self.play(TimersKept(self.at, revision, ok, "" if ok else "disk full"))

    def tick(self) -> list[tuple[int, Command]]:
        due = self.company.deadline()
        assert due is not None, "nothing is waited for"
        self.time = max(self.time, due)
        return self.play(DeadlinePassed(self.at))


def of(seat: int, commands: list[tuple[int, Command]], kind: type[Command]) -> list[Command]:
    return [command for whose, command in commands if whose == seat and isinstance(command, kind)]


def test_turns_are_numbered_apart() -> None:
    party = Party()
    for seat in (HOUSE, A, B):
        party.ask(seat, "why")
    turns = [command.turn for _, command in party.done if isinstance(command, AskLlm)]
    assert turns == [1, TURNS + 1, 2 * TURNS + 1]
    assert [seat_of(turn) for turn in turns] == [HOUSE, A, B]
    assert first_turn(MAX_SEATS) < 2**32


def test_guests_hear_nothing_of_each_other() -> None:
    party = Party()
    party.ask(A, "a secret")
    party.play(Requested(party.at, VolumeRequest(10)), A)
    party.ask(B, "another one")
    assert {seat for seat, _ in party.done} == {A, B}
    assert "a secret" not in repr([command for seat, command in party.done if seat != A])
    asked = of(B, party.done, AskLlm)[0]
    assert isinstance(asked, AskLlm)
    assert (asked.text, asked.history) == ("another one", ())
    assert (party.state(A).volume, party.state(B).volume, party.state(HOUSE).volume) == (10, 70, 70)


def test_a_guest_has_no_quiet_hours_and_no_bell_of_the_house() -> None:
    rules = Rules(quiet=Hours(time(0, 0), time(23, 59)), night_volume=5)
    guest = arrived(State(rules=rules), first_turn(A), 60)
    assert (guest.rules.quiet, guest.rules.rings, guest.volume, guest.turn) == (None, False, 60, TURNS)
    assert ruled(rules).language == rules.language


def test_a_timer_that_a_guest_sets_is_told_to_the_guest_and_rings_in_the_house() -> None:
    party = Party()
    setting = party.ask(A, "set a timer", TEA)
    assert of(A, setting, KeepTimers)
    assert not of(A, setting, Speak), "not before it is kept"
    told = party.kept()
    assert len(of(A, told, Speak)) == 1
    assert of(A, told, ShowTimers)
    assert not [command for seat, command in told if seat != A]
    party.play(SpeechDone(party.at, party.state(A).turn, "ok"), A)
    assert party.state(HOUSE).book.timers
    party.time += 20.0
    ringing = party.play(DeadlinePassed(party.at))
    assert of(HOUSE, ringing, Earcon)
    assert [command.data["action"] for command in of(HOUSE, ringing, ShowEvent)] == ["ringing"]  # type: ignore[attr-defined]
    for _ in range(10):
        party.tick()
    assert not [command for command in of(A, party.done, Earcon) if command.name == "timer"]  # type: ignore[attr-defined]
    assert not of(B, party.done, Earcon) + of(B, party.done, Speak)
    assert of(HOUSE, party.done, Speak), "the words"


def rung() -> Party:
    party = Party()
    party.ask(A, "set a timer", TEA)
    party.kept()
    party.play(SpeechDone(party.at, party.state(A).turn, "ok"), A)
    party.time += 20.0
    party.play(DeadlinePassed(party.at))
    assert party.state(HOUSE).book.ringing
    return party


def test_a_guests_wake_word_leaves_what_rings_in_the_room_alone_and_stop_does_not() -> None:
    party = rung()
    party.play(Wake(party.at, "hey_jarvis", 0.9, party.time), B)
    assert party.state(HOUSE).book.ringing
    party.play(Requested(party.at, StopRequest()), B)
    assert not party.state(HOUSE).book.ringing


def test_a_guest_that_leaves_does_not_silence_the_room() -> None:
    party = rung()
    party.play(Requested(party.at, StopRequest(parting=True)), A)
    assert party.state(HOUSE).book.ringing


def test_the_house_sees_and_cancels_what_a_guest_has_set() -> None:
    party = Party()
    party.ask(A, "set a timer", TEA)
    party.kept()
    (timer,) = party.state(HOUSE).book.timers
    party.play(Requested(party.at, TimerRequest(Intent("cancel", {"timer": timer.id})), "mqtt"))
    answered = party.kept()
    assert party.state(HOUSE).book.timers == ()
    assert [command.ok for command in of(HOUSE, answered, Answer)] == [True]  # type: ignore[attr-defined]
    party.ask(B, "how long", Intent("timer_left"))
    assert of(B, party.done, Speak)


def test_a_broken_disk_is_told_to_the_guest_who_waits() -> None:
    party = Party()
    party.ask(A, "set a timer", TEA)
    told = party.kept(ok=False)
    assert len(of(A, told, Speak)) == 1
    assert {seat for seat, _ in told} == {A}
    assert party.state(HOUSE).book.timers == ()
    assert party.state(HOUSE).book.keeping == ()


def test_a_disk_that_takes_too_long_is_told_to_the_guest_who_waits() -> None:
    party = Party()
    party.ask(A, "set a timer", TEA)
    party.time += KEEP_LIMIT
    told = party.play(DeadlinePassed(party.at))
    assert len(of(A, told, Speak)) == 1
    assert not of(HOUSE, told, Speak)


def test_a_change_that_fails_is_told_to_all_whose_changes_it_takes_along() -> None:
    for late in (False, True):
        party = Party()
        party.play(Requested(party.at, TimerRequest(TEA), "mqtt"))
        party.ask(A, "set a timer", TEA)
        party.ask(B, "set a timer", TEA)
        assert len(party.state(HOUSE).book.keeping) == 3
        if late:
            party.time += KEEP_LIMIT
            told = party.play(Wake(party.at, "hey_jarvis", 0.9, party.time), B)
        else:
            told = party.kept(ok=False)
        assert [(command.id, command.ok) for command in of(HOUSE, told, Answer)] == [("mqtt", False)]  # type: ignore[attr-defined]
        assert not of(A, told, Answer) + of(B, told, Answer), "that is no guest's"
        assert len(of(A, told, Speak)) == 1
        assert len(of(B, told, Speak)) == 1
        assert party.state(HOUSE).book.keeping == ()
        last = [command for _, command in told if isinstance(command, KeepTimers)][-1]
        assert last.timers == ()


def test_only_what_was_asked_for_after_it_is_taken_along() -> None:
    party = Party()
    party.ask(A, "set a timer", TEA)
    party.ask(B, "set a timer", TEA)
    told = party.play(TimersKept(party.at, party.state(HOUSE).book.keeping[1].revision, False, "full"))
    assert not of(A, told, Speak)
    assert of(B, told, Speak)
    assert of(A, party.kept(), Speak)
    assert len(party.state(HOUSE).book.timers) == 1


def test_what_a_guest_who_has_left_has_set_is_kept() -> None:
    party = Party()
    party.ask(A, "set a timer", TEA)
    party.company = replace(party.company, guests={B: party.state(B)})
    told = party.kept()
    assert {seat for seat, _ in told} == {HOUSE}
    assert not of(HOUSE, told, Speak)
    assert party.state(HOUSE).book.timers


def test_an_empty_seat_takes_no_notice() -> None:
    party = Party(seats=(A,))
    assert party.ask(B, "anybody") == []
    assert party.company.step(DeadlinePassed(party.at))[1] == (Done(A, ()), Done(HOUSE, ()))


def check(party: Party, before: Company, happened: Event, commands: list[tuple[int, Command]]) -> None:
    """No command for another seat's turn; timers are told when they are kept, and are one list for all."""
    for seat, command in commands:
        turn = getattr(command, "turn", None)
        if turn is not None and isinstance(
            command, Speak | AskLlm | StartListening | TurnEnded | ShowState | ShowTranscript | ShowReply | Earcon
        ):
            assert seat_of(turn) == seat, f"{command} at seat {seat}"
        if seat != HOUSE:
            assert not (isinstance(command, Earcon) and command.name == "timer"), "it rings at a guest's"
            assert not isinstance(command, SetVolume) or command.percent == party.state(seat).told
    book = party.company.house.book
    revisions = [command.revision for _, command in commands if isinstance(command, KeepTimers)]
    assert revisions == sorted(set(revisions))
    assert all(revision > before.house.book.revision for revision in revisions)
    assert set(book.ringing) <= {timer.id for timer in book.timers}
    for command in [command for _, command in commands if isinstance(command, KeepTimers)][-1:]:
        assert command.timers == book.wanted
    for guest in party.company.guests.values():
        assert guest.book == replace(State().book, asking=guest.book.asking), "timers that only a guest knows"


def rests(party: Party) -> bool:
    states = [party.company.house, *party.company.guests.values()]
    return all(isinstance(each.activity, Idle) and each.closing is None and not each.pending for each in states)


def to_idle(party: Party) -> None:
    for _ in range(2000):
        book = party.company.house.book
        if rests(party) and not book.keeping and all(timer.days for timer in book.timers):
            return
        before = party.company
        check(party, before, DeadlinePassed(party.at), party.tick())
    raise AssertionError(f"never at rest: {party.company}")


@settings(max_examples=max(1, EVENTS // PER_SCRIPT // 4), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.sampled_from([HOUSE, A, B]), st.integers(0, 39), st.sampled_from([0, 0, 0, 1, -1]), st.integers(0, 47),
            st.floats(0, 30),
        ),
        min_size=PER_SCRIPT, max_size=PER_SCRIPT,
    ),
    st.sampled_from(RULES),
)  # fmt: skip
def test_anything_may_happen_at_any_seat(choices: list[tuple[int, int, int, int, float]], rules: Rules) -> None:
    party = Party(rules)
    for seat, choice, lag, variant, pause in choices:
        party.time += pause / 10
        script = Script(replace(party.state(seat), book=replace(party.company.house.book)))
        script.time = party.time
        happened = event(script, choice, lag, variant)
        before = party.company
        check(party, before, happened, party.play(happened, seat))
    to_idle(party)
    ended = Counter(command.turn for _, command in party.done if isinstance(command, TurnEnded))
    assert set(ended.values()) <= {1}, "a turn ended twice"
    for seat in (HOUSE, A, B):
        turns = {turn for turn in ended if seat_of(turn) == seat}
        assert turns == set(range(first_turn(seat) + 1, party.state(seat).turn + 1)), "a turn got lost"
    answered = Counter(command.id for _, command in party.done if isinstance(command, Answer))
    assert set(answered.values()) <= {1}, "a request was answered twice"


def test_thinking_ends_also_for_a_guest_nobody_answers() -> None:
    party = Party()
    party.ask(A, "why")
    assert isinstance(party.state(A).activity, Thinking)
    to_idle(party)
    assert of(A, party.done, TurnEnded)
