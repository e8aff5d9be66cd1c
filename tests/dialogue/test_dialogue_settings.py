"""Settings, doctor and restart: what acts at once, what the daemon is asked for, and who is told what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripts import Script, has, only

from agent.commands import Answer, ChangeSetting, Examine, Restart, SetMute, SetVolume, ShowEvent, ShowSetting
from agent.dialogue.rules import Rules
from agent.dialogue.state import Held, State
from agent.events import SettingChanged
from agent.requests import DoctorRequest, RestartRequest, SettingRequest, VolumeRequest
from agent.settings import SETTINGS


def test_the_volume_as_a_setting_is_the_volume() -> None:
    one, other = Script(), Script()
    assert one.request(SettingRequest("volume", 30), "1") == other.request(VolumeRequest(30), "1")
    assert one.state == other.state
    assert one.state.volume_set


def test_a_volume_that_is_taken_back_is_the_configurations() -> None:
    script = Script(State(rules=Rules(volume=55)))
    script.request(SettingRequest("volume", 30))
    commands = script.request(SettingRequest("volume", None), "1")
    assert only(SetVolume, commands).percent == 55
    assert only(ShowSetting, commands) == ShowSetting("volume", 55, changed=False)
    assert only(Answer, commands).ok
    assert not script.state.volume_set


@pytest.mark.parametrize("name", ["mute", "do_not_disturb"])
def test_live_switches_act_at_once(name: str) -> None:
    script = Script()
    on = script.request(SettingRequest(name, True), "1")
    assert only(ShowSetting, on) == ShowSetting(name, True, changed=True)
    assert only(Answer, on).ok
    assert (script.state.muted, script.state.do_not_disturb) == (name == "mute", name == "do_not_disturb")
    off = script.request(SettingRequest(name, None), "2")
    assert only(ShowSetting, off) == ShowSetting(name, False, changed=False)
    assert (script.state.muted, script.state.do_not_disturb) == (False, False)
    assert has(SetMute, on) == has(SetMute, off) == (name == "mute")


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if not setting.live])
def test_all_others_are_asked_of_the_daemon_and_answered_when_it_has_told(name: str) -> None:
    script = Script()
    assert script.request(SettingRequest(name, "x"), "1") == [ChangeSetting(name, "x", "1")]
    commands = script.play(SettingChanged(script.at, name, "x", True, "1"))
    assert commands == [ShowSetting(name, "x", changed=True), Answer("1", ok=True)]
    assert script.state.settings[name] == Held("x", True)


def test_a_refused_change_changes_nothing_and_says_why() -> None:
    script = Script(State(settings={"voice": Held("joe")}))
    before = script.state
    refused = script.play(SettingChanged(script.at, "voice", "joe", False, "1", ok=False, reason="no such voice"))
    assert refused == [Answer("1", False, "refused", "no such voice")]
    told = script.play(SettingChanged(script.at, "voice", "joe", False, None, ok=False, reason="no such voice"))
    assert only(ShowEvent, told).data == {"code": "refused", "message": "no such voice"}
    assert script.state == before


def test_a_setting_that_comes_in_the_middle_of_a_turn_does_not_end_it() -> None:
    script = Script()
    script.wake()
    before = script.state.activity
    script.play(SettingChanged(script.at, "silence", 900))
    script.request(SettingRequest("silence", 800))
    assert script.state.activity == before


def test_the_doctor_is_sent_for() -> None:
    assert Script().request(DoctorRequest(), "1") == [Examine("1")]


def test_a_restart_is_answered_before_it_is_done() -> None:
    script = Script(State(restart_from=0.0))
    assert script.request(RestartRequest(), "1") == [Answer("1", ok=True), Restart()]


def test_where_nobody_would_start_it_again_there_is_no_restart() -> None:
    script = Script()
    answer = only(Answer, script.request(RestartRequest(), "1"))
    assert (answer.ok, answer.code) == (False, "unsupported")
    assert only(ShowEvent, script.request(RestartRequest())).data["code"] == "unsupported"


def test_a_restart_right_after_another_has_to_wait() -> None:
    script = Script(replace(State(), restart_from=130.0))
    answer = only(Answer, script.request(RestartRequest(), "1"))
    assert (answer.code, "in 30 s" in answer.message) == ("refused", True)
    script.time += 30
    assert has(Restart, script.request(RestartRequest(), "2"))
