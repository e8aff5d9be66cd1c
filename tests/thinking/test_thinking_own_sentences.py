"""Sentences of the user's own actions: matched as a whole, after our own, in the words that are configured."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.actions import Action, Choice, FreeText, Range
from agent.thinking.intents import Intents

ROOMS = Choice({"kitchen": "kitchen", "living room": "living_room", "Küche": "k", "TV": "tv"})
LIGHT = Action(
    "light",
    "home/{room}",
    "{state}",
    slots={"room": ROOMS, "state": Choice({"on": "on", "off": "off"})},
    sentences={"": ("Turn {state} [the] {room} light[s]!", "(switch|turn) [the] {room} light[s] {state}")},
)
BLINDS = Action(
    "blinds",
    "home/blinds",
    "{level}",
    slots={"level": Range(0, 100)},
    sentences={
        "en": ("set the blinds to {level}%",),
        "de": ("Rollladen auf {level} %",),
        "ko": ("블라인드 {level} 퍼센트",),
    },
)
NOTE = Action(
    "note", "notes", "{text}", slots={"text": FreeText(30)}, sentences={"": ("note {text}", "write down {text} today")}
)
STOP = Action("stop_all", "stop", "x", sentences={"": ("stop", "emergency stop")})
GREET = Action("tea", "tea", "1", sentences={"ko": ("차 {kind} 주세요",)}, slots={"kind": Choice({"녹차 한 잔": 1})})
ACTIONS = (LIGHT, BLINDS, NOTE, STOP, GREET)
ENGLISH, GERMAN, KOREAN = (Intents(language, ("jarvis",), ACTIONS) for language in ("en", "de", "ko"))


WORDS = ["turn", "on", "the", "kitchen", "light", "note", "blinds", "40", "%"]


def said(intents: Intents, text: str) -> str | None:
    intent = intents.match(text)
    return intent and " ".join([intent.name, *(f"{name}={value}" for name, value in intent.slots.items())])


@pytest.mark.parametrize(
    ("intents", "text", "meant"),
    [
        (ENGLISH, "Turn on the kitchen light.", "action action=light state=on room=kitchen"),
        (ENGLISH, "jarvis could you turn off the TV lights please", "action action=light state=off room=TV"),
        (ENGLISH, "turn off the living room light", "action action=light state=off room=living room"),
        (ENGLISH, "switch the tv light off", "action action=light room=TV state=off"),
        (ENGLISH, "turn on the küche light", "action action=light state=on room=Küche"),
        (ENGLISH, "set the blinds to forty percent", "action action=blinds level=40"),
        (ENGLISH, "Set the blinds to 40%.", "action action=blinds level=40"),
        (GERMAN, "Rollladen auf dreißig Prozent", "action action=blinds level=30"),
        (KOREAN, "블라인드 30 퍼센트", "action action=blinds level=30"),
        (KOREAN, "차녹차한잔주세요", "action action=tea kind=녹차 한 잔"),
        (ENGLISH, "note buy milk please", "action action=note text=buy milk"),
        (ENGLISH, "write down the rent today", "action action=note text=the rent"),
        (ENGLISH, "emergency stop", "action action=stop_all"),
        # Ours come first.
        (ENGLISH, "stop", "stop"),
        # And what does not fit as a whole is none.
        (ENGLISH, "turn on the light", None),
        (ENGLISH, "turn on the cellar light", None),
        (ENGLISH, "turn on the kitchen light tomorrow", None),
        (ENGLISH, "why do people turn off the kitchen light", None),
        (ENGLISH, "set the blinds to 101 percent", None),
        (ENGLISH, "note", None),
        (ENGLISH, "note that this text is far too long to be taken down by this action", None),
        (ENGLISH, "rollladen auf dreißig prozent", None),
        (GERMAN, "set the blinds to forty percent", None),
    ],
)  # fmt: skip
def test_own_sentences(intents, text, meant):
    assert said(intents, text) == meant


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_whatever_is_matched_can_be_sent(text):
    """Not a single text may find a hole into a topic."""
    intent = ENGLISH.match(text)
    if intent is not None and intent.name == "action":
        action = next(each for each in ACTIONS if each.name == intent.slots["action"])
        topic, _ = action.message({name: value for name, value in intent.slots.items() if name != "action"})
        assert topic in ("home/kitchen", "home/living_room", "home/k", "home/tv", "home/blinds", "notes", "stop")


def test_a_miss_among_a_thousand_actions_is_cheap():
    """30 ms on the bench's machine; the bound leaves a busy one room."""
    rooms = Choice({f"room {number}": f"r{number}" for number in range(40)})
    many = [
        Action(
            f"a{number}", f"home/{number}/{{room}}", "x", slots={"room": rooms},
            sentences={"": (f"(turn|switch) on [the] {{room}} (light|lamp)[s] thing{number}",)},
        )
        for number in range(1000)
    ]  # fmt: skip
    intents = Intents("en", (), many)
    assert said(intents, "turn on room 7 light thing900") == "action action=a900 room=room 7"
    took = []
    for text in (
        "what is the capital of France",
        "can you turn on the room 7 lamp please",
        "how long do I boil an egg",
    ):
        began = time.thread_time()
        assert intents.match(text) is None
        took.append(time.thread_time() - began)
    assert max(took) < 0.2
