"""Local commands in all languages, and the open questions that are none."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.thinking.intents import Intents, phrases

ENGLISH, GERMAN, KOREAN = Intents("en-US", names=("hey jarvis", "jarvis")), Intents("de"), Intents("ko")


def said(intents: Intents, text: str) -> str | None:
    """The intent's name, with the percentage where there is one."""
    intent = intents.match(text)
    return intent and " ".join([intent.name, *map(str, intent.slots.values())])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("What time is it?", "time"),
        ("what's the time", "time"),
        ("What’s the time?", "time"),
        ("uh what time is it", "time"),
        ("WHAT TIME IS IT", "time"),
        ("Can you tell me what time it is, please?", "time"),
        ("Hey, what is the current time?", "time"),
        ("Jarvis, what time is it?", "time"),
        ("Hey Jarvis. What time is it?", "time"),
        ("what time is it now", "time"),
        ("What's the date?", "date"),
        ("what is today's date", "date"),
        ("What day is it today?", "date"),
        ("tell me the date", "date"),
        ("What is the day?", "date"),
        ("what day of the week is it", "date"),
        ("Stop.", "stop"),
        ("okay stop please", "stop"),
        ("Cancel that!", "stop"),
        ("never mind", "stop"),
        ("Nevermind.", "stop"),
        ("Be quiet.", "stop"),
        ("shut up", "stop"),
        ("no, stop", "stop"),
        ("Repeat that.", "repeat"),
        ("could you repeat that please", "repeat"),
        ("Say that again?", "repeat"),
        ("Sorry, what did you say?", "repeat"),
        ("Set the volume to 30%.", "volume_set 30"),
        ("Set the volume to thirty per cent,", "volume_set 30"),
        ("set the volume to thirty percent", "volume_set 30"),
        ("Volume to fifty.", "volume_set 50"),
        ("volume 7", "volume_set 7"),
        ("please turn the volume down to twenty-five percent", "volume_set 25"),
        ("turn it up to eighty percent", "volume_set 80"),
        ("volume to zero", "volume_set 0"),
        ("volume one hundred percent", "volume_set 100"),
        ("full volume", None),
        ("volume max", "volume_set 100"),
        ("mute", "volume_set 0"),
        ("Turn the volume up.", "volume_up"),
        ("turn it up a bit", "volume_up"),
        ("louder please", "volume_up"),
        ("can you speak louder", "volume_up"),
        ("volume down", "volume_down"),
        ("a little quieter", "volume_down"),
        ("turn down the volume", "volume_down"),
        ("Mute the microphone.", "mute"),
        ("turn off your microphone", "mute"),
        ("stop listening", "mute"),
    ],
)
def test_english(text, meant):
    assert said(ENGLISH, text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "what time is it in Tokyo",
        "What time is it in New York right now?",
        "what is the date of Easter",
        "What day is Christmas?",
        "tell me about the volume of a sphere",
        "what is the volume of a sphere with radius thirty",
        "stop motion film history",
        "How do I stop a nosebleed?",
        "why did the dinosaurs die out",
        "Tell me a fun fact about penguins.",
        "repeat after me hello",
        "what did you say about penguins",
        "time flies like an arrow",
        "volume 150",
        "volume minus five",
        "set a timer for thirty percent",
        "what is quiet quitting",
        "who was louder the Beatles or the Stones",
        "hey jarvis",
        "please",
        "uh",
        "can you tell me",
        "okay thanks",
        "",
        "...",
        "what time is it " * 20,
    ],
)
def test_open_questions_are_none(text):
    assert said(ENGLISH, text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Wie spät ist es?", "time"),
        ("Kannst du mir bitte sagen, wie spät es ist?", "time"),
        ("äh wie viel Uhr ist es", "time"),
        ("Welcher Tag ist heute?", "date"),
        ("den wievielten haben wir heute", "date"),
        ("Stopp!", "stop"),
        ("Halt den Mund.", "stop"),
        ("Vergiss es", "stop"),
        ("Was hast du gesagt?", "repeat"),
        ("sag das bitte noch mal", "repeat"),
        ("Stell die Lautstärke auf dreißig Prozent.", "volume_set 30"),
        ("Lautstärke auf 55%", "volume_set 55"),
        ("Lautstärke fünfundzwanzig", "volume_set 25"),
        ("lauter bitte", "volume_up"),
        ("Mach es etwas leiser.", "volume_down"),
        ("Mikrofon aus", "mute"),
        ("Wie spät ist es in Tokio?", None),
        ("An welchem Tag ist Ostern?", None),
        ("Was ist ein Stoppschild?", None),
    ],
)
def test_german(text, meant):
    assert said(GERMAN, text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("지금 몇 시야?", "time"),
        ("지금몇시예요", "time"),
        ("어 지금 시간 알려 줘", "time"),
        ("오늘 며칠이야?", "date"),
        ("오늘 무슨 요일이에요", "date"),
        ("그만", "stop"),
        ("조용히 해", "stop"),
        ("다시 한번 말해 줘", "repeat"),
        ("뭐라고 했어", "repeat"),
        ("볼륨을 30%로 맞춰 줘", "volume_set 30"),
        ("볼륨 삼십 퍼센트", "volume_set 30"),
        ("음량 이십 오", "volume_set 25"),
        ("소리 좀 키워 줘", "volume_up"),
        ("볼륨 내려 줘", "volume_down"),
        ("마이크 꺼 줘", "mute"),
        ("도쿄는 지금 몇 시야", None),
        ("오늘 날씨 어때", None),
        ("그만큼 좋은 영화", None),
    ],
)
def test_korean(text, meant):
    assert said(KOREAN, text) == meant


@pytest.mark.parametrize("language", ["en", "de", "ko"])
def test_all_phrases_are_commands(language):
    intents = Intents(language)
    names = {intent.name for phrase in phrases(language) if (intent := intents.match(phrase))}
    assert [phrase for phrase in phrases(language) if intents.match(phrase) is None] == []
    device = {"time", "date", "stop", "repeat", "volume_set", "volume_up", "volume_down", "mute"}
    assert names == device | {"timer_set", "timer_cancel", "timer_left", "snooze"}
    assert len(phrases(language)) < 100
    assert all(phrase == phrase.lower() and "%" not in phrase for phrase in phrases(language))


def test_percentages_are_numbers():
    intent = ENGLISH.match("volume thirty percent")
    assert intent is not None
    assert dict(intent.slots) == {"percent": 30}
    assert type(intent.slots["percent"]) is int


def test_unknown_language_matches_nothing():
    intents = Intents("xx")
    intents.warm()
    assert intents.match("stop") is None
    assert phrases("xx") == ()


def test_warm_and_match_from_several_threads():
    intents, found = Intents("en"), []
    threads = [threading.Thread(target=intents.warm) for _ in range(3)]
    threads += [threading.Thread(target=lambda: found.append(intents.match("stop"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [intent and intent.name for intent in found] == ["stop"] * 3


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=150))
def test_any_text_is_matched_or_not(text):
    for intents in (ENGLISH, GERMAN, KOREAN):
        intents.match(text)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(phrases("en")), st.sampled_from(["in Tokyo", "of the Eiffel Tower", "film history"]))
def test_a_longer_sentence_is_no_command(phrase, more):
    assert ENGLISH.match(f"{phrase} {more}") is None
