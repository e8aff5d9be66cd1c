"""Which rooms a change of the configuration replaces."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config, Intents, WyomingSection
from agent.daemon.daemon import heard_at
from agent.daemon.plan import EVERY, Plan, cast_of, changed_keys, recogniser_specs, rules_of, stale
from agent.dialogue.cast import Cast
from agent.dialogue.quiet import Hours
from agent.dialogue.state import PartHealth, State
from agent.engines import AsrChoice, Engines, PersonaEngines, TtsChoice, WakeChoice

HEARING = {"recogniser", "ear"}


NARI = {"wake": "alexa", "language": "ko"}


def with_persona(**changes: Any) -> Plan:
    """Beside [persona] one with engines of its own."""
    persona = {**NARI, **changes}
    made = plan({"personas": {"nari": persona}})
    espeak = persona.get("voice") == "espeak-ng"
    own = PersonaEngines(AsrChoice("vosk", Path("ko")), TtsChoice("espeak", None) if espeak else made.engines.tts, None)
    return Plan(made.config, replace(made.engines, others={"nari": own}))


def plan(document: dict[str, Any], voice: str = "joe") -> Plan:
    config = Config(**document)
    wake = WakeChoice("hey_jarvis", "openwakeword", Path("jarvis.onnx"), config.wake.threshold)
    return Plan(config, Engines((wake,), AsrChoice("vosk", Path("small")), TtsChoice("piper", Path(voice)), None))


@pytest.mark.parametrize(
    ("document", "replaced"),
    [
        ({"log": {"level": "DEBUG"}}, set()),
        ({"conversation": {"history_turns": 2}}, set()),
        ({"intents": {"local_first": False}}, set()),
        ({"privacy": {"keep_receipts": False}}, set()),
        ({"audio": {"speaker": {"volume_percent": 10}}}, set()),
        ({"llm": {"profiles": {"unused": {"base_url": "http://localhost/v1"}}}}, set()),
        ({"tools": {"mcp": {"home": {"url": "http://localhost/mcp"}}}}, {"thinker"}),
        ({"privacy": {"publish_transcript": False}}, {"session"}),
        ({"mqtt": {"keepalive_s": 20}}, {"session"}),
        ({"wake": {"threshold": 0.7}}, {"ear"}),
        ({"endpoint": {"silence_ms": 500}}, {"ear"}),
        ({"asr": {"grammar": ["lights on"]}}, HEARING),
        ({"wake": {"words": [{"model": "alexa"}]}}, HEARING),
        ({"tts": {"rate": 1.2}}, {"voice"}),
        ({"audio": {"speaker": {"device": "hw:CARD=X"}}}, {"voice"}),
        ({"persona": {"prompt": "Be brief."}}, {"thinker"}),
        ({"panel": {"board": "respeaker-2mic"}}, {"panel"}),
        ({"persona": {"language": "de"}}, {"thinker", "voice"}),
        ({"audio": {"mic": {"gain_db": 3.0}}}, {"capture", "ear"}),
        ({"audio": {"echo_cancellation": False}}, {"ear", "voice"}),
        ({"conversation": {"stop_word": False}}, {"ear"}),
    ],
)
def test_a_change_replaces_the_rooms_that_live_from_it_and_no_other(
    document: dict[str, Any], replaced: set[str]
) -> None:
    assert stale(plan({}), plan(document)) == replaced
    assert stale(plan(document), plan({})) == replaced


def test_a_broker_that_is_switched_off_takes_the_session_with_it_and_is_then_nobodys_business() -> None:
    off = plan({"mqtt": {"enabled": False}})
    assert stale(plan({}), off) == {"session"}
    assert stale(off, plan({"mqtt": {"enabled": False, "keepalive_s": 20}})) == set()


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"mqtt": {"device": "hall"}}, {"thinker", "session"}),
        ({"home_assistant": {"discovery": False}}, {"thinker", "session"}),
        ({"conversation": {"history_s": 5}}, {"thinker"}),
    ],
)
def test_who_asks_home_assistant_lives_from_more(change: dict[str, Any], replaced: set[str]) -> None:
    house = {"kind": "home_assistant", "base_url": "http://ha.local:8123", "api_key": "token"}
    llm = {"llm": {"use": ["house"], "profiles": {"house": house}}}
    assert stale(plan(llm), plan({**llm, **change})) == replaced


def test_a_voice_that_was_installed_since_is_taken() -> None:
    assert stale(plan({}), plan({}, voice="amy")) == {"voice"}


def test_every_room_has_a_recipe() -> None:
    documents: list[dict[str, Any]] = [
        {"audio": {"mic": {"gain_db": 3.0}, "speaker": {"latency_ms": 80}}},
        {"asr": {"load": "first_use"}, "mqtt": {"port": 1884}, "persona": {"prompt": "x"}},
        {"panel": {"brightness_percent": 10}},
        {"web": {"enabled": True}},
        {"wyoming": {"enabled": True}},
    ]
    changed = itertools.chain.from_iterable(stale(plan({}), plan(document)) for document in documents)
    assert set(changed) == EVERY


def test_the_manners_of_conversation_come_from_the_configuration() -> None:
    document: dict[str, Any] = {
        "conversation": {"barge_in": False, "follow_up": True, "follow_up_ms": 2500},
        "room": {"quiet_from": "00:00", "quiet_to": "07:00", "night_volume_percent": 12},
    }
    rules = rules_of(Config(**document))
    assert (rules.barge_in, rules.follow_up, rules.night_volume) == (False, 2.5, 12)
    assert rules.quiet == Hours(time(0), time(7))
    usual = rules_of(Config())
    assert (usual.barge_in, usual.follow_up, usual.quiet, usual.local_first) == (True, None, None, True)
    assert not rules_of(Config(intents=Intents(local_first=False))).local_first
    assert stale(plan({}), plan(document)) == set(), "no room has to be replaced"


def test_changed_keys_are_named_as_in_the_file() -> None:
    new: dict[str, Any] = {"audio": {"mic": {"gain_db": 3.0}}, "log": {"rooms": {"mqtt": "DEBUG"}}}
    assert changed_keys(Config(), Config(**new)) == ("audio.mic.gain_db", "log.rooms", "log.rooms.mqtt")
    assert changed_keys(Config(), Config()) == ()


def test_an_ear_that_hangs_is_noticed_also_while_the_microphone_is_away() -> None:
    since = PartHealth("failed", "unplugged", datetime.now(UTC))
    away = State(health={"mic": since})
    assert heard_at(turned_at=50.0, progress=10.0, state=away) == 50.0
    assert heard_at(turned_at=50.0, progress=10.0, state=State()) == 10.0


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"name": "Nari"}, set()),
        ({"wake": None}, set()),
        ({"prompt": "Be brief."}, {"thinker"}),
        ({"llm": []}, {"thinker"}),
        ({"grammar": ["불 켜"]}, HEARING),
        ({"voice": "espeak-ng"}, {"voice"}),
        ({"language": "en"}, {"thinker", "voice"}),
    ],
)
def test_a_change_of_a_persona_replaces_what_serves_it(change: dict[str, Any], replaced: set[str]) -> None:
    if change == {"llm": []}:  # what it would have else
        llm = {"use": ["a"], "profiles": {"a": {"base_url": "http://localhost/v1"}}}
        assert (
            stale(plan({"llm": llm, "personas": {"n": {}}}), plan({"llm": llm, "personas": {"n": change}})) == replaced
        )
        return
    assert stale(with_persona(), with_persona(**change)) == replaced
    assert stale(with_persona(**change), with_persona()) == replaced


def test_a_persona_that_comes_or_goes_replaces_hearing_voice_and_thinker() -> None:
    assert stale(plan({}), with_persona()) == HEARING | {"voice", "thinker"}
    assert stale(with_persona(), plan({})) == HEARING | {"voice", "thinker"}


def test_who_is_in_use_replaces_nothing() -> None:
    before, after = plan({"personas": {"n": {}}}), plan({"personas": {"n": {}}, "persona": {"use": "n"}})
    assert stale(before, after) == set()
    assert rules_of(after.config).cast.use == "n"


def test_a_house_with_one_persona_has_one_of_everything() -> None:
    alone = plan({})
    assert list(recogniser_specs(alone)) == [""]
    assert cast_of(alone.config) == Cast()


def test_the_cast_is_told_by_names_of_wake_words_and_in_languages() -> None:
    words = [{"model": "hey_jarvis"}, {"model": "/models/hey_house_v0.2.onnx"}]
    personas = {"nari": {"wake": "/models/hey_house_v0.2.onnx", "language": "ko"}, "b": {}}
    config = Config(wake={"words": words}, personas=personas, persona={"use": "b"})
    assert cast_of(config) == Cast("b", {"nari": "ko", "b": "en"}, {"hey_house": "nari"})


def test_each_persona_is_heard_by_a_child_for_its_language_with_its_grammar() -> None:
    specs = recogniser_specs(with_persona(grammar=["불 켜"]))
    assert "ko" in specs["nari"].args
    assert '["\\ubd88 \\ucf1c"]' in specs["nari"].args
    assert "small" in specs[""].args


LLM = {"use": ["a"], "profiles": {"a": {"base_url": "http://localhost/v1"}}}
HOME = {
    "use": ["h"],
    "profiles": {"h": {"kind": "home_assistant", "base_url": "http://ha.local:8123", "api_key": "ha"}},
}


@pytest.mark.parametrize(
    ("document", "asking_ms"),
    [
        ({"llm": LLM}, 450),
        ({"llm": LLM, "endpoint": {"asking_ms": 900}}, 700),
        ({"llm": LLM, "endpoint": {"silence_ms": 400}}, 400),
        ({"llm": LLM, "tools": {"own": {"set_timer": "safe"}}}, 700),
        ({"llm": LLM, "tools": {"actions": True}}, 700),
        ({"llm": LLM, "tools": {"mcp": {"m": {"url": "http://h/mcp"}}}}, 450),
        ({"llm": LLM, "tools": {"mcp": {"m": {"url": "http://h/mcp", "allow": {"unlock": "confirm"}}}}}, 700),
        ({"llm": HOME}, 700),
        ({"llm": {**HOME, "use": ["a"], "profiles": {**LLM["profiles"], **HOME["profiles"]}}}, 450),
    ],
)
def test_only_a_model_that_cannot_act_is_asked_early(document: dict[str, Any], asking_ms: int) -> None:
    assert rules_of(Config(**document)).patience.after("asking") == asking_ms


def test_home_assistant_is_given_time_and_whole_sentences() -> None:
    usual = rules_of(Config())
    rules = rules_of(Config(wyoming=WyomingSection(enabled=True, wait_ms=6000)))
    assert (usual.final_limit, rules.final_limit) == (3.0, 7.0)
    assert rules.patience.after("asking") == rules.patience.after("open") > usual.patience.after("asking")
    announcing = rules_of(Config(wyoming=WyomingSection(enabled=True, answers="agent")))
    assert (announcing.final_limit, announcing.patience) == (usual.final_limit, usual.patience)


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"wyoming": {"port": 10_800}}, {"satellite"}),
        ({"wyoming": {"announce": False}}, {"satellite"}),
        ({"room": {"area": "Kitchen"}}, {"satellite"}),
        ({"wyoming": {"enabled": False}}, {"satellite"}),
        ({"conversation": {"history_s": 5}}, set()),
    ],
)
def test_the_satellite_lives_from_what_it_tells_of_itself(change: dict[str, Any], replaced: set[str]) -> None:
    on: dict[str, Any] = {"wyoming": {"enabled": True}}
    changed = {**on, **change, "wyoming": {**on["wyoming"], **change.get("wyoming", {})}}
    assert stale(plan(on), plan(changed)) == replaced
