"""Timers, alarms and reminders in all languages; what sounds like them and is none; and slots put together."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.requests import Intent
from agent.thinking.intents import Intents, phrases
from agent.thinking.slots import SHARES, Slot, composed
from agent.thinking.templates import document, spaced, squeezed
from agent.timers import MAX_SECONDS

ENGLISH, GERMAN, KOREAN = Intents("en", names=("hey jarvis",)), Intents("de"), Intents("ko")
INTENTS = {
    "timer_set", "timer_add", "timer_cancel", "timer_left", "alarm_set", "alarm_cancel", "alarm_left", "snooze",
}  # fmt: skip


def said(intents: Intents, text: str) -> str | None:
    intent = intents.match(text)
    return intent and " ".join([intent.name, *(f"{name}={value}" for name, value in intent.slots.items())])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("set a timer for ten minutes", "timer_set seconds=600"),
        ("set a timer for 10 minutes.", "timer_set seconds=600"),
        ("Set a pasta timer for an hour and a half.", "timer_set seconds=5400 name=pasta"),
        ("five minute timer", "timer_set seconds=300"),
        ("Five-minute timer, please.", "timer_set seconds=300"),
        ("set a five minute pasta timer", "timer_set seconds=300 name=pasta"),
        ("start a timer for 1.5 hours", "timer_set seconds=5400"),
        ("Timer for 90 seconds", "timer_set seconds=90"),
        ("set a timer for two and a half hours", "timer_set seconds=9000"),
        ("set a timer for one hour and thirty minutes", "timer_set seconds=5400"),
        ("set a timer for 1 hour, 30 minutes and 15 seconds", "timer_set seconds=5415"),
        ("set a timer for an hour thirty", "timer_set seconds=5400"),
        ("set a timer for half an hour", "timer_set seconds=1800"),
        ("set a timer for a quarter of an hour", "timer_set seconds=900"),
        ("set a timer for three quarters of an hour", "timer_set seconds=2700"),
        ("set a timer for twenty five minutes for the chicken", "timer_set seconds=1500 name=chicken"),
        ("set a timer called eggs for six minutes", "timer_set seconds=360 name=eggs"),
        ("set a timer for six minutes called soft eggs", "timer_set seconds=360 name=soft eggs"),
        ("set a timer for the pizza for twelve minutes", "timer_set seconds=720 name=pizza"),
        ("set an egg timer for 4 minutes", "timer_set seconds=240 name=egg"),
        ("pasta timer nine minutes", "timer_set seconds=540 name=pasta"),
        ("set a timer for a minute", "timer_set seconds=60"),
        ("set a timer for one hundred and twenty minutes", "timer_set seconds=7200"),
        ("ten minutes timer", "timer_set seconds=600"),
        ("set a half hour timer", "timer_set seconds=1800"),
        ("set a timer for a minute and a half", "timer_set seconds=90"),
        ("set a timer for 45 secs", "timer_set seconds=45"),
        ("Set timer 10 minutes", "timer_set seconds=600"),
        ("can you set a timer for ten minutes please", "timer_set seconds=600"),
        ("set a second timer for ten minutes", "timer_set seconds=600"),
        ("set another timer for ten minutes", "timer_set seconds=600"),
        ("remind me in ten minutes to call my mother", "timer_set seconds=600 message=call my mother"),
        ("Remind me to call my mother in 10 minutes, please.", "timer_set seconds=600 message=call my mother"),
        (
            "remind me in half an hour that the cake is in the oven",
            "timer_set seconds=1800 message=the cake is in the oven",
        ),
        ("in twenty minutes remind me to check the oven", "timer_set seconds=1200 message=check the oven"),
        ("wake me up in twenty minutes", "timer_set seconds=1200"),
        ("remind me in five minutes", "timer_set seconds=300"),
        ("add two minutes to the pasta timer", "timer_add seconds=120 name=pasta"),
        ("Add 2 minutes.", "timer_add seconds=120"),
        ("add five minutes to the timer", "timer_add seconds=300"),
        ("add a minute to the five minute timer", "timer_add seconds=60 of=300"),
        ("take two minutes off the pasta timer", "timer_add seconds=-120 name=pasta"),
        ("extend the timer by ten minutes", "timer_add seconds=600"),
        ("five more minutes", "timer_add seconds=300"),
        ("two more minutes for the pasta", "timer_add seconds=120 name=pasta"),
        ("one more minute", "timer_add seconds=60"),
        ("cancel the pasta timer", "timer_cancel name=pasta"),
        ("cancel the timer", "timer_cancel"),
        ("cancel all timers", "timer_cancel every=1"),
        ("stop the timer", "timer_cancel"),
        ("stop the ten minute timer", "timer_cancel of=600"),
        ("cancel timer", "timer_cancel"),
        ("turn off the timer", "timer_cancel"),
        ("delete the timer for the eggs", "timer_cancel name=eggs"),
        ("cancel my timers", "timer_cancel every=1"),
        ("how long is left", "timer_left"),
        ("how long is left on the pasta timer", "timer_left name=pasta"),
        ("How much time is left on the timer?", "timer_left"),
        ("how much time is left on the pasta", "timer_left name=pasta"),
        ("how much longer on the pasta timer", "timer_left name=pasta"),
        ("how long does the timer have left", "timer_left"),
        ("when is the pasta timer done", "timer_left name=pasta"),
        ("what timers are running", "timer_left"),
        ("how many timers do I have", "timer_left"),
        ("how much time left on my ten minute timer", "timer_left of=600"),
        ("what's left on the timer", "timer_left"),
        ("how's the timer doing", "timer_left"),
        ("wake me at half past seven tomorrow", "alarm_set hour=7 minute=30 half=1 day=tomorrow"),
        ("Wake me up at 7:30.", "alarm_set hour=7 minute=30 half=1"),
        ("wake me at seven thirty a.m.", "alarm_set hour=7 minute=30"),
        ("set an alarm for 7 am every weekday", "alarm_set hour=7 minute=0 day=weekdays"),
        ("set an alarm for 7 a.m. every weekday", "alarm_set hour=7 minute=0 day=weekdays"),
        ("Set an alarm for 07:00", "alarm_set hour=7 minute=0"),
        ("set an alarm for 19:30", "alarm_set hour=19 minute=30"),
        ("set an alarm for seven o'clock tomorrow morning", "alarm_set hour=7 minute=0 day=tomorrow"),
        ("set an alarm for tomorrow at seven", "alarm_set hour=7 minute=0 half=1 day=tomorrow"),
        ("set alarm 6:45 am", "alarm_set hour=6 minute=45"),
        ("wake me up at a quarter to eight", "alarm_set hour=7 minute=45 half=1"),
        ("wake me up at quarter past six on monday", "alarm_set hour=6 minute=15 half=1 day=monday"),
        ("wake me at ten to eight", "alarm_set hour=7 minute=50 half=1"),
        ("set an alarm for noon", "alarm_set hour=12 minute=0"),
        ("set an alarm for midnight", "alarm_set hour=0 minute=0"),
        ("wake me up every day at six thirty", "alarm_set hour=6 minute=30 half=1 day=daily"),
        ("wake me up every morning at seven", "alarm_set hour=7 minute=0 day=daily"),
        ("set an alarm for 6 am on weekends", "alarm_set hour=6 minute=0 day=weekends"),
        ("wake me tomorrow at 8", "alarm_set hour=8 minute=0 half=1 day=tomorrow"),
        ("set a school alarm for 7 am", "alarm_set hour=7 minute=0 name=school"),
        ("set an alarm for 7 a m called school", "alarm_set hour=7 minute=0 name=school"),
        ("remind me at seven pm to take my pills", "alarm_set hour=19 minute=0 message=take my pills"),
        (
            "remind me tomorrow at eight to call the bank",
            "alarm_set hour=8 minute=0 half=1 day=tomorrow message=call the bank",
        ),
        ("Remind me to take out the trash at 8 PM.", "alarm_set hour=20 minute=0 message=take out the trash"),
        (
            "remind me to take out the trash tomorrow at eight in the morning",
            "alarm_set hour=8 minute=0 day=tomorrow message=take out the trash",
        ),
        ("set a reminder for 5 pm to pick up the kids", "alarm_set hour=17 minute=0 message=pick up the kids"),
        ("set an alarm for eight oh five", "alarm_set hour=8 minute=5 half=1"),
        ("set an alarm for twenty two hundred", "alarm_set hour=22 minute=0"),
        ("wake me at half seven", "alarm_set hour=7 minute=30 half=1"),
        ("set an alarm for 6 on tuesday", "alarm_set hour=6 minute=0 half=1 day=tuesday"),
        ("every monday at seven wake me up", "alarm_set hour=7 minute=0 half=1 day=monday every=1"),
        ("set an alarm for 8 in the evening", "alarm_set hour=20 minute=0"),
        ("cancel the alarm", "alarm_cancel"),
        ("cancel my 7 am alarm", "alarm_cancel hour=7 minute=0"),
        ("cancel the alarm for tomorrow", "alarm_cancel day=tomorrow"),
        ("cancel all alarms", "alarm_cancel every=1"),
        ("turn off my alarm", "alarm_cancel"),
        ("cancel the alarm at 7:30", "alarm_cancel hour=7 minute=30 half=1"),
        ("cancel the school alarm", "alarm_cancel name=school"),
        ("delete tomorrow's alarm", "alarm_cancel day=tomorrow"),
        ("when does my alarm ring", "alarm_left"),
        ("when is my next alarm", "alarm_left"),
        ("what time is my alarm set for", "alarm_left"),
        ("do I have an alarm tomorrow", "alarm_left"),
        ("what alarms do I have", "alarm_left"),
        ("is my alarm set", "alarm_left"),
        ("snooze", "snooze"),
        ("snooze for five minutes", "snooze seconds=300"),
        ("snooze five more minutes", "snooze seconds=300"),
        ("snooze ten minutes please", "snooze seconds=600"),
        ("how long until the alarm rings", "alarm_left"),
    ],
)
def test_english(text, meant):
    assert said(ENGLISH, text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "wake me up at 13 am",
        "set an alarm for 25",
        "how long do I boil an egg",
        "what is a timer",
        "set the table for ten people",
        "how long is the Nile",
        "how much time is left until christmas",
        "how long does it take to boil an egg for ten minutes",
        "what time does the alarm clock museum open",
        "who invented the alarm clock",
        "who invented the egg timer",
        "remind me who wrote Faust",
        "remind me what the capital of France is",
        "remind me of my grandmother",
        "what happens in ten minutes",
        "why do five minute timers exist",
        "what is the best egg timer",
        "is there a way to stop the timer on my oven",
        "how do I set a timer on my oven",
        "how do I cancel an alarm on my phone",
        "set a timer",
        "set an alarm",
        "wake up",
        "wake me up before you go go",
        "tell me a story for ten minutes",
        "play music for ten minutes",
        "add two eggs to the shopping list",
        "add two minutes of silence to the program",
        "take two aspirin off the list",
        "cancel my subscription",
        "stop the music",
        "turn off the light in ten minutes",
        "when is the next train",
        "when does the alarm in the bank ring",
        "how long is left on my mortgage",
        "what was five minutes ago",
        "ten minutes",
        "five minutes more or less",
        "half past seven",
        "add a minute of silence",
        "tell me in ten minutes",
        "how many minutes are in an hour",
        "how many minutes are there in a day",
        "how much time do I have",
        "how long have I got to live",
        "what does snooze mean",
        "snooze button history",
        "set the alarm system to armed",
        "call me in ten minutes",
        "remind me to call my mother",
        "what's left on the table",
        "how is the pasta made",
        "how's the weather",
        "when is the pasta done",
        "when is tea time",
        "when will the rice be finished",
        "how long should the pasta cook",
    ],
)
def test_english_near_misses(text):
    assert said(ENGLISH, text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Stell einen Timer auf zehn Minuten.", "timer_set seconds=600"),
        ("Stelle einen Timer auf 10 Minuten ein.", "timer_set seconds=600"),
        ("Timer fünf Minuten", "timer_set seconds=300"),
        ("Fünf-Minuten-Timer", "timer_set seconds=300"),
        ("stell einen Nudeltimer auf acht Minuten", "timer_set seconds=480 name=nudel"),
        ("stell einen Timer für anderthalb Stunden", "timer_set seconds=5400"),
        ("Timer auf eine halbe Stunde", "timer_set seconds=1800"),
        ("Timer auf 1,5 Stunden", "timer_set seconds=5400"),
        ("stelle einen timer von einer stunde und dreißig minuten", "timer_set seconds=5400"),
        ("stell einen Timer für die Pizza auf zwölf Minuten", "timer_set seconds=720 name=pizza"),
        ("stell einen timer auf zwölf minuten für die pizza", "timer_set seconds=720 name=pizza"),
        ("stell einen timer auf neunzig sekunden", "timer_set seconds=90"),
        ("stell einen Timer auf eine Viertelstunde", "timer_set seconds=900"),
        (
            "Erinnere mich in zehn Minuten daran, meine Mutter anzurufen.",
            "timer_set seconds=600 message=meine mutter anzurufen",
        ),
        ("erinnere mich in einer stunde an die wäsche", "timer_set seconds=3600 message=die wäsche"),
        ("weck mich in zwanzig Minuten", "timer_set seconds=1200"),
        ("verlängere den Timer um zwei Minuten", "timer_add seconds=120"),
        ("gib dem Nudeltimer noch zwei Minuten", "timer_add seconds=120 name=nudel"),
        ("noch zwei Minuten", "timer_add seconds=120"),
        ("brich den Timer ab", "timer_cancel"),
        ("lösche den Pizza Timer", "timer_cancel name=pizza"),
        ("alle Timer löschen", "timer_cancel every=1"),
        ("Timer stoppen", "timer_cancel"),
        ("wie lange noch", "timer_left"),
        ("wie lange läuft der Timer noch", "timer_left"),
        ("wie viel zeit ist noch auf dem timer", "timer_left"),
        ("wann ist der Pizza Timer fertig", "timer_left name=pizza"),
        ("Weck mich morgen um halb acht.", "alarm_set hour=7 minute=30 half=1 day=tomorrow"),
        ("Weck mich um 7:30 Uhr", "alarm_set hour=7 minute=30"),
        ("weck mich um sieben uhr dreißig", "alarm_set hour=7 minute=30"),
        ("Stell einen Wecker auf sieben Uhr an Werktagen", "alarm_set hour=7 minute=0 day=weekdays"),
        ("stell den wecker auf sechs uhr jeden tag", "alarm_set hour=6 minute=0 day=daily"),
        ("weck mich um viertel nach sechs", "alarm_set hour=6 minute=15 half=1"),
        ("weck mich um viertel vor sieben morgens", "alarm_set hour=6 minute=45"),
        ("weck mich jeden montag um sieben uhr", "alarm_set hour=7 minute=0 day=monday every=1"),
        ("wecker auf 19 uhr", "alarm_set hour=19 minute=0"),
        ("stell einen wecker für morgen früh um sechs", "alarm_set hour=6 minute=0 day=tomorrow"),
        ("wann klingelt mein Wecker", "alarm_left"),
        ("lösche den Wecker", "alarm_cancel"),
        ("lösche den Wecker um sieben Uhr", "alarm_cancel hour=7 minute=0"),
        ("alle wecker löschen", "alarm_cancel every=1"),
        (
            "erinnere mich um acht uhr daran die tabletten zu nehmen",
            "alarm_set hour=8 minute=0 message=die tabletten zu nehmen",
        ),
        (
            "erinnere mich morgen um neun uhr an den zahnarzt",
            "alarm_set hour=9 minute=0 day=tomorrow message=den zahnarzt",
        ),
        ("schlummern", "snooze"),
        ("noch fünf minuten schlummern", "snooze seconds=300"),
    ],
)
def test_german(text, meant):
    assert said(GERMAN, text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "Wie lange kocht man ein Ei?",
        "Was ist ein Timer?",
        "Deck den Tisch für zehn Personen",
        "Wie viele Minuten hat eine Stunde?",
        "Erinnere mich an den Sommer",
        "Wer hat den Wecker erfunden?",
        "Wie lange dauert der Film",
        "wie lange dauert es noch bis weihnachten",
        "morgen früh",
    ],
)
def test_german_near_misses(text):
    assert said(GERMAN, text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10분 타이머 맞춰 줘", "timer_set seconds=600"),
        ("십 분 타이머", "timer_set seconds=600"),
        ("타이머 오 분 설정해 줘", "timer_set seconds=300"),
        ("한 시간 반 타이머", "timer_set seconds=5400"),
        ("라면 타이머 3분", "timer_set seconds=180 name=라면"),
        ("라면 타이머를 삼 분으로 맞춰 줘", "timer_set seconds=180 name=라면"),
        ("십오 분 뒤에 깨워 줘", "timer_set seconds=900"),
        ("10분 뒤에 엄마한테 전화하라고 알려 줘", "timer_set seconds=600 message=엄마한테 전화하라고"),
        ("타이머에 2분 추가해 줘", "timer_add seconds=120"),
        ("타이머 취소", "timer_cancel"),
        ("라면 타이머 꺼 줘", "timer_cancel name=라면"),
        ("모든 타이머 취소해 줘", "timer_cancel every=1"),
        ("타이머 얼마나 남았어", "timer_left"),
        ("라면 타이머 얼마나 남았어", "timer_left name=라면"),
        ("내일 아침 일곱 시 반에 깨워 줘", "alarm_set hour=7 minute=30 day=tomorrow"),
        ("오전 7시 알람", "alarm_set hour=7 minute=0"),
        ("매일 아침 여섯 시에 알람 맞춰 줘", "alarm_set hour=6 minute=0 day=daily"),
        ("평일 오전 7시 알람 맞춰 줘", "alarm_set hour=7 minute=0 day=weekdays"),
        ("저녁 8시에 약 먹으라고 알려 줘", "alarm_set hour=20 minute=0 message=약 먹으라고"),
        ("매주 월요일 7시 알람", "alarm_set hour=7 minute=0 half=1 day=monday every=1"),
        ("7시 30분에 깨워 줘", "alarm_set hour=7 minute=30 half=1"),
        ("19시 알람", "alarm_set hour=19 minute=0"),
        ("알람 꺼", "alarm_cancel"),
        ("내일 알람 취소해 줘", "alarm_cancel day=tomorrow"),
        ("알람 언제 울려", "alarm_left"),
        ("다시 알림", "snooze"),
        ("5분만 더 잘게", "snooze seconds=300"),
    ],
)
def test_korean(text, meant):
    assert said(KOREAN, text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "계란은 몇 분 삶아",
        "타이머가 뭐야",
        "한 시간은 몇 분이야",
        "오늘 뭐 먹지",
        "내일 날씨 어때",
    ],
)
def test_korean_near_misses(text):
    assert said(KOREAN, text) is None


@pytest.mark.parametrize("intents", [ENGLISH, GERMAN, KOREAN])
def test_no_rule_and_no_list_is_missing(intents):
    """A rule that does not exist is only noticed when a sentence comes to it."""
    loaded, _ = intents._loaded
    rules = set(loaded._sentences.expansion_rules)
    lists = set(loaded._sentences.slot_lists)
    whole = str(loaded.document)
    assert set(re.findall(r"<(\w+)>", whole)) <= rules
    assert {name for name in re.findall(r"\{(\w+)(?::\w+)?\}", whole) if name != "minutes"} <= lists


@pytest.mark.parametrize("language", ["en", "de", "ko"])
def test_every_language_knows_every_intent(language):
    known = {name.replace("timer_less", "timer_add") for name in document(language)["intents"]}
    assert known >= INTENTS
    assert any(
        intent.name == "timer_set" for phrase in phrases(language) if (intent := Intents(language).match(phrase))
    )


def slots(**filled):
    return [Slot(name, value, str(value)) for name, value in filled.items()]


def row(*parts: tuple[str, float]) -> list[Slot]:
    return [Slot(name, value, str(value)) for name, value in parts]


HOUR, MINUTE, SECOND, HALF = ("unit", 3600), ("unit", 60), ("unit", 1), ("fraction", 0.5)


@pytest.mark.parametrize(
    ("parts", "seconds"),
    [
        ([("count", 1), HOUR, ("count", 2.0), MINUTE, ("count", 5), SECOND], 3725),
        ([("count", 1), HOUR, HALF], 5400),
        ([("count", 2), HALF, HOUR], 9000),
        ([HALF, HOUR], 1800),
        ([("count", 1), HOUR, HALF, ("count", 3), MINUTE], 5580),
        ([("count", 1), HOUR, HALF, MINUTE], 3630),
        ([("count", 1), ("tenths", 5), HOUR], 5400),
        ([("count", 1), ("hundredths", 25), HOUR], 4500),
        ([("count", 1), HOUR, ("count", 30)], 5400),
        ([("count", 1), MINUTE, ("count", 30)], 90),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(parts, seconds):
    assert composed("timer_set", row(*parts)) == Intent("timer_set", {"seconds": seconds})


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [("count", 5)],
        [("count", 0), MINUTE],
        [("count", 169), HOUR],
        [("count", 5), SECOND, ("count", 3)],
        [HALF],
        [("of_count", 5), ("of_unit", 60)],
    ],
)
def test_what_is_no_duration_is_no_command(parts):
    assert composed("timer_set", row(*parts)) is None


@pytest.mark.parametrize(
    ("filled", "clock"),
    [
        ({"hour": 12, "ampm": "am"}, {"hour": 0, "minute": 0}),
        ({"hour": 12, "ampm": "pm"}, {"hour": 12, "minute": 0}),
        ({"hour": 12, "ampm": "night"}, {"hour": 0, "minute": 0}),
        ({"hour": 2, "ampm": "night"}, {"hour": 2, "minute": 0}),
        ({"hour": 10, "ampm": "night"}, {"hour": 22, "minute": 0}),
        ({"hour": 1, "minute_to": 15}, {"hour": 12, "minute": 45, "half": 1}),
        ({"hour": 12, "minute_to": 15, "ampm": "am"}, {"hour": 23, "minute": 45}),
        ({"hour": 24}, {"hour": 0, "minute": 0}),
        ({"hour": 7, "exact": 1}, {"hour": 7, "minute": 0}),
        ({"hour": 19, "ampm": "pm"}, {"hour": 19, "minute": 0}),
        ({"daily": "am", "hour": 7}, {"hour": 7, "minute": 0, "day": "daily"}),
    ],
)
def test_times_of_the_day(filled, clock):
    assert composed("alarm_set", slots(**filled)) == Intent("alarm_set", clock)


@pytest.mark.parametrize(
    ("intent", "filled"),
    [
        ("timer_set", {"name": "ten minute"}),
        ("timer_set", {"name": "5"}),
        ("timer_set", {"name": "a b c d e"}),
        ("timer_set", {"message": ""}),
        ("alarm_set", {}),
        ("alarm_set", {"day": "tomorrow"}),
        ("alarm_set", {"hour": 13, "ampm": "am"}),
        ("alarm_set", {"hour": 0, "ampm": "pm"}),
        ("alarm_set", {"hour": 24, "minute": 1}),
        ("alarm_set", {"hour": 7, "ampm": "am", "daily": "pm"}),
    ],
)
def test_what_cannot_be_is_no_command(intent, filled):
    lasting = {"count": 5, "unit": 60} if intent == "timer_set" else {}
    assert composed(intent, slots(**lasting, **filled), ("minute",)) is None


NUMBERS = st.integers(-10, 10_000) | st.floats(-10, 1e6)
PARTS = (*SHARES, "unit")
NUMBERED = [*PARTS, *(f"of_{name}" for name in PARTS), "hour", "minute"]
FILLED = st.lists(
    st.builds(Slot, st.sampled_from(NUMBERED), NUMBERS, st.text())
    | st.builds(Slot, st.sampled_from(["name", "message"]), st.text(), st.text())
    | st.builds(Slot, st.just("minute_to"), st.integers(0, 60), st.text())
    | st.builds(Slot, st.sampled_from(["ampm", "daily"]), st.sampled_from(["am", "pm", "night"]), st.text())
    | st.builds(Slot, st.just("day"), st.sampled_from(["today", "monday"]), st.text()),
    max_size=8,
)


@given(st.sampled_from(sorted(INTENTS | {"timer_less"})), FILLED)
def test_any_slots_make_a_command_within_bounds_or_none(intent, filled):
    made = composed(intent, filled, ("minute",))
    if made is None:
        return
    given = made.slots
    assert made.name in INTENTS
    assert 1 <= abs(int(given.get("seconds", 1))) <= MAX_SECONDS
    assert 1 <= int(given.get("of", 1)) <= MAX_SECONDS
    assert 0 <= int(given.get("hour", 0)) <= 23
    assert 0 <= int(given.get("minute", 0)) <= 59
    assert made.name != "timer_set" or int(given["seconds"]) >= 1
    assert all(str(value).strip() for value in given.values())


@given(st.text(alphabet="ab ", max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_spaces_come_back(text, start, length):
    part = "".join(text.split())[start : start + length]
    assert squeezed(spaced(part, text)) == part
    assert spaced(part, text) in text


HOURS, MINUTES = st.integers(1, 23), st.integers(1, 59)


@given(HOURS, MINUTES, st.booleans())
def test_digits_and_words_mean_the_same(hours, minutes, words):
    from unicode_rbnf import RbnfEngine

    spell = RbnfEngine.for_language("en").format_number
    one, two = (spell(each).text if words else str(each) for each in (hours, minutes))
    intent = ENGLISH.match(f"set a timer for {one} hours and {two} minutes")
    assert intent == Intent("timer_set", {"seconds": hours * 3600 + minutes * 60})
