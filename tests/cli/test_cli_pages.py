"""What the pages tell people to paste works: configurations, automations, commands, rights."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

from agent import config_file
from agent.cli import entityreference, topicreference
from agent.cli.__main__ import COMMANDS
from agent.doctor.examination import PARTS
from agent.mqtt.commands import Accepted, parse
from agent.mqtt.entities.entity import Platform
from agent.requests import SayRequest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
HOME = ROOT / "docs/home-assistant.md"
MQTT = ROOT / "docs/mqtt.md"
ACL = ROOT / "deploy/ansible/roles/voice_agent/templates/broker.acl.j2"
PLATFORMS = "|".join(sorted(Platform.__args__))  # type: ignore[attr-defined]
OTHERS = {"event.front_door"}  # of the house


def blocks(page: Path, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(text) for _, text in found]


def automations() -> list[Any]:
    return [yaml.safe_load(block) for block in blocks(HOME, "yaml")]


def walk(value: object) -> Iterator[Mapping[str, Any]]:
    """All mappings in it."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from walk(each)
    if isinstance(value, list):
        for each in value:
            yield from walk(each)


def entities() -> set[str]:
    return {component["default_entity_id"] for component in entityreference.components().values()}


CONFIGURATIONS = [(page, block) for page in PAGES for block in blocks(page, "toml")]


@pytest.mark.parametrize(
    ("page", "block"), CONFIGURATIONS, ids=[f"{page.stem}-{number}" for number, (page, _) in enumerate(CONFIGURATIONS)]
)
def test_configurations_are_valid(page: Path, block: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(block, encoding="utf-8")
    config_file.load(tmp_path / "config.toml")


def test_the_readme_has_a_configuration_to_begin_with(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(blocks(ROOT / "README.md", "toml")[0], encoding="utf-8")
    assert config_file.load(tmp_path / "config.toml").llm.use == ("home",)


# ---------------------------------------------------------------- Home Assistant


def test_there_is_a_dashboard_card_and_three_automations() -> None:
    last = HOME.read_text(encoding="utf-8").index("## A dashboard card")
    pasted = [yaml.safe_load(block) for block in blocks(HOME, "yaml") if HOME.read_text().index(block[:40]) > last]
    assert pasted[0]["type"] == "vertical-stack"
    assert len([each for each in pasted if "triggers" in each]) >= 3


def test_automations_are_written_in_the_words_of_today() -> None:
    """`triggers` with `trigger`, `conditions`, `actions` with `action`: since Home Assistant 2024.10 and 2024.8."""
    for automation in automations():
        assert not any({"platform", "service"} & each.keys() for each in walk(automation))
        if "triggers" in automation:
            assert automation.keys() - {"conditions", "max_exceeded"} == {"alias", "triggers", "actions", "mode"}
            assert all("trigger" in trigger for trigger in automation["triggers"])
            steps = {"action", "variables", "wait_for_trigger"}
            assert all(len(steps & each.keys()) == 1 for each in automation["actions"])


def test_every_message_that_is_published_is_a_command_that_is_taken() -> None:
    published = [each["data"] for each in walk(automations()) if each.get("action") == "mqtt.publish"]
    assert len(published) >= 3
    for data in published:
        assert data["topic"].startswith("voice-agent/kitchen/cmd/")
        assert data.get("retain") is None
        taken = parse(data["topic"].removeprefix("voice-agent/kitchen/cmd/"), data["payload"].encode())
        assert isinstance(taken, Accepted), (data, taken)
    requests = [parse("say", data["payload"].encode()) for data in published]
    assert any(
        isinstance(each, Accepted) and each.request == SayRequest("Dinner is ready.", chime=True) for each in requests
    )
    loud = [each.request for each in requests if isinstance(each, Accepted) and isinstance(each.request, SayRequest)]
    assert [each.volume_percent for each in loud if each.priority == "high"] == [90]


def test_topics_that_are_waited_for_are_published() -> None:
    awaited = [each["topic"] for each in walk(automations()) if each.get("trigger") == "mqtt"]
    configurations = [tomllib.loads(block) for block in blocks(HOME, "toml")]
    configured = [action["topic"] for each in configurations for action in each.get("actions", [])]
    assert sorted(awaited) == [*configured, "voice-agent/kitchen/result"]
    ours = [topic for topic in awaited if topic not in configured]
    assert all(topic.removeprefix("voice-agent/kitchen/") in topicreference.ABOUT for topic in ours)


@pytest.mark.parametrize("page", [HOME, MQTT], ids=lambda page: page.stem)
def test_entities_that_are_named_are_announced(page: Path) -> None:
    named = set(re.findall(rf"\b(?:{PLATFORMS})\.voice_agent_kitchen_\w+", page.read_text(encoding="utf-8")))
    assert named <= entities()
    assert page != HOME or named == entities(), "the table has them all"


def test_entities_of_the_card_and_the_automations_are_announced_or_the_houses() -> None:
    ids = re.compile(rf"(?:{PLATFORMS})\.\w+")
    used = {
        text
        for each in walk(automations())
        for key, value in each.items()
        if key in ("entity", "entity_id")
        for text in (value if isinstance(value, list) else [value])
        if ids.fullmatch(text)
    }
    assert len(used) > 10
    assert used - OTHERS <= entities()


def test_states_that_are_waited_for_exist() -> None:
    """A switch and a binary sensor are "on" or "off"; whatever is gone is "unavailable"."""
    for each in walk(automations()):
        if each.get("trigger") == "state" and "voice_agent" in each["entity_id"]:
            states = {each[key] for key in ("from", "to") if key in each}
            assert states <= {"on", "off", "unavailable"}, each


def test_actions_fit_the_entities_they_are_for() -> None:
    """`button.press` is for buttons; a toggle for switches."""
    for each in walk(automations()):
        action = each.get("perform_action") or each.get("action")
        target = each.get("target", {}).get("entity_id", "")
        if isinstance(action, str) and "." in action and "voice_agent" in target:
            assert target.split(".")[0] == action.split(".")[0]
        if each.get("tap_action", {}).get("action") == "toggle":
            assert each["entity"].startswith("switch.")


def test_features_of_tiles_fit_their_entities() -> None:
    tiles = [each for each in walk(automations()) if "features" in each]
    assert [(tile["entity"].split(".")[0], tile["features"][0]["type"]) for tile in tiles] == [
        ("number", "numeric-input")
    ]


# ---------------------------------------------------------------- broker


def test_the_rights_are_those_that_the_playbook_gives() -> None:
    written = (
        Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
        .from_string(ACL.read_text(encoding="utf-8"))
        .render(
            ansible_managed="by hand",
            voice_agent_broker_base="voice-agent",
            voice_agent_broker_devices={"kitchen": {"username": "voice-agent-kitchen"}},
            voice_agent_broker_users={"homeassistant": ""},
        )
    )
    [pasted] = [block for block in blocks(HOME, "text") if "user homeassistant" in block]
    assert pasted.strip() == written.removeprefix("# by hand").strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_for_the_shell_are_taken(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, rest in re.findall(r"mosquitto_pub -t voice-agent/kitchen/cmd/(\S+) (.*)", text):
        payload = re.match(r"-m '(.*)'|-n\b", rest)
        assert payload, rest
        assert isinstance(parse(name, (payload[1] or "").encode()), Accepted), (name, rest)


def test_examples_of_commands_are_taken() -> None:
    text = MQTT.read_text(encoding="utf-8")
    examples = re.findall(r"### `cmd/([\w/]+)`(.*?)```json\n(.*?)\n```", text, re.DOTALL)
    assert len(examples) >= 9
    for name, _, payload in examples:
        taken = parse(name.replace("setting/NAME", "setting/wake_threshold"), payload.encode())
        assert isinstance(taken, Accepted), (name, taken)


def test_examples_of_payloads_are_json() -> None:
    assert len([json.loads(block) for block in blocks(MQTT, "json")]) > 20


# ---------------------------------------------------------------- commands of the program


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_the_program_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"\bvoice-agent (?:--debug )?([a-z]+)\b(?! =)", text)) - {"for", "in", "is", "and"}
    assert named & set(COMMANDS) == named or page.name in ("design.md", "benches.md"), named - set(COMMANDS)
    for part in re.findall(r"doctor --only (\w+)", text):
        assert part in PARTS


def test_pages_are_linked_and_links_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](docs/home-assistant.md)" in readme
    assert "](docs/mqtt.md)" in readme
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
