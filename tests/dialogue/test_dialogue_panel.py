"""The button and the mute switch, as lists of events. While the switch is on, nothing else opens the microphone."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from scripts import Script, has, only

from agent.commands import Answer, Command, Earcon, Hush, SetMute, ShowEvent, ShowSetting, StartListening, TurnEnded
from agent.dialogue.rules import Rules
from agent.dialogue.settings import LOCKED
from agent.dialogue.state import Idle, State
from agent.dialogue.step import deadline
from agent.events import Event, Final, Health, MuteSwitched, PanelAction, Pressed, SpeechDone
from agent.requests import (
    AskRequest,
    Intent,
    ListenRequest,
    MuteRequest,
    Request,
    SayRequest,
    StopRequest,
    VolumeRequest,
)

ACTIONS: list[PanelAction] = ["listen", "stop", "mute"]


def press(script: Script, action: PanelAction) -> list[Command]:
    return script.play(Pressed(script.at, action))


def switch(script: Script, on: bool, fault: str = "") -> list[Command]:
    return script.play(MuteSwitched(script.at, on, fault))


def test_a_short_press_listens() -> None:
    script = Script()
    assert only(StartListening, press(script, "listen")).turn == 1
    assert script.state.phase == "listening"


@pytest.mark.parametrize("action", ACTIONS)
def test_every_press_is_told(action: PanelAction) -> None:
    for state in (State(), State(muted=True), State(switched_off=True)):
        events = [each for each in press(Script(state), action) if isinstance(each, ShowEvent)]
        assert events[0] == ShowEvent("button", None, {"action": action})


def test_a_short_press_ends_what_goes_on() -> None:
    script = Script()
    script.wake()
    assert only(TurnEnded, press(script, "listen")).outcome == "interrupted"
    script.request(SayRequest("a long story"))
    script.request(SayRequest("another"))
    assert only(Hush, press(script, "listen")) == Hush(2)
    assert not has(StartListening, script.play(SpeechDone(script.at, 2, "a", cut=True)))
    assert (script.state.phase, script.state.pending) == ("idle", ())


def test_a_press_that_can_do_nothing_is_answered_by_a_sound() -> None:
    script = Script(State(muted=True))
    assert only(Earcon, press(script, "listen")).name == "muted"
    script = Script()
    script.play(Health(script.at, "mic", "failed", "unplugged"))
    assert only(Earcon, press(script, "listen")).name == "error"


def test_a_long_press_mutes_and_opens_again() -> None:
    script = Script()
    script.wake()
    commands = press(script, "mute")
    assert only(SetMute, commands) == SetMute(True)
    assert only(TurnEnded, commands).outcome == "interrupted"
    told = [command.data for command in commands if isinstance(command, ShowEvent)]
    assert told == [{"action": "mute"}, {"on": True, "source": "button"}]
    assert only(ShowSetting, commands) == ShowSetting("mute", True, keep=True)
    assert only(SetMute, press(script, "mute")) == SetMute(False)


@pytest.mark.parametrize(("muted", "gate"), [(False, [True, False]), (True, [True, True])])
def test_the_switch_leaves_the_setting_as_it_was(muted: bool, gate: list[bool]) -> None:
    script = Script(State(muted=muted))
    commands = [switch(script, True), switch(script, False)]
    assert [only(SetMute, some).on for some in commands] == gate
    assert [only(ShowSetting, some) for some in commands] == [
        ShowSetting("mute", on, keep=False, changed=muted) for on in gate
    ]
    assert script.state.muted is muted
    told = [command.data for some in commands for command in some if isinstance(command, ShowEvent)]
    assert told == ([] if muted else [{"on": True, "source": "switch"}, {"on": False, "source": "switch"}])


def test_the_switch_ends_what_is_being_heard() -> None:
    script = Script()
    script.wake()
    commands = switch(script, True)
    assert only(TurnEnded, commands).outcome == "interrupted"
    assert only(Earcon, commands).name == "muted"
    assert script.wake() == []
    assert isinstance(script.state.activity, Idle)


@pytest.mark.parametrize("request_", [MuteRequest(on=False), ListenRequest()])
def test_who_asks_for_the_microphone_is_told_of_the_switch(request_: Request) -> None:
    script = Script()
    switch(script, True)
    answer = only(Answer, script.request(request_, id="a"))
    assert (answer.ok, answer.code) == (False, "hardware_mute")
    assert "the switch on the device is on" in answer.message
    switch(script, True, "GPIO 22: gone")
    assert "GPIO 22: gone" in only(Answer, script.request(request_, id="b")).message


def test_the_button_cannot_open_what_the_switch_has_closed() -> None:
    script = Script(State(switched_off=True))
    commands = press(script, "mute")
    assert only(Earcon, commands).name == "error"
    told = [command.data for command in commands if isinstance(command, ShowEvent)]
    assert told == [{"action": "mute"}, {"code": "hardware_mute", "message": LOCKED}]
    assert not script.state.muted


def test_mute_can_be_asked_for_while_the_switch_is_on_and_outlives_it() -> None:
    script = Script()
    switch(script, True)
    commands = script.request(MuteRequest(on=True), id="m")
    assert only(Answer, commands).ok
    assert only(ShowSetting, commands) == ShowSetting("mute", True, keep=True)
    assert only(SetMute, switch(script, False)) == SetMute(True)


def test_a_switch_that_cannot_be_read_is_an_error_and_is_told_once() -> None:
    script = Script()
    commands = switch(script, True, "the wire is off")
    error = [command.data for command in commands if isinstance(command, ShowEvent) and command.type == "error"]
    assert error == [{"code": "hardware_mute", "message": "the wire is off"}]
    assert switch(script, True, "the wire is off") == []


class Gate(RuleBasedStateMachine):
    """Anything but the switch may happen in any order; the gate is what the commands have made of it."""

    def __init__(self) -> None:
        super().__init__()
        self.script = Script(State(rules=Rules(follow_up=4.0)))
        self.switched_off = False
        self.muted = False
        self.closed = False
        self.opened_ear = False
        self.ids = count()

    def take(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, SetMute):
                self.closed = command.on
            self.opened_ear |= isinstance(command, StartListening)

    def play(self, event: Event) -> None:
        self.opened_ear = False
        self.take(self.script.play(event))

    def ask(self, request: Request) -> None:
        self.opened_ear = False
        self.take(self.script.request(request, f"request-{next(self.ids)}"))

    @rule(on=st.booleans(), fault=st.sampled_from(["", "cannot be read"]))
    def slide(self, on: bool, fault: str) -> None:
        self.switched_off = on or bool(fault)
        self.play(MuteSwitched(self.script.at, self.switched_off, fault))

    @rule(on=st.booleans())
    def mute(self, on: bool) -> None:
        self.muted = on if on or not self.switched_off else self.muted
        self.ask(MuteRequest(on))

    @rule(action=st.sampled_from(ACTIONS))
    def press(self, action: PanelAction) -> None:
        if action == "mute" and not self.switched_off:
            self.muted = not self.muted
        self.play(Pressed(self.script.at, action))

    @rule()
    def wake(self) -> None:
        self.opened_ear = False
        self.take(self.script.wake())

    @rule(intent=st.sampled_from([None, Intent("mute"), Intent("time"), Intent("volume_up"), Intent("stop")]))
    def understand(self, intent: Intent | None) -> None:
        heard = self.script.state.phase == "listening"
        self.muted |= heard and intent == Intent("mute")
        self.play(Final(self.script.at, self.script.state.turn, "words", intent))

    @rule()
    def hear_the_answer(self) -> None:
        """A follow-up opens the ear as well."""
        self.play(SpeechDone(self.script.at, self.script.state.turn, "words"))

    @rule(
        request=st.sampled_from(
            [ListenRequest(), StopRequest(), SayRequest("dinner"), AskRequest("why"), VolumeRequest(3)]
        )
    )
    def ask_for(self, request: Request) -> None:
        self.ask(request)

    @rule(part=st.sampled_from(["mic", "asr"]), status=st.sampled_from(["ok", "loading", "failed"]))
    def change_health(self, part: str, status: str) -> None:
        self.play(Health(self.script.at, part, status, "why"))  # type: ignore[arg-type]

    @rule(seconds=st.floats(0, 30))
    def let_time_pass(self, seconds: float) -> None:
        self.script.time += seconds

    @rule()
    def let_a_deadline_pass(self) -> None:
        if deadline(self.script.state) is not None:
            self.opened_ear = False
            self.take(self.script.wait())

    @invariant()
    def the_switch_has_the_last_word(self) -> None:
        assert self.closed == (self.switched_off or self.muted)
        if self.closed:
            assert not self.opened_ear
            assert self.script.state.phase != "listening"

    @invariant()
    def both_facts_are_kept_apart(self) -> None:
        assert self.script.state.muted == self.muted
        assert self.script.state.switched_off == self.switched_off


TestGate = Gate.TestCase
TestGate.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
