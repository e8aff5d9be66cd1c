"""Who hears and who answers a turn: Home Assistant or this device, event by event. Our recogniser and the
satellite only note down what they are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent import clock
from agent.commands import Answer, AskLlm, ListenOn, StartListening
from agent.config import Config, WyomingSection
from agent.daemon.assist import PROFILE, Assist
from agent.events import AsrFailed, Event, Final, Instant, LlmFailed, Partial, ReplyDelta, ReplyDone, Requested
from agent.requests import Clip, SayRequest, TimerRequest
from agent.satellite.happenings import End, Failed, Play, Says, Serving, Timer, Understood

PCM = np.arange(160, dtype=np.int16)
GONE = "Home Assistant is gone"


class Notes:
    """What somebody was told: our recogniser, or the satellite."""

    serving = True

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.told.append((name, *given))


class Rig:
    """An utterance, as the ear and the dialogue have it."""

    def __init__(self, config: Config | None = None) -> None:
        self.events: list[Event] = []
        self.now = 100.0
        self.assist = Assist(self.events.append, self.clock)
        self.ours, self.satellite = Notes(), Notes()
        self.assist.hears(self.ours)
        self.assist.use(self.satellite, config or Config(wyoming=WyomingSection(enabled=True)))  # type: ignore[arg-type]

    def clock(self) -> Instant:
        return Instant(self.now, clock.now().wall)

    def listen(self, turn: int, word: str | None = None, persona: str = "") -> None:
        assert not self.assist.takes(StartListening(turn, persona=persona))
        self.assist.begin(turn, word, 0, persona)
        self.assist.feed(turn, PCM)

    def heard(self, turn: int = 1, text: str = "as we heard it") -> None:
        self.assist.told(Final(self.clock(), turn, text))

    def said(self) -> list[Event]:
        """The events since the last time."""
        said, self.events[:] = [*self.events], []
        return said

    def sent(self) -> list[str]:
        return [name for name, *_ in self.satellite.told]


def test_a_turn_of_home_assistants() -> None:
    r = Rig()
    r.listen(1)
    assert r.satellite.told == [("woke", 1), ("heard", 1, PCM.tobytes())]
    r.assist.told(Partial(r.clock(), 1, "what"))
    r.assist.finish(1)
    r.heard()
    (partial,) = r.said()
    assert isinstance(partial, Partial), "our own text is not wanted yet"
    r.assist.satellite(Understood(1, "what time is it"))
    (final,) = r.said()
    assert final == Final(final.at, 1, "what time is it", elsewhere=PROFILE)
    assert r.assist.takes(AskLlm(1, "what time is it"))
    r.assist.satellite(Says(1, "Noon."))
    delta, done = r.said()
    assert delta == ReplyDelta(delta.at, 1, "Noon.", profile=PROFILE)
    assert isinstance(done, ReplyDone)
    for told in (Play(1, 22_050, bytes(320)), End(1), Failed(1, "late")):
        r.assist.satellite(told)
    assert not r.said()
    r.assist.over(1)
    r.assist.over(1)
    assert r.sent() == ["woke", "heard", "ended", "played"]
    assert [name for name, *_ in r.ours.told] == ["begin", "feed", "finish"]


def test_the_reply_is_there_before_it_is_asked_for() -> None:
    r = Rig()
    r.listen(1)
    for told in (Understood(1, "hello"), Says(1, "Hi.")):
        r.assist.satellite(told)
    assert [type(each) for each in r.said()] == [Final]
    assert r.assist.takes(AskLlm(1, "hello"))
    assert [type(each) for each in r.said()] == [ReplyDelta, ReplyDone]


def test_home_assistant_hears_nothing_where_nothing_is_said() -> None:
    r = Rig()
    r.assist.takes(StartListening(1))
    r.assist.begin(1)
    r.assist.cancel(1)
    r.assist.over(1)
    r.assist.takes(StartListening(2))
    r.assist.begin(2)
    r.assist.finish(2)
    r.heard(2, "")
    assert [type(each) for each in r.said()] == [Final]
    r.assist.over(2)
    assert not set(r.sent()) & {"woke", "heard", "ended"}


def test_a_reply_without_words_is_said_nevertheless() -> None:
    r = Rig()
    r.listen(1)
    r.assist.satellite(Understood(1, "turn on the light"))
    r.assist.takes(AskLlm(1, "turn on the light"))
    r.assist.satellite(Says(1, " "))
    assert [each.text for each in r.said() if isinstance(each, ReplyDelta)] == ["OK."]


def test_the_end_of_the_wake_word_is_no_part_of_it() -> None:
    r = Rig()
    r.listen(1, "hey_jarvis")
    r.assist.satellite(Understood(1, "Jarvis, what time is it"))
    (final,) = r.said()
    assert isinstance(final, Final)
    assert final.text == "What time is it"


@pytest.mark.parametrize("persona", ["", "nari"])
@pytest.mark.parametrize("section", [{"enabled": True}, {"enabled": True, "answers": "agent"}])
@pytest.mark.parametrize("serving", [True, False])
def test_whose_turn_it_is(persona: str, section: dict[str, Any], serving: bool) -> None:
    r = Rig(Config(wyoming=WyomingSection(**section)))
    r.satellite.serving = serving
    r.listen(1, persona=persona)
    theirs = serving and not persona and "answers" not in section
    assert (r.sent() == ["woke", "heard"]) == theirs
    r.assist.finish(1)
    r.heard()
    assert bool(r.said()) != theirs
    assert r.assist.takes(AskLlm(1, "x")) is False


def test_it_is_lost_while_somebody_speaks() -> None:
    r = Rig()
    r.listen(1)
    r.assist.satellite(Failed(1, GONE))
    r.assist.feed(1, PCM)
    r.assist.finish(1)
    assert not r.said()
    r.heard()
    (final,) = r.said()
    assert final == Final(final.at, 1, "as we heard it"), "answered here, since it was heard here"
    assert not r.assist.takes(AskLlm(1, "as we heard it"))
    assert r.sent() == ["woke", "heard"]


@pytest.mark.parametrize("ours", [Final, AsrFailed])
def test_it_is_lost_when_we_have_understood(ours: type[Final] | type[AsrFailed]) -> None:
    r = Rig()
    r.listen(1)
    r.assist.finish(1)
    event = ours(r.clock(), 1, "x")
    r.assist.told(event)
    assert not r.said()
    r.assist.satellite(Failed(1, GONE))
    assert r.said() == [event]


def test_it_is_too_slow() -> None:
    r = Rig()
    r.listen(1)
    r.assist.finish(1)
    r.heard()
    r.assist.tick(r.now + 3.9)
    assert not r.said()
    r.assist.tick(r.now + 4.0)
    assert [type(each) for each in r.said()] == [Final]
    assert r.sent()[-1] == "drop"
    r.assist.satellite(Understood(1, "late"))
    assert not r.said()


@pytest.mark.parametrize("asked_first", [True, False])
def test_it_fails_where_it_was_to_answer(asked_first: bool) -> None:
    r = Rig()
    r.listen(1)
    r.assist.satellite(Understood(1, "open the door"))
    r.said()
    if asked_first:
        assert r.assist.takes(AskLlm(1, "open the door"))
    r.assist.satellite(Failed(1, GONE))
    if not asked_first:
        assert r.assist.takes(AskLlm(1, "open the door"))
    (failed,) = r.said()
    assert failed == LlmFailed(failed.at, 1, "home_assistant", GONE)
    r.assist.over(1)
    assert r.sent()[-1] == "drop"


def test_what_is_overheard_stays_here() -> None:
    r = Rig()
    r.listen(1)
    r.assist.finish(1)
    r.assist.satellite(Understood(1, "tell me a story"))
    r.assist.takes(AskLlm(1, "tell me a story"))
    r.said()
    r.assist.begin(1)
    r.assist.feed(1, PCM)
    r.assist.finish(1)
    r.heard(text="stop")
    assert [type(each) for each in r.said()] == [Final]
    r.assist.begin(2)  # over an announcement, to which nobody listens
    r.assist.feed(2, PCM)
    r.assist.finish(2)
    assert r.sent() == ["woke", "heard", "ended"]


def test_a_turn_that_is_given_up() -> None:
    r = Rig()
    r.listen(1)
    r.assist.cancel(1)
    r.listen(2)
    r.assist.satellite(Understood(2, "stop"))
    r.assist.over(2)  # a local command
    r.listen(3)
    assert not r.assist.takes(ListenOn(4, of=3))
    assert r.sent() == ["woke", "heard", "drop", "woke", "heard", "drop", "woke", "heard", "drop"]


def test_another_satellite_gives_the_turn_back() -> None:
    r = Rig()
    r.listen(1)
    r.heard()
    r.assist.use(None, Config())
    assert [type(each) for each in r.said()] == [Final]
    r.assist.over(1)
    r.listen(2)
    r.heard(2)
    assert [type(each) for each in r.said()] == [Final]


def test_an_announcement() -> None:
    r = Rig()
    for told in (Serving(True), Play(None, 22_050, b"\1\0"), Play(None, 22_050, b"\2\0"), End(None)):
        r.assist.satellite(told)
    (asked,) = r.said()
    assert isinstance(asked, Requested)
    assert asked.request == SayRequest("", sound=Clip(22_050, b"\1\0\2\0"))
    assert asked.id is not None
    assert not r.assist.answered(Answer("somebody", True))
    assert not r.sent()
    assert r.assist.answered(Answer(asked.id, False, "do_not_disturb"))
    assert r.satellite.told == [("played", None)]


def test_what_turns_out_to_be_an_announcement() -> None:
    r = Rig()
    for told in (Play(1, 22_050, b"\1\0"), End(1), Play(2, 22_050, b"\2\0"), Play(3, 22_050, b"\3\0"), End(None)):
        r.assist.satellite(told)
    (asked,) = r.said()
    assert isinstance(asked, Requested)
    assert asked.request == SayRequest("", sound=Clip(22_050, b"\3\0"))


def test_whisper_begins_with_a_space() -> None:
    r = Rig()
    for turn, word in ((1, None), (2, "hey_jarvis")):
        r.listen(turn, word)
        r.assist.satellite(Understood(turn, " Turn on the light."))
        (final,) = r.said()
        assert isinstance(final, Final)
        assert final.text == "Turn on the light."


def test_an_announcement_without_end_is_cut() -> None:
    r = Rig()
    for _ in range(200):
        r.assist.satellite(Play(None, 8000, bytes(16_000)))  # a second
    r.assist.satellite(End(None))
    (asked,) = r.said()
    assert isinstance(asked, Requested)
    assert isinstance(asked.request, SayRequest)
    assert asked.request.sound is not None
    assert asked.request.sound.seconds == 170


def timers(r: Rig) -> list[tuple[str, dict[str, str | int]]]:
    """What is asked for, answered as the dialogue does."""
    asked = []
    for event in r.said():
        assert isinstance(event, Requested)
        assert isinstance(event.request, TimerRequest)
        assert event.id is not None
        intent = event.request.intent
        asked.append((intent.name, dict(intent.slots)))
        data = {"timers": ({"timer": f"ours {r.now}"},)} if intent.name == "timer_set" else {}
        assert r.assist.answered(Answer(event.id, True, data=data))
    return asked


def test_a_timer_of_home_assistants_is_kept_here() -> None:
    r = Rig()
    r.assist.satellite(Timer("started", "a", "tea", 60))
    assert timers(r) == [("timer_set", {"seconds": 60, "name": "tea"})]
    r.now += 10
    r.assist.satellite(Timer("updated", "a", "", 70))
    assert timers(r) == [("cancel", {"timer": "ours 100.0"}), ("timer_set", {"seconds": 70, "name": "tea"})]
    r.assist.satellite(Timer("updated", "a", "", 60, active=False))
    assert timers(r) == [("cancel", {"timer": "ours 110.0"})]
    r.now += 10
    r.assist.satellite(Timer("updated", "a", "", 60))
    assert timers(r) == [("timer_set", {"seconds": 60, "name": "tea"})]
    r.assist.satellite(Timer("cancelled", "a", "", 0))
    assert timers(r) == [("cancel", {"timer": "ours 120.0"})]
    for change in ("finished", "updated", "cancelled"):
        r.assist.satellite(Timer(change, "a", "", 5))  # type: ignore[arg-type]
    assert timers(r) == []
    assert not r.sent()


def test_a_timer_that_is_cancelled_before_it_is_kept_is_ended_once_it_is() -> None:
    r = Rig()
    for change, seconds in (("started", 60), ("updated", 70), ("cancelled", 0)):
        r.assist.satellite(Timer(change, "a", "tea", seconds))  # type: ignore[arg-type]
    assert timers(r) == [("timer_set", {"seconds": each, "name": "tea"}) for each in (60, 70)]
    assert timers(r) == [("cancel", {"timer": "ours 100.0"})] * 2
    assert timers(r) == []


def test_no_more_timers_are_remembered_than_there_can_be() -> None:
    r = Rig()
    for number in range(200):
        r.assist.satellite(Timer("started", str(number), "", 60))
    assert len(r.assist._announced._timers) == 100
