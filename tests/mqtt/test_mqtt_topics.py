"""Messages by the contract: topic, payload, quality and retention of everything that is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from agent.commands import Answer, ShowEvent, ShowHealth, ShowReply, ShowSetting, ShowState, ShowTimers, ShowTranscript
from agent.dialogue.timerbook import described, happened
from agent.events import Part, Status
from agent.identity import slug
from agent.mqtt.topics import EARS, Message, Show, Topics, level
from agent.timers import Timer

AT = datetime(2026, 3, 4, 5, 6, 7, 890_123, timezone(timedelta(hours=2)))
STAMP = "2026-03-04T05:06:07.890+02:00"
TOPICS = Topics("voice-agent", "kitchen", instance="af")


def shown(command: Show, topics: Topics = TOPICS) -> Message:
    message = topics.show(command, AT, {})
    assert message is not None
    return message


def body(message: Message) -> Any:
    return json.loads(message.payload)


def test_status_and_state_are_bare_words_and_retained() -> None:
    status = TOPICS.status("online")
    assert status == Message("voice-agent/kitchen/status", b"online", 1, True, properties=(("instance", "af"),))
    state = shown(ShowState("thinking", 7))
    assert state == Message(
        "voice-agent/kitchen/state", b"thinking", 1, True, properties=(("at", STAMP), ("turn", "7"))
    )


def test_a_partial_may_get_lost_and_a_final_may_not() -> None:
    partial, final = shown(ShowTranscript(3, "what", False)), shown(ShowTranscript(3, "what time", True))
    assert body(partial) == {"at": STAMP, "turn": 3, "text": "what", "final": False}
    assert (partial.qos, partial.retain, final.qos, final.retain) == (0, False, 1, False)


def test_reply_event_result_receipt_are_momentary() -> None:
    messages = [
        shown(ShowReply(3, "It is noon. Really.", "It is noon.")),
        shown(ShowEvent("wake", 3, {"word": "hey_jarvis", "score": 0.9})),
        shown(Answer("7", False, "busy", "not now")),
        TOPICS.receipt(3, {"ttfa_ms": 812, "transcript": "what time"}, AT),
    ]
    assert [(m.topic.removeprefix("voice-agent/kitchen/"), m.qos, m.retain) for m in messages] == [
        ("reply", 1, False),
        ("event/wake", 1, False),
        ("result", 1, False),
        ("turn", 1, False),
    ]
    assert body(messages[0]) == {"at": STAMP, "turn": 3, "text": "It is noon. Really.", "heard": "It is noon."}
    assert body(messages[1]) == {"at": STAMP, "turn": 3, "word": "hey_jarvis", "score": 0.9}
    assert body(messages[2]) == {
        "at": STAMP,
        "id": "7",
        "ok": False,
        "data": {},
        "error": {"code": "busy", "message": "not now"},
    }
    assert body(messages[3]) == {"at": STAMP, "turn": 3, "ttfa_ms": 812, "transcript": "what time"}


def test_a_result_that_is_fine_has_no_error_and_an_event_of_no_turn_no_turn() -> None:
    assert body(shown(Answer("7", True, data={"percent": 30}))) == {
        "at": STAMP,
        "id": "7",
        "ok": True,
        "data": {"percent": 30},
    }
    assert body(shown(ShowEvent("mute"))) == {"at": STAMP}


def test_health_is_one_message_of_all_parts() -> None:
    since = datetime(2026, 3, 4, tzinfo=UTC)
    earlier = {"mic": ShowHealth("mic", "ok", "", since), "asr": ShowHealth("asr", "loading", "model", since)}
    message = TOPICS.show(ShowHealth("asr", "failed", "died", AT), AT, earlier)
    assert message is not None
    assert message.retain
    assert body(message) == {
        "at": STAMP,
        "mic": {"status": "ok", "reason": "", "since": "2026-03-04T00:00:00.000+00:00"},
        "asr": {"status": "failed", "reason": "died", "since": STAMP},
    }


def test_a_setting_is_retained() -> None:
    message = shown(ShowSetting("volume", 70))
    assert (message.topic, message.retain, body(message)) == (
        "voice-agent/kitchen/setting/volume",
        True,
        {"at": STAMP, "value": 70, "changed": True},
    )
    assert body(shown(ShowSetting("volume", 70, changed=False)))["changed"] is False


def test_the_agent_hears_with_all_its_ears_or_not_at_all() -> None:
    since = datetime(2026, 3, 4, tzinfo=UTC)
    parts: dict[Part, ShowHealth] = {}
    assert TOPICS.hearing(parts) == Message("voice-agent/kitchen/hearing", b"offline", 1, True)
    for part in EARS:
        parts[part] = ShowHealth(part, "ok", "", since)
    assert TOPICS.hearing(parts).payload == b"online"
    changes: list[tuple[Part, Status, bytes]] = [("mic", "degraded", b"online"), ("asr", "loading", b"offline")]
    for part, status, payload in changes:
        assert TOPICS.hearing({**parts, part: ShowHealth(part, status, "", since)}).payload == payload
    assert TOPICS.hearing({**parts, "llm": ShowHealth("llm", "failed", "", since)}).payload == b"online"


def test_figures_and_models_are_retained() -> None:
    stats, models = TOPICS.stats({"xruns": 2, "ttfa_ms": None}, AT), TOPICS.models({"installed": "current"}, AT)
    assert (stats.topic, stats.retain, body(stats)) == (
        "voice-agent/kitchen/stats",
        True,
        {"at": STAMP, "xruns": 2, "ttfa_ms": None},
    )
    assert (models.topic, models.retain, body(models)["installed"]) == ("voice-agent/kitchen/models", True, "current")


def test_words_stay_at_home_where_privacy_says_so() -> None:
    silent = Topics("voice-agent", "kitchen", publish_transcript=False)
    assert silent.show(ShowTranscript(3, "my secret", True), AT, {}) is None
    assert silent.show(ShowReply(3, "my secret", ""), AT, {}) is None
    receipt = body(silent.receipt(3, {"transcript": "my secret", "reply": "my secret", "ttfa_ms": 8}, AT))
    assert receipt == {"at": STAMP, "turn": 3, "ttfa_ms": 8}
    answer = Answer("a", True, data={"outcome": "answered", "reply": "secret", "heard": "secret"})
    result = silent.show(answer, AT, {})
    assert result is not None
    assert json.loads(result.payload)["data"] == {"outcome": "answered"}


def test_what_json_or_utf8_cannot_hold_does_no_harm() -> None:
    receipt = TOPICS.receipt(3, {"a": float("inf"), "b": [float("nan"), {"c": "\ud800"}], "d": (1,)}, AT)
    assert body(receipt) == {"at": STAMP, "turn": 3, "a": None, "b": [None, {"c": "?"}], "d": [1]}


def test_only_what_stands_below_cmd_is_a_command() -> None:
    assert TOPICS.commands == "voice-agent/kitchen/cmd/#"
    assert TOPICS.command("voice-agent/kitchen/cmd/say") == "say"
    assert TOPICS.command("voice-agent/kitchen/cmd/setting/x") == "setting/x"
    assert TOPICS.command("voice-agent/bath/cmd/say") is None
    assert TOPICS.command("voice-agent/kitchen/state") is None


@pytest.mark.parametrize(("name", "as_level"), [("wake", "wake"), ("a/b", "a-b"), ("+", "-"), ("#", "-"), ("", "-")])
def test_a_name_is_one_level_of_a_topic(name: str, as_level: str) -> None:
    assert level(name) == as_level


@pytest.mark.parametrize(
    ("host", "device"),
    [
        ("Kitchen.local", "kitchen"),
        ("my pi!", "my-pi"),
        ("küche", "k-che"),
        ("", "voice-agent"),
        ("x" * 99, "x" * 64),
        ("Room.local", "room-device"),  # where the devices of a room meet
    ],
)
def test_a_host_name_becomes_the_name_of_a_device(host: str, device: str) -> None:
    assert slug(host) == device


def timer(name: str, message: str) -> Timer:
    return Timer("1a", "timer", name, message, AT, 60.0, 300, (), "", AT)


def test_timers_are_retained_and_say_what_is_next() -> None:
    message = shown(ShowTimers((timer("tea", ""),)))
    assert (message.topic.rsplit("/", 1)[1], message.retain) == ("timers", True)
    told = body(message)
    assert told["next"] == AT.isoformat(timespec="seconds")
    assert told["timers"] == [
        {"id": "1a", "kind": "timer", "name": "tea", "message": "", "due": told["next"], "seconds": 300, "days": [],
         "ringing": False}
    ]  # fmt: skip
    assert body(shown(ShowTimers(())))["next"] is None
    assert body(shown(ShowTimers((timer("tea", ""),), ringing=("1a",))))["next"] is None


def test_what_timers_are_called_is_as_private_as_what_is_said() -> None:
    private = Topics("voice-agent", "kitchen", publish_transcript=False)
    secret = timer("secret", "call secret")
    commands: tuple[Show, ...] = (
        ShowTimers((secret,)),
        happened(secret, "set"),
        Answer("1", ok=True, data={"timers": (described(secret),)}),
        ShowEvent("intent", 1, {"name": "timer_set", "called": "secret", "message": "secret"}),
    )
    for command in commands:
        assert b"secret" in shown(command).payload
        assert b"secret" not in shown(command, private).payload
