"""Personas: who answers, in which language, and what each of them remembers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripts import Script, only

from agent.commands import (
    Answer,
    AskLlm,
    Command,
    Earcon,
    Exchange,
    ShowEvent,
    Speak,
    StartListening,
    TurnEnded,
)
from agent.dialogue.cast import Cast
from agent.dialogue.rules import Rules
from agent.dialogue.state import State
from agent.events import (
    Endpoint,
    Health,
    LlmFailed,
    PeersChanged,
    Pressed,
    ReplyDelta,
    ReplyDone,
    RivalClaimed,
    SpeechDone,
)
from agent.requests import AskRequest, Intent, ListenRequest, Request, SayRequest

WORDS = {"alexa": "nari", "hey_mycroft": "butler"}
CAST = Cast(languages={"nari": "ko", "butler": "de"}, words=WORDS)
TIME = Intent("time")


def home(use: str = "", **rules: object) -> Script:
    return Script(State(rules=Rules(cast=replace(CAST, use=use), **rules)))  # type: ignore[arg-type]


def reply(script: Script, text: str) -> None:
    """The LLM answers and all of it is heard."""
    turn = script.state.turn
    script.play(ReplyDelta(script.at, turn, text))
    script.play(ReplyDone(script.at, turn))
    script.play(SpeechDone(script.at, turn, text))


def shown(kind: str, commands: list[Command]) -> ShowEvent:
    return only(ShowEvent, [c for c in commands if not isinstance(c, ShowEvent) or c.type == kind])


@pytest.mark.parametrize(
    ("word", "use", "persona", "name"),
    [
        ("hey_jarvis", "", "", "default"),
        ("alexa", "", "nari", "nari"),
        ("hey_mycroft", "nari", "butler", "butler"),
        ("hey_jarvis", "butler", "butler", "butler"),
        ("alexa", "butler", "nari", "nari"),
    ],
)
def test_a_wake_word_brings_its_persona_and_any_other_the_one_in_use(
    word: str, use: str, persona: str, name: str
) -> None:
    script = home(use)
    woken = script.wake(word)
    assert only(StartListening, woken).persona == persona
    assert shown("wake", woken).data == {"word": word, "score": 0.9, "persona": name}
    assert only(AskLlm, script.hear("why is the sky blue")).persona == persona
    spoken = script.play(ReplyDelta(script.at, 1, "Because."))
    assert only(Speak, spoken) == Speak(1, "Because.", persona=persona)
    assert only(Speak, script.play(ReplyDone(script.at, 1))).persona == persona
    assert only(TurnEnded, script.play(SpeechDone(script.at, 1, "Because."))).persona == persona


@pytest.mark.parametrize(
    ("word", "said"),
    [("hey_jarvis", "It's 3:45 PM."), ("alexa", "지금은 오후 3:45입니다."), ("hey_mycroft", "Es ist 15:45 Uhr.")],
)
def test_a_local_answer_is_in_the_language_of_the_persona(word: str, said: str) -> None:
    script = home()
    script.wake(word)
    answered = script.hear("?", TIME)
    assert only(Speak, answered) == Speak(1, said, last=True, persona=WORDS.get(word, ""))
    assert shown("intent", answered).data == {"name": "time", "persona": WORDS.get(word, "default")}


def test_what_goes_wrong_is_said_by_the_persona_in_its_language() -> None:
    script = home()
    script.wake("hey_mycroft")
    script.hear("warum")
    failed = script.play(LlmFailed(script.at, 1, "timeout"))
    assert only(Speak, failed) == Speak(
        1, "Entschuldigung, das Sprachmodell braucht zu lange.", last=True, persona="butler"
    )
    script = home()
    script.wake("hey_mycroft")
    script.hear("warum")
    script.play(ReplyDelta(script.at, 1, "Weil"))
    cut_off = only(Speak, script.play(LlmFailed(script.at, 1, "cut_off")))
    assert (cut_off.text, cut_off.persona) == (" Entschuldigung, hier brach die Antwort ab.", "butler")


def test_the_past_is_each_personas_own() -> None:
    script = home()
    for word, asked, answered in (
        ("hey_jarvis", "my secret is blue", "Noted."),
        ("alexa", "안녕", "안녕하세요."),
        ("hey_jarvis", "and red", "Noted, too."),
    ):
        script.wake(word)
        script.hear(asked)
        reply(script, answered)
    script.wake("alexa")
    assert only(AskLlm, script.hear("뭐")).history == (Exchange("안녕", "안녕하세요."),)
    script.wake("hey_jarvis")
    assert only(AskLlm, script.hear("what")).history == (
        Exchange("my secret is blue", "Noted."),
        Exchange("and red", "Noted, too."),
    )
    script.wake("hey_mycroft")
    assert only(AskLlm, script.hear("was")).history == ()


def test_nobodys_past_pushes_out_that_of_another() -> None:
    script = home(history_turns=2)
    for word, asked in (("alexa", "하나"), *(("hey_jarvis", str(number)) for number in range(5))):
        script.wake(word)
        script.hear(asked)
        reply(script, "Yes.")
    script.wake("alexa")
    assert [past.asked for past in only(AskLlm, script.hear("둘")).history] == ["하나"]
    script.wake("hey_jarvis")
    assert [past.asked for past in only(AskLlm, script.hear("six")).history] == ["3", "4"]


def test_another_word_interrupts_and_its_persona_answers() -> None:
    script = home()
    script.wake("hey_jarvis")
    script.hear("tell me a story")
    script.play(ReplyDelta(script.at, 1, "Once upon a time"))
    woken = script.wake("alexa")
    assert only(StartListening, woken) == StartListening(2, script.time, persona="nari")
    ended = only(TurnEnded, script.play(SpeechDone(script.at, 1, "Once", cut=True)))
    assert (ended.outcome, ended.persona) == ("interrupted", "")
    assert only(AskLlm, script.hear("뭐")).history == (), "what Jarvis said of it is his"


def test_say_it_again_is_said_by_whom_it_was_said() -> None:
    script = home()
    script.wake("alexa")
    script.hear("안녕")
    reply(script, "안녕하세요.")
    script.wake("hey_jarvis")
    assert only(Speak, script.hear("repeat", Intent("repeat"))) == Speak(2, "안녕하세요.", last=True, persona="nari")


def test_a_follow_up_stays_with_whom_one_talks() -> None:
    script = home(follow_up=4.0)
    script.wake("alexa")
    script.hear("시간", TIME)
    listening = only(StartListening, script.play(SpeechDone(script.at, 1, "지금은")))
    assert listening == StartListening(2, first_word_ms=4000, persona="nari")
    assert only(Speak, script.hear("시간", TIME)).persona == "nari"


@pytest.mark.parametrize(
    ("request_", "persona"),
    [
        (ListenRequest(), "butler"),
        (ListenRequest("nari"), "nari"),
        (ListenRequest("default"), ""),
        (AskRequest("why"), "butler"),
        (AskRequest("why", persona="nari"), "nari"),
        (AskRequest("why", persona="default"), ""),
        (SayRequest("Tea."), "butler"),
        (SayRequest("Tea.", persona="nari"), "nari"),
        (SayRequest("Tea.", persona="default"), ""),
    ],
)
def test_a_command_may_name_a_persona(request_: Request, persona: str) -> None:
    commands = home("butler").request(request_, "1")
    first = next(c for c in commands if isinstance(c, StartListening | AskLlm | Speak))
    assert first.persona == persona


@pytest.mark.parametrize("request_", [ListenRequest("x"), AskRequest("why", persona="x"), SayRequest("T", persona="x")])
def test_a_persona_that_is_not_there_is_refused_and_nothing_else_happens(request_: Request) -> None:
    script = home()
    script.wake()
    before = script.state
    refusal = only(Answer, script.request(request_, "1"))
    assert (refusal.ok, refusal.code) == (False, "unknown_persona")
    assert refusal.message == "personas are default, nari, butler"
    assert script.state == before


def test_the_button_means_whoever_is_in_use() -> None:
    script = home("nari")
    assert only(StartListening, script.play(Pressed(script.at, "listen"))).persona == "nari"


def test_an_announcement_waits_for_a_persona_that_may_be_gone_by_then() -> None:
    script = home()
    script.wake()
    script.hear("time", TIME)
    script.request(SayRequest("Tea.", persona="nari"), "1")
    script.state = replace(script.state, rules=Rules())  # a reload in between
    assert only(Speak, script.play(SpeechDone(script.at, 1, "It's"))) == Speak(2, "Tea.", last=True)


def test_among_others_the_persona_is_kept_until_it_is_decided() -> None:
    script = home()
    script.play(PeersChanged(script.at, "kitchen", 1))
    assert only(StartListening, script.wake("alexa")).persona == "nari"
    script.wait()  # the other says nothing
    assert only(AskLlm, script.hear("뭐")).persona == "nari"
    script = home()
    script.play(PeersChanged(script.at, "kitchen", 1))
    script.wake("alexa")
    ended = only(TurnEnded, script.play(RivalClaimed(script.at, "hall", 90.0)))
    assert (ended.outcome, ended.persona) == ("yielded", "nari")


def test_without_personas_nothing_is_named() -> None:
    script = Script()
    assert only(StartListening, script.wake("alexa")).persona == ""
    assert only(AskLlm, script.hear("why")).persona == ""


def test_a_recogniser_that_loads_at_the_first_word_is_waited_for_with_a_sound() -> None:
    script = home()
    woken = script.wake("alexa")
    assert not [command for command in woken if isinstance(command, Earcon)], "it is still well"
    script.play(Health(script.at, "asr", "loading"))
    ended = script.play(Endpoint(script.at, 1, script.time, "silence"))
    assert only(Earcon, ended).name == "thinking"
    before = script.time
    failed = script.wait()
    assert script.time == pytest.approx(before + 3.0 + 15.0)
    assert only(Speak, failed).persona == "nari"
