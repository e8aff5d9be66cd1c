"""Timers by command: the result comes when they are kept, and says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from scripts import Script, has, only

from agent.commands import Answer, KeepTimers, Scalar, ShowEvent, Speak
from agent.dialogue.state import Idle
from agent.events import DeadlinePassed, TimersKept
from agent.mqtt.commands import Accepted, parse
from agent.requests import TimerRequest


def send(script: Script, payload: bytes, id: str | None = "1") -> Answer | KeepTimers:
    """What the bytes of `cmd/timer` lead to."""
    accepted = parse("timer", payload)
    assert isinstance(accepted, Accepted), accepted
    assert isinstance(accepted.request, TimerRequest)
    commands = script.request(accepted.request, id)
    assert not has(Speak, commands), "nobody in the room has asked"
    assert isinstance(script.state.activity, Idle)
    return [command for command in commands if isinstance(command, Answer | KeepTimers)][-1]


def kept(script: Script, keeping: Answer | KeepTimers) -> Answer:
    assert isinstance(keeping, KeepTimers), keeping
    return only(Answer, script.play(TimersKept(script.at, keeping.revision, ok=True)))


def listed(answer: Answer) -> tuple[Mapping[str, Scalar], ...]:
    """The timers of a result."""
    timers = answer.data["timers"]
    assert isinstance(timers, tuple)
    return timers


def test_set_and_found_again_by_its_id() -> None:
    script = Script()
    answer = kept(script, send(script, b'{"action": "set", "seconds": 300, "name": "tea"}'))
    assert answer.ok
    (told,) = listed(answer)
    assert (told["name"], told["kind"], told["due"]) == ("tea", "timer", "2026-11-23T15:50:00+00:00")
    payload = f'{{"action": "cancel", "timer": "{told["timer"]}"}}'.encode()
    assert kept(script, send(script, payload, "2")).ok
    assert not script.state.book.timers


def test_an_alarm_of_a_day_and_all_in_a_list() -> None:
    script = Script()
    kept(script, send(script, b'{"action": "alarm", "time": "06:45", "day": "weekdays", "message": "get up"}'))
    kept(script, send(script, b'{"action": "set", "seconds": 60}', "2"))
    answer = send(script, b'{"action": "list"}', "3")
    assert isinstance(answer, Answer)
    assert [each["kind"] for each in listed(answer)] == ["timer", "alarm"]
    both = kept(script, send(script, b'{"action": "cancel", "every": true}', "4"))
    assert both.ok
    assert not script.state.book.timers


def test_why_not() -> None:
    script = Script()

    def code(payload: bytes) -> str:
        answer = send(script, payload)
        assert isinstance(answer, Answer)
        assert not answer.ok
        return answer.code

    assert code(b'{"action": "cancel"}') == "no_timer"
    assert code(b'{"action": "snooze"}') == "nothing_rings"
    assert code(b'{"action": "set", "seconds": 0}') == "timer_range"
    assert code(b'{"action": "alarm", "time": "07:00", "day": "today"}') == "alarm_past"
    kept(script, send(script, b'{"action": "set", "seconds": 60, "name": "tea"}'))
    kept(script, send(script, b'{"action": "alarm", "time": "07:00"}'))
    assert code(b'{"action": "cancel"}') == "which_timer"
    assert code(b'{"action": "add", "seconds": 60, "name": "egg"}') == "no_such_timer"


def test_a_full_disk_is_the_result_and_without_an_id_an_event() -> None:
    script = Script()
    for id in ("1", None):
        keeping = send(script, b'{"action": "set", "seconds": 60}', id)
        assert isinstance(keeping, KeepTimers)
        commands = script.play(TimersKept(script.at, keeping.revision, ok=False, reason="the disk is full"))
        assert not has(Speak, commands)
        if id is None:
            assert only(ShowEvent, commands).data == {"code": "timers_not_kept", "message": "the disk is full"}
        else:
            answer = only(Answer, commands)
            assert (answer.code, answer.message) == ("timers_not_kept", "the disk is full")


def test_what_rings_is_put_off_by_command() -> None:
    script = Script()
    kept(script, send(script, b'{"action": "set", "seconds": 60}'))
    script.time += 60
    script.play(DeadlinePassed(script.at))
    assert script.state.book.bell.rings
    assert kept(script, send(script, b'{"action": "snooze", "seconds": 120}', "2")).ok
    assert not script.state.book.bell.rings
    assert [timer.seconds for timer in script.state.book.timers] == [120]
