"""The Hermes protocol: turns as sessions, announcements in and their ends out, and nothing of another site."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_rig import Broker, Observer, Rig, configure

from agent.clock import now
from agent.commands import Answer, Outcome, ShowEvent, ShowReply, ShowState, ShowTranscript
from agent.events import Instant, Requested
from agent.mqtt.commands import MAX_BYTES
from agent.mqtt.happenings import Received
from agent.mqtt.hermes import MAX_SAYS, REASONS, SAID, SAY, Hermes
from agent.mqtt.intake import BURST
from agent.mqtt.payloads import MAX_ID, MAX_TEXT
from agent.mqtt.topics import Message, Topics
from agent.requests import SayRequest

STARTED, ENDED = "hermes/dialogueManager/sessionStarted", "hermes/dialogueManager/sessionEnded"
WHERE = {"siteId": "kitchen", "sessionId": "kitchen-af-7"}


def hermes(publish_transcript: bool = True) -> Hermes:
    return Hermes(Topics("voice-agent", "kitchen", publish_transcript, instance="af"), 0.6)


def at(mono: float = 0.0) -> Instant:
    return Instant(mono, now().wall)


def say(site: str = "kitchen", text: Any = "Dinner is ready.", **more: Any) -> Received:
    return Received(SAY, json.dumps({"text": text, "siteId": site, **more}).encode(), retain=False)


def told(*messages: Message) -> list[tuple[str, Any]]:
    return [(message.topic, json.loads(message.payload)) for message in messages]


def request(bridge: Hermes, received: Received) -> Requested:
    [made] = bridge.take(received, at())
    assert isinstance(made, Requested)
    return made


# ---------------------------------------------------------------- what we say


def test_a_turn_is_a_session() -> None:
    bridge = hermes()
    assert told(*bridge.show(ShowEvent("wake", 7, {"word": "hey_jarvis", "score": 0.9}))) == [
        (
            "hermes/hotword/hey_jarvis/detected",
            {
                "modelId": "hey_jarvis",
                "modelVersion": "",
                "modelType": "universal",
                "currentSensitivity": 0.6,
                "siteId": "kitchen",
            },
        )
    ]
    assert told(*bridge.show(ShowState("listening", 7))) == [(STARTED, {"customData": "", **WHERE})]
    assert bridge.show(ShowTranscript(7, "what", final=False)) == ()
    assert told(*bridge.show(ShowTranscript(7, "what time is it", final=True))) == [
        ("hermes/asr/textCaptured", {"text": "what time is it", "likelihood": 1.0, "seconds": 0.0, **WHERE})
    ]
    assert bridge.show(ShowState("thinking", 7)) == ()
    assert bridge.show(ShowState("speaking", 7)) == ()
    assert bridge.show(ShowReply(7, "It is noon.", "It is noon.")) == ()
    assert told(*bridge.ended(7, {"outcome": "answered"})) == [
        (ENDED, {"termination": {"reason": "nominal"}, "customData": "", **WHERE})
    ]
    assert bridge.ended(7, {"outcome": "answered"}) == (), "once"


def test_a_typed_question_is_a_session_though_nobody_listened() -> None:
    topics = [message.topic for message in hermes().show(ShowTranscript(7, "what time is it", final=True))]
    assert topics == [STARTED, "hermes/asr/textCaptured"]


def test_an_announcement_is_none() -> None:
    bridge = hermes()
    assert bridge.show(ShowState("speaking", 7)) == ()
    assert bridge.ended(7, {"outcome": "answered"}) == ()


def test_an_interrupted_session_ends_after_the_next_began() -> None:
    bridge = hermes()
    bridge.show(ShowState("listening", 7))
    bridge.show(ShowState("listening", 8))
    [first] = bridge.ended(7, {"outcome": "interrupted"})
    [second] = bridge.ended(8, {"outcome": "silence"})
    assert json.loads(first.payload)["termination"] == {"reason": "abortedByUser"}
    assert json.loads(second.payload)["termination"] == {"reason": "timeout"}


def test_every_outcome_has_a_reason_that_hermes_knows() -> None:
    assert set(REASONS) == set(get_args(Outcome))
    assert set(REASONS.values()) <= {"nominal", "abortedByUser", "intentNotRecognized", "timeout", "error"}


def test_no_words_leave_where_privacy_forbids_them() -> None:
    messages = hermes(publish_transcript=False).show(ShowTranscript(7, "secret", final=True))
    assert [message.topic for message in messages] == [STARTED]


def test_a_word_of_any_name_is_one_level_of_a_topic() -> None:
    [message] = hermes().show(ShowEvent("wake", 1, {"word": "/my/#+"}))
    assert message.topic == "hermes/hotword/-my---/detected"


# ---------------------------------------------------------------- what we are asked


def test_an_announcement_is_said_and_its_end_told() -> None:
    bridge = hermes()
    asked = request(bridge, say(id="41", sessionId="s-1", lang="en", volume=1.0))
    assert asked.request == SayRequest("Dinner is ready.")
    assert asked.id is not None
    answer = Answer(asked.id, ok=True)
    assert bridge.owns(answer)
    assert told(*bridge.show(answer)) == [(SAID, {"id": "41", "siteId": "kitchen", "sessionId": "s-1"})]
    assert bridge.show(answer) == (), "once"


@pytest.mark.parametrize("more", [{}, {"id": None, "sessionId": None}, {"id": ""}])
def test_ids_are_the_senders_to_choose_or_to_leave_out(more: dict[str, Any]) -> None:
    bridge = hermes()
    first, second = request(bridge, say(**more)), request(bridge, say(**more))
    assert first.id != second.id, "two announcements, though they are alike"
    assert told(*bridge.show(Answer(first.id or "", False, "quiet"))) == [
        (SAID, {"id": "", "siteId": "kitchen", "sessionId": ""})
    ]


def test_nobodys_id_is_taken_for_ours() -> None:
    assert not hermes().owns(Answer("41", ok=True))
    assert not hermes().owns(Answer("hermes" + "-" * (MAX_ID - 6), ok=True))
    assert hermes().show(Answer("41", ok=True)) == ()


def test_what_is_meant_for_another_site_is_not_ours() -> None:
    bridge = hermes()
    assert bridge.take(say(site="default"), at()) == ()
    assert bridge.take(Received(SAY, b'{"text": "Hello"}', retain=False), at()) == (), "no site is the site default"
    assert bridge.dropped == 0


@pytest.mark.parametrize("text", ["", " \n", "a\0b", "x" * (MAX_TEXT + 1)])
def test_a_text_that_cannot_be_said_is_finished_at_once(text: str) -> None:
    bridge = hermes()
    [made] = bridge.take(say(text=text, id="9"), at())
    assert isinstance(made, Message)
    assert told(made) == [(SAID, {"id": "9", "siteId": "kitchen", "sessionId": ""})]
    assert bridge.dropped == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"text": 3, "siteId": "kitchen"}',
        b'{"siteId": "kitchen"}',
        b'{"text": "\xff", "siteId": "kitchen"}',
        b'{"text": "a", "siteId": "kitchen", "id": "' + b"x" * 201 + b'"}',
        b'{"text": "' + b"x" * MAX_BYTES + b'", "siteId": "kitchen"}',
        b"[" * 4000,
    ],
)
def test_nonsense_is_dropped(payload: bytes) -> None:
    bridge = hermes()
    assert bridge.take(Received(SAY, payload, retain=False), at()) == ()
    assert bridge.dropped == 1


def test_a_retained_announcement_is_not_said() -> None:
    bridge = hermes()
    assert bridge.take(Received(SAY, say().payload, retain=True), at()) == ()
    assert bridge.dropped == 1


def test_a_flood_is_held_back_and_forgotten() -> None:
    bridge = hermes()
    made = [each for _ in range(1000) for each in bridge.take(say(), at())]
    assert len(made) == BURST
    for second in range(1, 100):
        bridge.take(say(), at(float(second)))
    assert len(bridge._says) == MAX_SAYS


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_payload_raises(payload: bytes) -> None:
    made = hermes().take(Received(SAY, payload, retain=False), at())
    assert made == () or b"kitchen" in payload


@given(st.text(max_size=50), st.text(max_size=50))
def test_any_text_in_json_is_said_or_finished(text: str, id: str) -> None:
    [made] = hermes().take(say(text=text, id=id), at())
    if isinstance(made, Requested):
        assert made.request == SayRequest(text)
    else:
        assert json.loads(made.payload)["id"] == id


# ---------------------------------------------------------------- with a broker


@pytest.mark.room
def test_over_a_broker(broker: Broker, rigs: Callable[..., Rig], observers: Callable[..., Observer]) -> None:
    home = observers(broker.port)
    rig = rigs(configure(broker.port, mqtt={"hermes": True}))
    rig.show_all()
    rig.health("ok")
    home.publish(SAY, say(id="41").payload)
    asked = rig.request(SayRequest)
    rig.session.show(ShowState("listening", 7))
    rig.session.receipt(7, {"outcome": "failed"})
    rig.session.show(Answer(asked.id or "", ok=True))
    rig.session.show(Answer("own", ok=True))
    assert home.wait("result").json["id"] == "own", "nobody but Hermes hears of what it asked"
    heard = {seen.topic: seen.json for seen in home.seen if seen.topic.startswith("hermes/") and seen.topic != SAY}
    assert list(heard) == [STARTED, ENDED, SAID]
    assert heard[SAID]["id"] == "41"
    assert heard[ENDED]["termination"] == {"reason": "error"}


@pytest.mark.room
def test_it_is_off_unless_it_is_wanted(
    broker: Broker, rigs: Callable[..., Rig], observers: Callable[..., Observer]
) -> None:
    home = observers(broker.port)
    rig = rigs(configure(broker.port))
    rig.show_all()
    rig.health("ok")
    home.publish(SAY, say().payload)
    home.flush()  # so that it comes before what the rig tells
    rig.session.show(ShowState("listening", 7))
    rig.session.show(Answer("last", ok=True))
    home.wait("result")
    assert [topic for topic in home.topics() if topic.startswith("hermes/")] == [SAY]
    assert rig.requests() == []
