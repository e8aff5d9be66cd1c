"""The generated parts of the documentation say what the program does, and leave nothing out."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from agent import config_file
from agent.cli import commandreference, enacted, entityreference, reference, topicreference
from agent.cli.config import example
from agent.commands import Outcome
from agent.config import Config
from agent.daemon import description
from agent.dialogue.timerkeeping import NOT_KEPT
from agent.mqtt import payloads
from agent.mqtt.commands import ErrorCode
from agent.mqtt.outbox import MAX_PAYLOAD
from agent.requests import Request
from agent.thinking import failure

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/home-assistant.md", "docs/mqtt.md")
SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "agent").rglob("*.py"))}
CALLS = [
    (path, node.func.id, node)
    for path, tree in SOURCES.items()
    if path.name != "enacted.py"  # which has the examples
    for node in ast.walk(tree)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
]


def calls(*names: str) -> Iterator[tuple[Path, str, ast.Call]]:
    """Where a function or class of these names is called in the program."""
    return (each for each in CALLS if each[1] in names)


def texts(node: ast.expr | None) -> set[str]:
    """The texts that an expression may be: a constant, or one of two."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp():
            return texts(node.body) | texts(node.orelse)
        case _:
            return set()


@pytest.mark.parametrize("page", PAGES)
def test_generated_parts_are_up_to_date(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert reference.renewed(text) == text, "run `make docs`"


def test_all_parts_are_on_some_page() -> None:
    shown = [name for page in PAGES for name in re.findall(r"<!-- (\w+): begin -->", (ROOT / page).read_text())]
    assert sorted(shown) == sorted(reference.PARTS)


def test_make_docs_renews_every_page() -> None:
    recipe = re.search(r"^docs:.*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    assert recipe[1].endswith(f"agent.cli.reference {' '.join(PAGES)}")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# no marks", "there have to be parts"),
        ("<!-- limits: begin -->\n", "there have to be parts"),
        ("<!-- limits: begin -->\n<!-- limits: end -->\n<!-- codes: begin -->\n", "there have to be parts"),
        ("<!-- weather: begin -->\nsun\n<!-- weather: end -->", "nothing makes weather"),
    ],
)
def test_a_page_needs_marks_that_are_whole(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        reference.renewed(text)


def test_what_stood_there_is_replaced_and_the_rest_stays() -> None:
    page = "before\n<!-- codes: begin -->\nold\n<!-- codes: end -->\nafter\n"
    renewed = reference.renewed(page)
    assert renewed.startswith("before\n")
    assert renewed.endswith("\nafter\n")
    assert "old\n" not in renewed
    assert reference.renewed(renewed) == renewed


# ---------------------------------------------------------------- configuration


def test_every_key_is_in_the_table() -> None:
    table = reference.table()
    for key in ("audio.mic.device", "llm.profiles.NAME.base_url", "personas.NAME.wake", "mqtt.password", "wake.words"):
        assert f"| `{key}` |" in table
    assert all(line.count(" | ") >= 2 for line in table.splitlines()[2:])


def test_example_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(example(), encoding="utf-8")
    assert config_file.load(tmp_path / "config.toml") == Config()


def test_example_with_everything_uncommented_is_toml() -> None:
    lines = [re.sub(r"^# (?=[a-z_]+ = |\[)", "", line) for line in example().splitlines()]
    values = tomllib.loads("\n".join(line for line in lines if not line.endswith(" =")))
    assert values["llm"]["profiles"]["home"]["base_url"] == "http://localhost:11434/v1"


# ---------------------------------------------------------------- topics


def test_every_event_of_the_program_is_in_the_reference() -> None:
    events = set().union(*(texts(call.args[0]) for _, _, call in calls("ShowEvent")))
    assert {"wake", "error", "yielded"} <= events
    assert events == {topic.removeprefix("event/") for topic in topicreference.ABOUT if topic.startswith("event/")}


def test_every_topic_of_the_program_is_in_the_reference() -> None:
    """Those that `Topics` makes: its methods name them."""
    tree = SOURCES[ROOT / "agent/mqtt/topics.py"]
    named = {
        text.split("/")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("_momentary", "_kept")
        for text in texts(node.args[0]) | {part for part in joined(node.args[0])}
    }
    assert named == {"transcript", "event", "setting", "stats", "models", "timers", "turn", "reply", "health"}
    assert named <= {topic.split("/")[0] for topic in topicreference.ABOUT}


def joined(node: ast.expr) -> Iterator[str]:
    """The constant beginning of an f-string."""
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        yield str(node.values[0].value)


def test_the_examples_are_of_every_topic_and_fit_into_a_packet() -> None:
    messages = enacted.evening()
    named = topicreference.by_name(messages, enacted.TOPICS.root)
    assert set(named) == set(topicreference.ABOUT)
    assert set(topicreference.by_name(messages, "voice-agent/room/downstairs")) == set(topicreference.HOUSE)
    assert set(topicreference.by_name(messages, "hermes")) == set(topicreference.HERMES)
    assert all(len(message.payload) < MAX_PAYLOAD for message in messages)


def test_the_evening_is_the_same_every_time() -> None:
    assert enacted.evening() == enacted.evening()


def test_models_of_the_example_have_the_keys_of_the_program() -> None:
    messages = topicreference.by_name(enacted.evening(), enacted.TOPICS.root)["models"]
    assert all(f'"{key}"' in messages[0].payload.decode() for key in description.stand())
    assert messages[0].payload.decode().count('":') == len(description.stand()) + 1


def test_json_for_people_breaks_where_it_is_long() -> None:
    assert topicreference.pretty({"a": 1, "b": [1, 2]}) == '{"a": 1, "b": [1, 2]}'
    assert topicreference.pretty({"a": {"b": "c" * 20}, "d": []}, 20) == (
        '{\n  "a": {\n    "b": "cccccccccccccccccccc"\n  },\n  "d": []\n}'
    )


# ---------------------------------------------------------------- commands


def test_every_command_is_explained() -> None:
    assert set(commandreference.ABOUT) == set(payloads.SCHEMAS)
    requests = {schema.__name__ for schema in get_args(Request)}
    assert len(requests) == len(commandreference.ABOUT) + 1, "the settings are the one that stands apart"


def test_fields_are_told_with_their_ranges() -> None:
    told = commandreference.commands()
    assert "| `volume` | a whole number from 1 to 100 | as the device has it |" in told
    assert "| `percent` | a whole number from 0 to 100 | refused |" in told
    assert '| `priority` | `"low"`, `"normal"`, `"high"` | `"normal"` |' in told


def test_every_code_of_a_result_is_explained() -> None:
    found = {*get_args(ErrorCode), *get_args(Outcome)} - {
        "answered",
        "continued",
    }  # which is answered with the next turn
    for path, name, call in calls("refused", "told", "Failed", "_Bad", "Rejected"):
        if path.parent.name in ("dialogue", "daemon", "mqtt"):
            found |= texts(call.args[1 if name in ("refused", "told") else 0])
    found |= set(returned(ROOT / "agent/dialogue/announcements.py")) | refusals()
    assert {"quiet", "busy", "hardware_mute", "unknown_persona", "too_deep"} <= found
    assert found == set(commandreference.CODES)


def refusals() -> set[str]:
    """Codes of timers, told by a result or, to whoever gave no id, by an event."""
    found = {NOT_KEPT}
    for _, _, call in calls("_refuse"):
        found |= texts(call.args[1])
    return found


def returned(path: Path) -> Iterator[str]:
    """Codes that stand first in a returned pair of texts."""
    for node in ast.walk(SOURCES[path]):
        match node:
            case ast.Return(value=ast.Tuple(elts=[ast.Constant(value=str(code)), _])):
                yield code
            case _:
                pass


def test_every_code_of_an_error_is_explained() -> None:
    found = set(get_args(failure.Code))
    for _, _, call in calls("fail"):
        found |= texts(call.args[2])
    for _, _, call in calls("LlmFailed"):
        found |= texts(call.args[2]) - {"unanswered"}  # somebody is there, and has words of its own
    for _, _, call in calls("give_up"):
        found |= texts(call.args[3])
    for _, _, call in calls("told"):
        found |= texts(call.args[1])
    found |= refusals()
    for _, _, call in calls("Failed"):
        found |= {f"doctor.{code}" for code in texts(call.args[0])}
    for _, _, call in calls("ShowEvent"):
        if texts(call.args[0]) == {"error"}:
            found |= {code for value in ast.walk(call) if isinstance(value, ast.Dict) for code in codes_in(value)}
    assert {"mqtt.flood", "speech_failed", "doctor.busy", "asr_failed"} <= found
    assert found == {*commandreference.LLM, *commandreference.ERRORS}


def codes_in(node: ast.Dict) -> Iterator[str]:
    for key, value in zip(node.keys, node.values, strict=True):
        if texts(key) == {"code"}:
            yield from texts(value)


# ---------------------------------------------------------------- entities


def test_every_entity_is_explained() -> None:
    components = entityreference.components()
    assert set(entityreference.ABOUT) == set(components)
    assert set(entityreference.MISSING) <= set(components)
    told = entityreference.entities()
    assert "| `sensor.voice_agent_kitchen_state` | `idle`, `listening`, `thinking`, `speaking` |" in told
    assert "`number.voice_agent_kitchen_silence`" in told
    assert told.count("(off until you enable it)") == 2
