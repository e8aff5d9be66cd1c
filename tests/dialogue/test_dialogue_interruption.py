"""Somebody speaks while the agent does: softer, loud again, silent; and what makes it so."""

from __future__ import annotations

import pytest
from scripts import Script, has, only

from agent.commands import AskLlm, Command, Duck, Hush, ShowEvent, ShowTranscript, StartListening, TurnEnded
from agent.dialogue.interruption import HOLD, MOST, REST
from agent.dialogue.rules import Rules
from agent.dialogue.state import Idle, Speaking, State
from agent.events import AsrFailed, Audible, Final, SpeechDone, VoiceOver
from agent.requests import Intent


def speaking(**rules: object) -> Script:
    """A reply is being spoken, in turn 1."""
    script = Script(State(rules=Rules(**rules)))  # type: ignore[arg-type]
    script.wake()
    script.hear("what time is it", Intent("time"))
    assert isinstance(script.state.activity, Speaking)
    script.play(Audible(script.at, 1, script.time))
    script.time += 1.0
    script.commands.clear()
    return script


def over(script: Script, turn: int | None = None) -> list[Command]:
    return script.play(VoiceOver(script.at, script.state.turn if turn is None else turn, script.time - 0.1))


def said(script: Script, text: str, intent: Intent | None = None) -> list[Command]:
    return script.play(Final(script.at, script.state.turn, text, intent))


def test_a_voice_makes_it_softer_and_nothing_else() -> None:
    script = speaking()
    assert over(script) == [Duck(1, True)]
    assert isinstance(script.state.activity, Speaking)


def test_where_nothing_follows_it_is_as_loud_as_before() -> None:
    script = speaking()
    over(script)
    began = script.time
    assert script.tick() == [Duck(1, False)]
    assert script.time - began == pytest.approx(HOLD)
    assert isinstance(script.state.activity, Speaking)


def test_it_stays_soft_while_the_voice_goes_on_but_not_for_ever() -> None:
    script = speaking()
    over(script)
    began = script.time
    while script.state.duck.until is not None and script.time < began + 10:
        script.time += 0.5
        if script.state.duck.until > script.time:
            assert over(script) == []
        else:
            script.tick()
    assert script.time - began == pytest.approx(MOST, abs=0.5)


def test_the_next_voice_waits_and_twice_as_long_each_time() -> None:
    script = speaking()
    for doubled in (1, 2, 4):
        over(script)
        script.tick()
        script.time += REST * doubled - 0.1
        assert over(script) == []
        script.time += 0.2
    assert over(script) == [Duck(1, True)]


def test_a_wake_word_ends_the_reply_and_the_next_one_is_loud() -> None:
    script = speaking()
    over(script)
    script.time += 0.5
    commands = script.wake()
    assert only(Hush, commands).turn == 1
    assert only(StartListening, commands).turn == 2
    assert only(Duck, commands) == Duck(1, False)
    assert script.state.duck.until is None


def test_the_end_of_the_reply_ends_its_softness() -> None:
    script = speaking()
    over(script)
    commands = script.play(SpeechDone(script.at, 1, "It's"))
    assert only(Duck, commands) == Duck(1, False)
    assert isinstance(script.state.activity, Idle)


def test_stop_needs_no_wake_word_while_it_is_soft() -> None:
    script = speaking()
    over(script)
    commands = said(script, "Stop.", Intent("stop"))
    assert only(Hush, commands).turn == 1
    assert ShowEvent("bargein", 1, {"word": "stop"}) in commands
    assert only(Duck, commands) == Duck(1, False)
    closed = script.play(SpeechDone(script.at, 1, "It's", cut=True))
    assert only(TurnEnded, closed).outcome == "interrupted"


@pytest.mark.parametrize(("text", "intent"), [("what a day", None), ("turn it up", Intent("volume_up"))])
def test_other_words_are_nobodys_business(text: str, intent: Intent | None) -> None:
    script = speaking()
    over(script)
    assert said(script, text, intent) == [Duck(1, False)]
    assert not has(AskLlm, script.commands)
    assert not has(ShowTranscript, script.commands)
    assert isinstance(script.state.activity, Speaking)


def test_silence_of_the_recogniser_changes_nothing() -> None:
    script = speaking()
    over(script)
    assert said(script, "") == []
    assert script.play(AsrFailed(script.at, 1, "died")) == [Duck(1, False)]


def test_stop_is_nothing_where_nobody_was_heard() -> None:
    script = speaking()
    assert said(script, "Stop.", Intent("stop")) == []


def test_without_barge_in_it_speaks_on_as_loud_as_ever() -> None:
    assert over(speaking(barge_in=False)) == []


def test_a_voice_over_an_earlier_turn_or_over_silence_is_nothing() -> None:
    script = speaking()
    assert over(script, turn=0) == []
    script.play(SpeechDone(script.at, 1, "It's"))
    assert over(script, turn=1) == []
