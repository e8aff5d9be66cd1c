"""The user's own actions in the configuration: what is taken, and every error with its key and its remedy."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import config_file
from agent.actions import Unfit
from agent.config import Config
from agent.config_file import ConfigError

LIGHT = """
[[actions]]
name = "light"
sentences = ["turn {state:on|off} [the] {room} light[s]", "(switch|turn) [the] {room} light[s] {state}"]
slots.room = { kitchen = "kitchen", "living room" = "living_room" }
topic = "home/{room}/light/set"
payload = { state = "{state}", transition = 2, loud = true }
reply = "The {room} light is {state}."
"""
BLINDS = """
[[actions]]
name = "blinds"
sentences = { en = ["set the blinds to {level:0..100} percent"], de = ["rollladen auf {level} prozent"] }
topic = "home/blinds/set"
payload = "{level}"
reply = { en = "Blinds {level} percent.", de = "Rollladen {level} Prozent." }
"""
NOTE = """
[[actions]]
name = "note"
sentences = ["note {text}"]
slots.text = { free_text = 40 }
topic = "home/notes"
payload = { text = "{text}" }
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setattr(config_file, "default_paths", lambda: ())

    def loaded(text: str) -> Config:
        file = tmp_path / "config.toml"
        file.write_text(f"version = 1\n{text}\n[mqtt]\nenabled = true\ndevice = 'kitchen'\n", encoding="utf-8")
        return config_file.load(file)

    return loaded


@pytest.fixture
def complaints(load):
    def told(text: str) -> list[tuple[str, str]]:
        with pytest.raises(ConfigError) as error:
            load(text)
        return [(problem.key, problem.message) for problem in error.value.problems]

    return told


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def test_what_is_said_becomes_what_is_sent(load):
    action = load(LIGHT).actions[0].compiled()
    topic, payload = action.message({"room": "living room", "state": "on"})
    assert topic == "home/living_room/light/set"
    assert json.loads(payload) == {"state": "on", "transition": 2, "loud": True}
    assert action.reply("en", {"room": "living room", "state": "on"}) == "The living room light is on."
    assert (action.risk, action.qos, action.retain) == ("confirm", 1, False)


def test_a_number_stays_a_number(load):
    text = changed(BLINDS, 'payload = "{level}"', 'payload = { position = "{level}", text = "{level} %" }')
    action = load(text).actions[0].compiled()
    assert json.loads(action.message({"level": 40})[1]) == {"position": 40, "text": "40 %"}
    assert load(BLINDS).actions[0].compiled().message({"level": 40}) == ("home/blinds/set", b"40")
    assert action.reply("de-DE", {"level": 40}) == "Rollladen 40 Prozent."


def test_sent_values_keep_their_type(load):
    text = changed(LIGHT, '"kitchen"', "true").replace("home/{room}/light", "home/light")
    text = changed(text, 'state = "{state}"', 'which = "{room}", state = "{state}"')
    assert json.loads(load(text).actions[0].compiled().message({"room": "kitchen", "state": "on"})[1])["which"] is True


@given(st.text(max_size=60))
def test_free_text_is_data_or_refused(said):
    action = _note()
    try:
        topic, payload = action.message({"text": said})
    except Unfit:
        assert len(said) > 40 or not said.isprintable()
        return
    assert topic == "home/notes"
    assert json.loads(payload) == {"text": said}


def _note():
    return (
        Config(
            actions=[
                {
                    "name": "note",
                    "sentences": ["note {text}"],
                    "slots": {"text": {"free_text": 40}},
                    "topic": "home/notes",
                    "payload": {"text": "{text}"},
                }
            ]
        )
        .actions[0]
        .compiled()
    )


@pytest.mark.parametrize(
    "said",
    [{}, {"room": "kitchen"}, {"room": "cellar", "state": "on"}, {"room": "living_room/+", "state": "on"}, {"room": 3}],
)
def test_only_configured_values_are_sent(load, said):
    with pytest.raises(Unfit):
        load(LIGHT).actions[0].compiled().message(said)


@pytest.mark.parametrize("said", [-1, 101, "40", True])
def test_only_numbers_in_range_are_sent(load, said):
    with pytest.raises(Unfit):
        load(BLINDS).actions[0].compiled().message({"level": said})


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ('"light"', '"Light!"', "actions[0].name", "match"),
        ("home/{room}/light/set", "home/+/set", "actions[0].topic", '"+"'),
        ("home/{room}/light/set", "home/#", "actions[0].topic", '"#"'),
        ("home/{room}/light/set", "$SYS/{room}", "actions[0].topic", "broker"),
        ("home/{room}/light/set", "home/{rom}/set", "actions[0].topic", 'did you mean "room"'),
        ("home/{room}/light/set", "home/{room/set", "actions[0].topic", "brace"),
        ("home/{room}/light/set", "voice-agent/{room}/cmd/mute", "actions[0].topic", "this device's own"),
        ("home/{room}/light/set", "voice-agent/kitchen/cmd/mute", "actions[0].topic", "this device's own"),
        ('"living_room"', '"living/room"', "actions[0].slots.room", "one level"),
        ('"living_room"', '""', "actions[0].slots.room", "one level"),
        ('"living_room"', '"#"', "actions[0].slots.room", "one level"),
        ('"living_room"', "1.5", "actions[0].slots.room", "one level"),
        ('state = "{state}"', 'state = "{stat}"', "actions[0].payload", 'did you mean "state"'),
        ('{ state = "{state}", transition = 2, loud = true }', "'{\"a\": \"{state}\"}'", "actions[0].payload", "table"),
        ("transition = 2", "transition = nan", "actions[0].payload", "JSON"),
        ("transition = 2", "transition = 2026-01-01", "actions[0].payload", "JSON"),
        ("is {state}.", "is {start}.", "actions[0].reply", 'did you mean "state"'),
        ("light[s]\", \"(sw", "light[s\", \"(sw", "actions[0].sentences[0]", "bracket"),
        ("[the] {room} light[s]\", ", "[the] [{room}] light[s]\", ", "actions[0].sentences[0]", "leaves open"),
        ("[the] {room} light[s]\", ", "[the] {romo} light[s]\", ", "actions[0].sentences[0]", 'did you mean "room"'),
        ("turn {state:on|off} [the] {room} light[s]", "{state:on|off} {room}", "actions[0].sentences[0]", "word of"),
        ("turn {state:on|off}", "turn {state:on|} <x>", "actions[0].sentences", "with | between"),
        ("turn {state:on|off}", "turn {state:on|off} <x>", "actions[0].sentences[0]", "<…>"),
        ("turn {state:on|off}", "turn {state:0..9} {state:on|off}", "actions[0].sentences", "two kinds"),
        ("slots.room =", "slots.name = ['a']\nslots.room =", "actions[0].slots.name", "another name"),
        ("slots.room =", "slots.n = { range = [3] }\nslots.room =", "actions[0].slots.n", "[from, to]"),
        ("slots.room =", "slots.n = { range = [3, -1] }\nslots.room =", "actions[0].slots.n", "[from, to]"),
        ("slots.room =", "slots.n = { free_text = 9999 }\nslots.room =", "actions[0].slots.n", "200"),
        ("slots.room =", "slots.n = []\nslots.room =", "actions[0].slots.n", "at least 1"),
        ("slots.room =", "slots.n = ['(a|b)']\nslots.room =", "actions[0].slots.n", "match"),
        ('name = "light"', 'name = "set_timer"', "actions[0].name", "agent's own"),
        ("reply =", "qos = 2\nreply =", "actions[0].qos", "0 or 1"),
        ("reply =", "risk = 'yes'\nreply =", "actions[0].risk", "confirm"),
        ("reply =", "replay = 'x'\nreply =", "actions[0].replay", 'did you mean "reply"'),
    ],
)  # fmt: skip
def test_errors_name_their_key_and_the_remedy(complaints, old, new, key, words):
    told = complaints(changed(LIGHT, old, new))
    assert any(where == key and words in message for where, message in told), told


def test_all_errors_come_at_once(complaints):
    text = changed(LIGHT, "home/{room}/light/set", "home/{rom}") + changed(BLINDS, '"{level}"', '"{l}"') + LIGHT
    keys = [key for key, _ in complaints(text)]
    assert keys == ["actions[0].topic", "actions[1].payload", "actions[2].name"]


def test_free_text_stays_out_of_topics_and_of_texts(complaints):
    told = complaints(changed(NOTE, "home/notes", "home/{text}"))
    assert [(key, "never gets into a topic" in message) for key, message in told] == [("actions[0].topic", True)]
    told = complaints(changed(NOTE, '{ text = "{text}" }', '"note: {text}"'))
    assert [(key, "could become more" in message) for key, message in told] == [("actions[0].payload", True)]


def test_free_text_alone_may_be_a_payload(load):
    action = load(changed(NOTE, '{ text = "{text}" }', '"{text}"')).actions[0].compiled()
    assert action.message({"text": '{"a": 1}'}) == ("home/notes", b'{"a": 1}')


def test_a_nested_payload_is_bounded(complaints):
    deep = "{ a = " * 8 + "1" + " }" * 8
    told = complaints(changed(NOTE, '{ text = "{text}" }', deep))
    assert told == [("actions[0].payload", "is nested deeper than 6")]
    told = complaints(changed(NOTE, '{ text = "{text}" }', f"[{', '.join('1' * 300)}]"))
    assert told == [("actions[0].payload", "has over 200 values")]


def test_warnings(load):
    config = load(LIGHT + "retain = true")
    assert any("actions[0].retain" in warning for warning in config_file.warnings(config))
    off = config.model_copy(update={"mqtt": config.mqtt.model_copy(update={"enabled": False})})
    assert any("switched off" in warning for warning in config_file.warnings(off))
