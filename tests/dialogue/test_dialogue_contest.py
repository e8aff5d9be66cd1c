"""Several agents in one house: a wake word that many have heard is answered by one, whatever the messages do."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripts import Script, has, only

from agent.commands import (
    AskLlm,
    Bid,
    CancelLlm,
    Claim,
    Command,
    Earcon,
    Hush,
    ListenOn,
    ShowEvent,
    ShowState,
    ShowTranscript,
    StartListening,
    StopListening,
    TurnEnded,
)
from agent.dialogue.contest import DECIDE, PATIENCE, SAME_WORD, SETTLED
from agent.dialogue.state import Contending, Idle, Listening, Speaking, Thinking
from agent.dialogue.step import deadline
from agent.events import (
    AsrFailed,
    DeadlinePassed,
    Endpoint,
    Event,
    Final,
    Health,
    Partial,
    PeersChanged,
    ReplyDelta,
    RivalClaimed,
    RivalWoke,
    SpeechResumed,
    SpeechStarted,
    Wake,
)
from agent.requests import Intent, StopRequest


def among(peers: int = 2, device: str = "kitchen") -> Script:
    script = Script()
    script.play(PeersChanged(script.at, device, peers))
    return script


def wake(script: Script, quality: float = 30.0) -> list[Command]:
    return script.play(Wake(script.at, "hey_jarvis", 0.9, script.time, quality))


def after(script: Script, seconds: float) -> Script:
    script.time += seconds
    return script


def bid(script: Script, device: str, quality: float) -> list[Command]:
    return script.play(RivalWoke(script.at, device, quality))


def claim(script: Script, device: str, quality: float, answering: bool = False) -> list[Command]:
    return script.play(RivalClaimed(script.at, device, quality, answering))


def yielded(commands: list[Command], winner: str) -> bool:
    """The turn ended without a sound, and the winner was named."""
    shown = [c.data["winner"] for c in commands if isinstance(c, ShowEvent) and c.type == "yielded"]
    return shown == [winner] and only(TurnEnded, commands).outcome == "yielded" and not has(Earcon, commands)


# ---------------------------------------------------------------- alone


def test_who_has_no_broker_waits_for_nobody() -> None:
    script = Script()
    commands = wake(script)
    assert isinstance(script.state.activity, Listening)
    assert not has(Bid, commands)
    assert not has(Claim, commands)


def test_who_is_alone_answers_at_once_and_says_so() -> None:
    """Somebody who has just come may know of us before we know of it."""
    script = among(0)
    commands = wake(script)
    assert isinstance(script.state.activity, Listening)
    assert only(Claim, commands) == Claim(1, 30.0)
    assert not has(Bid, commands)


def test_a_broker_that_goes_away_is_not_waited_for() -> None:
    script = among(2)
    wake(script)
    commands = script.play(PeersChanged(after(script, 0.02).at, "", 0))
    assert isinstance(script.state.activity, Listening)
    assert only(ShowState, commands).phase == "listening"


def test_the_last_rival_that_goes_away_is_not_waited_for_even_if_it_was_better() -> None:
    script = among(1)
    wake(script)
    bid(script, "hall", 90.0)
    script.play(PeersChanged(after(script, 0.02).at, "kitchen", 0))
    assert isinstance(script.state.activity, Listening)


# ---------------------------------------------------------------- a contest


def test_contending_listens_but_is_neither_seen_nor_heard() -> None:
    script = among()
    commands = wake(script)
    assert isinstance(commands[0], Bid), "nothing comes before the bid"
    assert commands[0] == Bid(1, 30.0)
    assert only(StartListening, commands).since == script.time
    assert not has(Earcon, commands)
    assert script.state.phase == "idle"
    assert script.state.busy == "listening"
    assert all(shown.phase == "idle" for shown in commands if isinstance(shown, ShowState))
    assert deadline(script.state) == pytest.approx(script.time + DECIDE)
    assert DECIDE <= 0.15


def test_nobody_better_in_time_so_we_answer() -> None:
    script = among()
    wake(script, 30.0)
    bid(after(script, 0.05), "hall", 20.0)
    commands = script.wait()
    assert only(Claim, commands) == Claim(1, 30.0)
    assert only(ShowState, commands) == ShowState("listening", 1)
    assert only(Earcon, script.wait()).name == "wake", "the sound comes at its usual time"
    assert script.time == pytest.approx(100.0 + script.state.rules.chime_after)


def test_all_have_spoken_so_it_is_decided_at_once() -> None:
    script = among(2)
    wake(script, 30.0)
    assert not has(Claim, bid(script, "hall", 20.0))
    assert has(Claim, bid(script, "office", 10.0))


def test_rivals_that_heard_it_earlier_have_spoken_too() -> None:
    script = among(1)
    bid(script, "hall", 20.0)
    assert has(Claim, wake(after(script, 0.2), 30.0))
    old = among(1)
    bid(old, "hall", 20.0)
    assert not has(Claim, wake(after(old, SAME_WORD + 0.1), 30.0)), "that was another word"


def test_a_better_rival_is_given_way_to_when_it_claims() -> None:
    script = among()
    wake(script, 30.0)
    bid(script, "hall", 31.0)
    assert not has(Claim, script.wait())
    commands = claim(after(script, 0.01), "hall", 31.0)
    assert yielded(commands, "hall")
    assert only(StopListening, commands).turn == 1
    assert not has(ShowState, commands), "it was idle to the world all the time"
    assert isinstance(script.state.activity, Idle)
    assert deadline(script.state) is None


def test_equals_are_told_apart_by_name() -> None:
    for name, wins in (("aaa", True), ("zzz", False)):
        script = among(1)
        wake(script, 30.0)
        commands = bid(script, name, 30.0)
        assert has(Claim, commands) is wins


def test_a_better_rival_that_falls_silent_costs_no_answer() -> None:
    script = among()
    wake(script, 30.0)
    bid(script, "hall", 99.0)
    script.wait()
    assert isinstance(script.state.activity, Contending)
    assert has(Claim, script.wait())
    assert script.time == pytest.approx(100.0 + PATIENCE)
    assert has(Earcon, script.wait()), "the sound that was due is made now"


def test_a_claim_is_a_claim_also_of_one_that_heard_worse() -> None:
    script = among()
    wake(script, 30.0)
    assert yielded(claim(script, "hall", 1.0), "hall")


def test_who_hears_the_word_late_finds_it_taken() -> None:
    script = among()
    claim(script, "hall", 1.0)
    commands = wake(after(script, SAME_WORD - 0.1), 90.0)
    assert yielded(commands, "hall")
    assert not has(StartListening, commands)
    assert not has(Bid, commands)
    assert any(isinstance(c, ShowEvent) and c.type == "wake" for c in commands), "it was heard, and that counts"
    later = among()
    claim(later, "hall", 1.0)
    assert has(Bid, wake(after(later, SAME_WORD + 0.1), 1.0)), "that was another word"


def test_of_two_claims_that_cross_the_better_stands() -> None:
    worse, better = among(device="kitchen"), among(device="hall")
    for script, quality in ((worse, 30.0), (better, 40.0)):
        wake(script, quality)
        assert has(Claim, script.wait())
    assert yielded(claim(worse, "hall", 40.0), "hall")
    assert not claim(better, "kitchen", 30.0)
    assert isinstance(better.state.activity, Listening)


def test_a_claim_about_another_word_ends_no_turn() -> None:
    script = among()
    wake(script, 30.0)
    script.wait()
    assert not claim(after(script, SETTLED), "hall", 99.0)
    assert isinstance(script.state.activity, Listening)


def test_late_and_repeated_messages_change_nothing() -> None:
    script = among()
    wake(script, 30.0)
    bid(script, "hall", 31.0)
    bid(script, "hall", 31.0)
    assert yielded(claim(script, "hall", 31.0), "hall")
    turn = script.state.turn
    for _ in range(3):
        assert not claim(script, "hall", 31.0)
        assert not bid(script, "hall", 31.0)
        assert not bid(script, "office", 50.0)
    assert (script.state.turn, script.state.activity) == (turn, Idle())


def test_a_bid_that_its_own_claim_has_overtaken_does_not_hide_it() -> None:
    script = among()
    claim(script, "hall", 20.0)
    bid(script, "hall", 20.0)
    assert yielded(wake(after(script, 0.1), 30.0), "hall")


# ---------------------------------------------------------------- what the ear tells meanwhile


def test_what_is_said_meanwhile_is_done_once_it_is_decided() -> None:
    script = among()
    wake(script, 30.0)
    turn = script.state.turn
    early: list[Event] = [
        SpeechStarted(script.at, turn, script.time),
        Partial(script.at, turn, "stop"),
        Partial(script.at, turn, "stop it"),
        Endpoint(script.at, turn, script.time, "silence"),
        Final(script.at, turn, "time", Intent("time")),
    ]
    for event in early:
        assert not script.play(event), "nothing is shown and nothing done"
    commands = script.wait()
    assert [c.text for c in commands if isinstance(c, ShowTranscript)] == ["stop it", "time"]
    assert isinstance(script.state.activity, Speaking)


def test_whoever_goes_on_before_it_is_decided_is_heard_to_the_end() -> None:
    script = among()
    wake(script, 30.0)
    turn = script.state.turn
    for event in (
        SpeechStarted(script.at, turn, script.time),
        Endpoint(script.at, turn, script.time, "silence"),
        Final(script.at, turn, "tell me"),
        SpeechResumed(script.at, turn, script.time),
    ):
        assert not script.play(event)
    commands = script.wait()
    assert only(ListenOn, commands) == ListenOn(turn + 1, turn)
    assert commands.index(only(AskLlm, commands)) < commands.index(CancelLlm(turn))
    assert only(TurnEnded, commands).outcome == "continued"
    assert isinstance(script.state.activity, Listening)


def test_what_was_said_to_another_agent_is_forgotten() -> None:
    script = among()
    wake(script, 30.0)
    script.play(Final(script.at, 1, "what is it"))
    commands = claim(script, "hall", 31.0)
    assert yielded(commands, "hall")
    assert not has(ShowTranscript, commands)
    assert not has(AskLlm, commands)


def test_a_recogniser_that_fails_meanwhile_fails_aloud_only_where_we_answer() -> None:
    script = among()
    wake(script, 30.0)
    assert not script.play(AsrFailed(script.at, 1, "gone"))
    assert has(Earcon, script.wait())


def test_the_sound_of_a_loading_recogniser_waits_too() -> None:
    script = among()
    script.play(Health(script.at, "asr", "loading"))
    assert not has(Earcon, wake(script))
    assert only(Earcon, script.wait()).name == "thinking"


def test_a_microphone_that_goes_meanwhile_is_told() -> None:
    script = among()
    wake(script)
    commands = script.play(Health(script.at, "mic", "failed", "unplugged"))
    assert has(StopListening, commands)
    assert isinstance(script.state.activity, Speaking)


def test_stop_ends_a_contest() -> None:
    script = among()
    wake(script)
    assert has(StopListening, script.request(StopRequest()))
    assert isinstance(script.state.activity, Idle)


# ---------------------------------------------------------------- who is in the midst of something


def thinking(script: Script) -> Script:
    wake(script, 50.0)
    if isinstance(script.state.activity, Contending):
        script.wait()
    script.hear("tell me a story")
    assert isinstance(script.state.activity, Thinking)
    return after(script, 2.0)


def answering(script: Script) -> Script:
    thinking(script)
    script.play(ReplyDelta(script.at, script.state.turn, "Once upon a time"))
    assert isinstance(script.state.activity, Speaking)
    return after(script, 2.0)


@pytest.mark.parametrize("busy", [thinking, answering])
def test_who_is_interrupted_answers_at_once_however_badly_it_hears(busy: Callable[[Script], Script]) -> None:
    script = busy(among())
    commands = wake(script, 5.0)
    assert only(Claim, commands) == Claim(2, 5.0, answering=True)
    assert isinstance(script.state.activity, Listening)
    assert has(CancelLlm, commands)
    assert not claim(after(script, 0.05), "hall", 90.0), "a better one that has not heard of it"


def test_the_others_give_way_to_the_one_that_is_interrupted_even_after_they_have_claimed() -> None:
    script = among()
    wake(script, 90.0)
    script.wait()
    assert yielded(claim(after(script, 0.2), "hall", 5.0, answering=True), "hall")


def test_an_earlier_claim_of_another_room_takes_no_reply_away() -> None:
    """The agent that speaks hears the word later, over its own voice."""
    script = answering(among())
    claim(script, "hall", 90.0)
    commands = wake(after(script, 0.3), 5.0)
    assert only(Claim, commands).answering
    assert isinstance(script.state.activity, Listening)


def test_another_rooms_contest_does_not_touch_a_reply() -> None:
    script = answering(among())
    for commands in (bid(script, "hall", 90.0), claim(script, "hall", 90.0, answering=True)):
        assert not commands
    assert isinstance(script.state.activity, Speaking)


def test_of_two_that_are_interrupted_one_is_left_and_the_other_says_who() -> None:
    script = answering(among())
    assert has(Hush, wake(script, 30.0))
    assert yielded(claim(script, "hall", 31.0, answering=True), "hall")


def test_listening_is_no_precedence() -> None:
    script = among()
    wake(script, 30.0)
    script.wait()
    assert has(Bid, wake(after(script, 2.0), 30.0))
    assert isinstance(script.state.activity, Contending)


# ---------------------------------------------------------------- a whole house, simulated


class House:
    """Agents with clocks of their own, and messages that take as long as they are told."""

    def __init__(self, names: list[str], offsets: list[float], delays: list[float]) -> None:
        self.scripts = {name: Script() for name in names}
        self.offsets = dict(zip(names, offsets, strict=True))
        self.answers: dict[str, list[str]] = {name: [] for name in names}
        self._delays = delays
        self._sent = count()
        self._order = count()
        self._events: list[tuple[float, int, str, Event | None]] = []
        for name in names:
            self.at(0.0, name, PeersChanged(self.scripts[name].at, name, len(names) - 1))

    def at(self, moment: float, name: str, what: Event | None) -> None:
        heapq.heappush(self._events, (moment, next(self._order), name, what))

    def run(self, until: float) -> None:
        while True:
            dues = [(due - self.offsets[name], name) for name, s in self.scripts.items() if (due := deadline(s.state))]
            due, owner = min(dues, default=(until + 1, ""))
            if self._events and self._events[0][0] <= due:
                moment, _, name, what = heapq.heappop(self._events)
            else:
                moment, name, what = due, owner, None
            if moment > until:
                return
            self._play(moment, name, what)

    def _play(self, moment: float, name: str, what: Event | None) -> None:
        script = self.scripts[name]
        # A deadline is exactly when the agent says it is: on its own clock, without rounding.
        script.time = moment + self.offsets[name] if what else max(script.time, deadline(script.state) or 0.0)
        event = DeadlinePassed(script.at) if what is None else replace(what, at=script.at)
        if isinstance(event, Wake):
            event = replace(event, audio_at=script.time)
        for command in script.play(event):
            match command:
                case Bid(quality=quality):
                    self._tell(moment, name, RivalWoke(script.at, name, quality))
                case Claim(quality=quality, answering=busy):
                    self._tell(moment, name, RivalClaimed(script.at, name, quality, busy))
                case _:
                    pass

    def _tell(self, moment: float, sender: str, event: Event) -> None:
        for name in self.scripts:
            if name != sender:
                delay = self._delays[next(self._sent) % len(self._delays)]
                self.at(moment + delay, name, event)

    def listening(self) -> list[str]:
        return [name for name, script in self.scripts.items() if isinstance(script.state.activity, Listening)]

    def claims(self) -> list[str]:
        return [name for name, script in self.scripts.items() if has(Claim, script.commands)]

    def chimes(self) -> list[str]:
        return [name for name, script in self.scripts.items() if has(Earcon, script.commands)]


NAMES = ["hall", "kitchen", "office"]
QUALITIES = st.lists(st.sampled_from([10.0, 20.0, 20.5, 30.0, 50.0]), min_size=3, max_size=3)
OFFSETS = st.lists(st.floats(0, 1000), min_size=3, max_size=3)
MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def contest(
    qualities: list[float], skews: list[float], delays: list[float], offsets: list[float], lost: frozenset[str]
) -> House:
    house = House(NAMES, offsets, delays)
    for name, quality, skew in zip(NAMES, qualities, skews, strict=True):
        if name not in lost:
            house.at(1.0 + skew, name, Wake(house.scripts[name].at, "hey_jarvis", 0.9, 0.0, quality))
    house.run(3.0)
    return house


@MANY
@given(QUALITIES, st.lists(st.floats(0, 0.14), min_size=1, max_size=40), OFFSETS)
def test_exactly_the_best_answers_where_all_messages_come_in_time(
    qualities: list[float], delays: list[float], offsets: list[float]
) -> None:
    """Whatever the order: nobody else claims, sounds or ends up listening, and it is decided in time."""
    house = contest(qualities, [0.0, 0.0, 0.0], delays, offsets, frozenset())
    best = max(zip(qualities, NAMES, strict=True))[1]
    assert house.listening() == [best]
    assert house.claims() == [best]
    assert house.chimes() == [best]


@MANY
@given(
    QUALITIES,
    st.lists(st.floats(0, 0.45), min_size=3, max_size=3),
    st.lists(st.floats(0, 0.14), min_size=1, max_size=40),
    OFFSETS,
    st.frozensets(st.sampled_from(NAMES), max_size=2),
)
def test_exactly_one_answers_also_where_some_hear_the_word_much_later_or_not_at_all(
    qualities: list[float], skews: list[float], delays: list[float], offsets: list[float], deaf: frozenset[str]
) -> None:
    house = contest(qualities, skews, delays, offsets, deaf)
    assert len(house.listening()) == 1
    assert not deaf & set(house.claims())


@MANY
@given(
    QUALITIES,
    st.lists(st.floats(0, 0.45), min_size=3, max_size=3),
    st.lists(st.one_of(st.floats(0, 3.0), st.just(1e9)), min_size=1, max_size=40),
    OFFSETS,
    st.frozensets(st.sampled_from(NAMES), max_size=2),
)
def test_somebody_answers_whatever_is_lost_or_late(
    qualities: list[float], skews: list[float], delays: list[float], offsets: list[float], deaf: frozenset[str]
) -> None:
    house = contest(qualities, skews, delays, offsets, deaf)
    assert house.listening()


@MANY
@given(
    QUALITIES, st.lists(st.floats(0, 0.45), min_size=3, max_size=3), st.lists(st.floats(0, 0.14), min_size=1), OFFSETS
)
def test_the_one_that_is_interrupted_answers_alone(
    qualities: list[float], skews: list[float], delays: list[float], offsets: list[float]
) -> None:
    house = House(NAMES, offsets, delays)
    house.run(0.5)
    busy = house.scripts["kitchen"]
    busy.state = replace(busy.state, activity=Speaking(1e9, complete=True), talk=replace(busy.state.talk, turn=7))
    for name, quality, skew in zip(NAMES, qualities, skews, strict=True):
        house.at(1.0 + skew, name, Wake(busy.at, "hey_jarvis", 0.9, 0.0, quality))
    house.run(3.0)
    assert house.listening() == ["kitchen"]


def test_the_houses_above_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody looks back at what crossed, several answer."""
    monkeypatch.setattr("agent.dialogue.contest.SETTLED", 0.0)
    house = contest([10.0, 50.0, 20.0], [0.0, 0.149, 0.149], [0.14], [0.0, 5.0, 9.0], frozenset())
    assert len(house.listening()) > 1


def test_a_hostile_rival_that_always_bids_best_and_never_claims_costs_no_turn() -> None:
    script = among(1)
    for _ in range(5):
        bid(script, "evil", 100.0)
        wake(script, 1.0)
        script.wait()
        script.wait()
        assert isinstance(script.state.activity, Listening)
        script.request(StopRequest())
        after(script, 3.0)


def test_without_a_group_a_rivals_word_means_nothing() -> None:
    script = Script()
    assert not claim(script, "hall", 9.0)
    assert not bid(script, "hall", 9.0)
    assert not has(Bid, wake(script))
