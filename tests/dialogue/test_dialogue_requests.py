"""Commands from outside, as lists of events."""

from __future__ import annotations

from scripts import Script, has, only

from agent.commands import Answer, AskLlm, Hush, SetMute, Speak, StartListening, TurnEnded
from agent.events import SpeechDone
from agent.requests import AskRequest, Intent, ListenRequest, MuteRequest, SayRequest, StopRequest, VolumeRequest


def test_say_is_answered_when_it_has_been_heard() -> None:
    script = Script()
    commands = script.request(SayRequest("Dinner!"), id="a")
    assert only(Speak, commands) == Speak(1, "Dinner!", last=True)
    assert not has(Answer, commands)
    answer = only(Answer, script.play(SpeechDone(script.at, 1, "Dinner!")))
    assert (answer.id, answer.ok, answer.data["heard"]) == ("a", True, "Dinner!")


def test_say_waits_for_the_turn_that_goes_on() -> None:
    script = Script()
    script.wake()
    assert not has(Speak, script.request(SayRequest("Dinner!")))
    commands = script.hear("stop", Intent("stop"))
    assert only(Speak, commands) == Speak(2, "Dinner!", last=True)


def test_the_queue_of_announcements_is_bounded() -> None:
    script = Script()
    script.wake()
    for _ in range(8):
        script.request(SayRequest("x"))
    assert only(Answer, script.request(SayRequest("x"), id="n")).code == "queue_full"


def test_stop_is_silence_and_drops_what_waits() -> None:
    script = Script()
    script.request(SayRequest("one"), id="1")
    script.request(SayRequest("two"), id="2")
    commands = script.request(StopRequest(), id="s")
    assert only(Hush, commands) == Hush(1)
    assert {c.id: c.ok for c in commands if isinstance(c, Answer)} == {"2": False, "s": True}
    closed = script.play(SpeechDone(script.at, 1, "", cut=True))
    assert only(Answer, closed).code == "interrupted"
    assert not has(Speak, closed)


def test_ask_is_like_a_spoken_question() -> None:
    script = Script()
    assert only(AskLlm, script.request(AskRequest("why?"), id="q")).text == "why?"
    local = Script()
    assert "PM" in only(Speak, local.request(AskRequest("time", Intent("time")))).text


def test_listen_needs_an_open_microphone() -> None:
    script = Script()
    assert only(StartListening, script.request(ListenRequest())).since is None
    assert only(StartListening, script.request(ListenRequest(since=99.5))) == StartListening(2, 99.5, woken=False)
    script.request(MuteRequest(on=True))
    assert only(Answer, script.request(ListenRequest(), id="l")).code == "muted"


def test_mute_ends_listening() -> None:
    script = Script()
    script.wake()
    commands = script.request(MuteRequest(on=True), id="m")
    assert only(SetMute, commands) == SetMute(True)
    assert only(TurnEnded, commands).outcome == "interrupted"
    assert only(Answer, commands).ok


def test_volume_is_kept_within_its_range() -> None:
    script = Script()
    script.request(VolumeRequest(30))
    assert script.state.volume == 30
