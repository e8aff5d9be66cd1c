"""The announcement to Home Assistant: held against its rules, and its entities against what the agent really shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from discovery_rules import complaints
from home_assistant import UNKNOWN, State, Thing
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.commands import ShowEvent, ShowHealth, ShowReply, ShowSetting, ShowState, ShowTimers, ShowTranscript
from agent.events import Part, Phase
from agent.mqtt.commands import Accepted, parse
from agent.mqtt.discovery import message, payload
from agent.mqtt.entities.entity import Facts
from agent.mqtt.outbox import MAX_PAYLOAD
from agent.mqtt.topics import Message, Show, Topics
from agent.requests import (
    AskRequest,
    DoctorRequest,
    ListenRequest,
    Request,
    RestartRequest,
    SayRequest,
    SettingRequest,
    StopRequest,
)
from agent.settings import SETTINGS, Choice
from agent.timers import Timer

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TOPICS = Topics("voice-agent", "kitchen")
CHOICES = tuple(name for name, setting in SETTINGS.items() if isinstance(setting.kind, Choice))
OPTIONS = {
    "wake_word": ("hey_jarvis", "alexa"),
    "voice": ("en_US-joe-medium",),
    "llm_profile": ("home", "cloud"),
    "persona": ("Jarvis", "Eve"),
    "language": ("en", "ko"),
}
FACTS = Facts("0.1.0", "Raspberry Pi 5 Model B Rev 1.0", "Kitchen", OPTIONS, has_llm=True, has_button=True)

names = st.lists(st.text(max_size=300), max_size=300).map(tuple)
texts = st.text(max_size=500)
facts = st.builds(
    Facts,
    version=st.just("0.1.0"),
    model=texts,
    area=texts,
    options=st.fixed_dictionaries({}, optional=dict.fromkeys(CHOICES, names)),
    has_llm=st.booleans(),
    has_button=st.booleans(),
)
addresses = st.builds(
    Topics,
    base=st.text(st.characters(exclude_characters="#+\0", exclude_categories=("Cs",)), min_size=1, max_size=100),
    device=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    publish_transcript=st.booleans(),
)


class Home:
    """Home Assistant with this one device. `told`: what is retained."""

    def __init__(self, topics: Topics = TOPICS, facts: Facts = FACTS) -> None:
        self.topics = topics
        components = payload(topics, facts)["components"]
        self.things = {key: Thing(component) for key, component in components.items() if len(component) > 1}
        self.parts: dict[Part, ShowHealth] = {}
        self.told: dict[str, bytes] = {}

    def hear(self, message: Message | None) -> None:
        if message is None:
            return
        if message.retain:
            self.told[message.topic] = message.payload
        for thing in self.things.values():
            thing.receive(self.topics.root, message.topic, message.payload)

    def show(self, command: Show) -> None:
        self.hear(self.topics.show(command, AT, self.parts))
        if isinstance(command, ShowHealth):
            self.parts[command.part] = command
            self.hear(self.topics.hearing(self.parts))

    def well(self, *parts: Part) -> None:
        for part in parts:
            self.show(ShowHealth(part, "ok", "", AT))

    def state(self, key: str) -> str:
        return self.things[key].this.state

    def attributes(self, key: str) -> Mapping[str, Any]:
        return self.things[key].this.attributes

    def available(self, key: str) -> bool:
        return self.things[key].available(self.topics.root, self.told)

    def press(self, key: str, value: object = "PRESS") -> Request:
        """The request that the agent takes from it."""
        config = self.things[key].config
        sent = self.things[key].command(config.get("payload_press", value))
        parsed = parse(str(config["command_topic"]).removeprefix("~/cmd/"), sent)
        assert isinstance(parsed, Accepted), parsed
        return parsed.request


def absent(components: Mapping[str, Any]) -> set[str]:
    return {key for key, component in components.items() if component.keys() == {"platform"}}


# ---------------------------------------------------------------- the message


@settings(deadline=None)
@given(addresses, facts, st.from_regex(r"[a-z]{1,100}", fullmatch=True))
def test_home_assistant_has_nothing_to_complain_of(topics: Topics, facts: Facts, prefix: str) -> None:
    announced = message(topics, prefix, facts)
    assert complaints(prefix, announced.topic, json.loads(announced.payload)) == []
    assert len(announced.payload) < MAX_PAYLOAD
    assert announced.retain


def test_the_longest_names_there_can_be_leave_room_in_the_packet() -> None:
    many = tuple(f"{number:03}{'ü' * 240}" for number in range(200))
    facts = Facts("0.1.0", "x" * 500, "𝄞" * 500, dict.fromkeys(CHOICES, many), has_llm=True, has_button=True)
    announced = message(Topics("𝄞" * 100, "x" * 64), "𝄞" * 100, facts)
    assert len(announced.payload) < MAX_PAYLOAD
    offered = json.loads(announced.payload)["components"]["voice"]["options"]
    assert offered[0] == many[0]
    assert len(offered) == 5
    voices = tuple(f"en_US-voice{number:03}-medium" for number in range(120))
    facts = Facts("0.1.0", options={"voice": voices})
    assert payload(TOPICS, facts)["components"]["voice"]["options"] == list(voices)


def test_everything_that_was_asked_for_is_there() -> None:
    components = payload(TOPICS, FACTS)["components"]
    kinds: dict[str, set[str]] = {}
    for key, component in components.items():
        kinds.setdefault(component["platform"], set()).add(key)
    assert absent(components) == set()
    assert kinds == {
        "sensor": {
            "state",
            "last_transcript",
            "last_reply",
            "next_timer",
            "time_to_first_audio",
            "xruns",
            "wakes_today",
        },
        "binary_sensor": {"hearing", "llm", "in_conversation"},
        "switch": {"mute", "follow_up", "barge_in", "do_not_disturb"},
        "number": {"volume", "night_volume", "wake_threshold", "silence"},
        "select": {"wake_word", "voice", "llm_profile", "persona", "language"},
        "button": {"listen", "stop", "doctor", "restart"},
        "text": {"ask"},
        "notify": {"say"},
        "event": {"event_wake", "event_intent", "event_button", "event_error", "event_examined", "event_timer"},
        "update": {"models"},
    }
    assert set(SETTINGS) <= set(components)


def test_ids_stay_whatever_changes() -> None:
    def ids(topics: Topics, facts: Facts) -> dict[str, tuple[str, str]]:
        components = payload(topics, facts)["components"]
        return {key: (each["unique_id"], each["default_entity_id"]) for key, each in components.items() if "~" in each}

    before = ids(TOPICS, FACTS)
    after = ids(Topics("home/voice", "kitchen", publish_transcript=False, instance="x"), Facts("9.9", has_llm=True))
    assert set(after.items()) <= set(before.items())
    assert before["state"] == ("voice-agent-kitchen-state", "sensor.voice_agent_kitchen_state")
    assert not set(before.values()) & set(ids(Topics("voice-agent", "bath"), FACTS).values())


@pytest.mark.parametrize(
    ("facts", "gone"),
    [
        (Facts("1", options=OPTIONS, has_button=True), {"llm"}),
        (Facts("1", options=OPTIONS, has_llm=True), {"event_button"}),
        (Facts("1", has_llm=True, has_button=True), {"wake_word", "voice", "llm_profile", "persona", "language"}),
    ],
)
def test_what_the_device_has_not_is_an_empty_component(facts: Facts, gone: set[str]) -> None:
    assert absent(payload(TOPICS, facts)["components"]) == gone


def test_without_transcripts_there_is_nothing_to_show_them() -> None:
    topics = Topics("voice-agent", "kitchen", publish_transcript=False)
    assert absent(payload(topics, FACTS)["components"]) == {"last_transcript", "last_reply"}


def test_commands_are_acknowledged_and_never_retained() -> None:
    for component in payload(TOPICS, FACTS)["components"].values():
        assert (component["qos"], component["encoding"], component.get("retain", False)) == (1, "utf-8", False)


def test_the_device_is_named_for_people_and_stands_in_its_room() -> None:
    device = payload(Topics("voice-agent", "living-room_2"), FACTS)["device"]
    assert device["name"] == "Voice agent living room 2"
    assert device["identifiers"] == ["voice-agent-living-room_2"]
    assert device["suggested_area"] == "Kitchen"
    plain = payload(Topics("voice-agent", "voice-agent"), Facts("1"))
    assert plain["device"]["name"] == "Voice agent"
    assert "suggested_area" not in plain["device"]
    assert plain["components"]["state"]["default_entity_id"] == "sensor.voice_agent_state"


def test_the_checker_sees_what_home_assistant_would() -> None:
    def complaints_of(key: str, **change: Any) -> list[str]:
        whole = payload(TOPICS, FACTS)
        whole["components"][key] = {**whole["components"][key], **change}
        return complaints("ha", "ha/device/x/config", whole)

    assert complaints_of("state") == []
    assert complaints_of("state", stat_topic="x") == ["state: stat_topic is dropped without a word"]
    assert complaints_of("state", unit_of_measurement="ms")
    assert complaints_of("xruns", state_class="rising")
    assert complaints_of("xruns", entity_category="config")
    assert complaints_of("time_to_first_audio", unit_of_measurement="m")
    assert complaints_of("volume", min=101)
    assert complaints_of("voice", options=["none"])
    assert complaints_of("listen", command_topic="a/#")
    assert complaints_of("listen", retain=True)
    assert complaints_of("ask", max=256)
    assert complaints_of("mute", unique_id="voice-agent-kitchen-stop")
    assert complaints_of("mute", availability=[{"topic": "~/status"}])
    assert complaints("ha", "ha/device/a b/config", payload(TOPICS, FACTS))


# ---------------------------------------------------------------- what the agent shows


def test_a_turn_as_home_assistant_sees_it() -> None:
    home = Home()
    assert home.state("in_conversation") == UNKNOWN
    phases: list[tuple[Phase, str]] = [("listening", "on"), ("thinking", "on"), ("speaking", "on"), ("idle", "off")]
    for phase, conversing in phases:
        home.show(ShowState(phase, 1))
        assert (home.state("state"), home.state("in_conversation")) == (phase, conversing)


def test_partials_leave_the_last_transcript_alone() -> None:
    home = Home()
    home.show(ShowTranscript(1, "what", final=False))
    assert home.state("last_transcript") == UNKNOWN
    home.show(ShowTranscript(1, "what time is it", final=True))
    home.show(ShowTranscript(2, "tell", final=False))
    assert home.state("last_transcript") == "what time is it"
    at = AT.isoformat(timespec="milliseconds")
    assert home.attributes("last_transcript") == {"text": "what time is it", "turn": 1, "at": at}
    home.things["last_transcript"].this = State("unavailable")
    home.show(ShowTranscript(2, "tell", final=False))
    assert home.state("last_transcript") == UNKNOWN


@settings(deadline=None)
@given(st.text(max_size=2000))
def test_long_and_strange_texts_are_states_and_stand_whole_in_the_attributes(text: str) -> None:
    home = Home()
    home.show(ShowTranscript(1, text, final=True))
    home.show(ShowReply(1, text, "heard"))
    shown = text.encode(errors="replace").decode()
    for key in ("last_transcript", "last_reply"):
        assert home.attributes(key)["text"] == shown
        assert home.state(key) in (shown[:255].strip(), UNKNOWN)
    assert home.attributes("last_reply")["heard"] == "heard"


def test_figures_come_from_stats_and_their_story_from_the_receipt() -> None:
    home = Home()
    home.hear(TOPICS.stats({"xruns": 0, "wakes_today": 3, "ttfa_ms": None}, AT))
    assert [home.state(key) for key in ("xruns", "wakes_today", "time_to_first_audio")] == ["0", "3", UNKNOWN]
    home.hear(TOPICS.stats({"xruns": 1, "wakes_today": 4, "ttfa_ms": 812}, AT))
    home.hear(TOPICS.receipt(1, {"outcome": "answered", "blame": "endpoint", "stages_ms": {"endpoint": 600}}, AT))
    assert home.state("time_to_first_audio") == "812"
    assert home.attributes("time_to_first_audio")["blame"] == "endpoint"
    home.hear(TOPICS.receipt(2, {}, AT))
    assert home.attributes("time_to_first_audio")["blame"] is None


def test_process_up_and_hearing_are_two_facts() -> None:
    home = Home()
    assert not home.available("stop")
    home.hear(TOPICS.status("online"))
    assert (home.available("stop"), home.available("listen")) == (True, False)
    home.well("mic", "wake")
    assert not home.available("event_wake")
    home.well("asr")
    assert (home.available("listen"), home.available("event_wake"), home.state("hearing")) == (True, True, "off")
    home.show(ShowHealth("mic", "failed", "unplugged", AT))
    assert (home.available("listen"), home.available("mute"), home.state("hearing")) == (False, True, "on")
    assert home.attributes("hearing")["mic"]["reason"] == "unplugged"
    assert set(home.attributes("hearing")) == {"mic", "wake", "asr"}
    home.hear(TOPICS.status("offline"))
    assert not home.available("mute")


def test_the_language_model_is_known_to_be_there_or_not() -> None:
    home = Home()
    home.well("mic")
    assert home.state("llm") == UNKNOWN
    home.well("llm")
    assert home.state("llm") == "on"
    home.show(ShowHealth("llm", "failed", "refused", AT))
    assert (home.state("llm"), home.attributes("llm")["reason"]) == ("off", "refused")
    home.show(ShowHealth("llm", "loading", "", AT))
    assert home.state("llm") == UNKNOWN


def test_events_carry_what_happened() -> None:
    home = Home()
    home.show(ShowEvent("wake", 3, {"word": "hey_jarvis", "score": 0.91}))
    home.show(ShowEvent("intent", 3, {"name": "volume", "percent": 30}))
    home.show(ShowEvent("error", None, {"code": "mqtt.flood", "dropped": 3}))
    home.show(ShowEvent("button", None, {"action": "mute"}))
    home.show(ShowEvent("examined", None, {"failures": 1}))
    home.show(ShowEvent("timer", None, {"action": "ringing", "name": "tea"}))
    told = {key: thing.events for key, thing in home.things.items() if key.startswith("event_")}
    assert [len(events) for events in told.values()] == [1, 1, 1, 1, 1, 1]
    assert (told["event_timer"][0]["action"], told["event_timer"][0]["name"]) == ("ringing", "tea")
    assert told["event_wake"][0]["word"] == "hey_jarvis"
    assert told["event_intent"][0]["percent"] == 30
    assert told["event_examined"][0]["failures"] == 1
    assert told["event_error"][0]["code"] == "mqtt.flood"


def test_the_next_timer_is_a_moment_and_all_are_attributes() -> None:
    home = Home()
    home.show(ShowTimers(()))
    assert home.state("next_timer") == UNKNOWN
    tea = Timer("1a", "timer", "tea", "", AT + timedelta(minutes=5), 300.0, 300, (), "", AT)
    alarm = Timer("2b", "alarm", "", 'say "now"', AT + timedelta(hours=9), None, 0, (0, 4), "", AT, (6, 45))
    home.show(ShowTimers((tea, alarm)))
    assert datetime.fromisoformat(home.state("next_timer")) == tea.due
    attributes = home.attributes("next_timer")
    assert attributes["count"] == 2
    assert attributes["timers"][1]["days"] == ["monday", "friday"]
    assert attributes["timers"][1]["message"] == 'say "now"'
    home.show(ShowTimers((tea, alarm), ringing=("1a",)))
    assert datetime.fromisoformat(home.state("next_timer")) == alarm.due


def test_models_are_those_of_the_catalogue_or_an_update() -> None:
    home = Home()
    home.hear(TOPICS.models({"installed": "current", "latest": "current", "outdated": [], "remedy": ""}, AT))
    assert home.state("models") == "off"
    home.hear(TOPICS.models({"installed": "a 1", "latest": "a 2", "outdated": ["a"], "remedy": "install a"}, AT))
    assert (home.state("models"), home.attributes("models")["outdated"]) == ("on", ["a"])


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("mute", True, "on"),
        ("follow_up", False, "off"),
        ("do_not_disturb", None, UNKNOWN),
        ("volume", 30, "30"),
        ("wake_threshold", 0.45, "0.45"),
        ("wake_threshold", 0.01, UNKNOWN),
        ("silence", 600, "600"),
        ("silence", None, UNKNOWN),
        ("voice", "en_US-joe-medium", "en_US-joe-medium"),
        ("voice", None, UNKNOWN),
        ("language", "ko", "ko"),
    ],
)
def test_a_setting_as_it_is_shown(name: str, value: str | float | bool | None, state: str) -> None:
    home = Home()
    home.show(ShowSetting(name, value, changed=True))
    assert home.state(name) == state
    assert home.attributes(name) == {"changed": True}


@pytest.mark.parametrize(
    ("name", "sent", "value"),
    [
        ("mute", '{"value": true}', True),
        ("volume", 30, 30),
        ("wake_threshold", 0.45, 0.45),
        ("wake_word", "alexa", "alexa"),
        ("persona", 'Eve "the \\ second"', 'Eve "the \\ second"'),
    ],
)
def test_a_setting_as_somebody_changes_it(name: str, sent: object, value: object) -> None:
    assert Home().press(name, sent) == SettingRequest(name, value)  # type: ignore[arg-type]


@settings(deadline=None)
@given(names)
def test_options_are_what_comes_back(choices: tuple[str, ...]) -> None:
    facts = Facts("1", options=dict.fromkeys(CHOICES, choices))
    home = Home(facts=facts)
    for name in [name for name in CHOICES if name in home.things]:
        for option in home.things[name].config["options"][:5]:
            home.show(ShowSetting(name, option))
            assert home.state(name) == option
            sent = json.loads(home.things[name].command(option))
            assert sent == {"value": option}


# ---------------------------------------------------------------- what somebody asks for


def test_buttons_and_words_are_commands_that_the_agent_takes() -> None:
    home = Home()
    assert home.press("listen") == ListenRequest()
    assert home.press("stop") == StopRequest()
    assert home.press("doctor") == DoctorRequest()
    assert home.press("restart") == RestartRequest()
    assert home.press("ask", "Is it going to rain?") == AskRequest("Is it going to rain?")


@settings(deadline=None)
@given(st.text(min_size=1, max_size=300).filter(lambda text: text.strip() and "\0" not in text))
def test_whatever_is_to_be_said_arrives_as_it_was_typed(text: str) -> None:
    request = Home().press("say", text)
    assert isinstance(request, SayRequest)
    assert request.text == text
