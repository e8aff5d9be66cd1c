"""The documentation says what the program does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from agent import config_file
from agent.cli import reference
from agent.cli.__main__ import COMMANDS
from agent.cli.config import example
from agent.config import Config

README = Path(__file__).parents[2] / "README.md"


def test_readme_table_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert reference.with_table(text) == text, "run `make docs`"


def test_every_key_is_in_the_table() -> None:
    table = reference.table()
    for key in ("audio.mic.device", "llm.profiles.NAME.base_url", "mqtt.password", "wake.words"):
        assert f"| `{key}` |" in table
    assert all(line.count(" | ") >= 2 for line in table.splitlines()[2:])


def test_table_needs_its_marks() -> None:
    with pytest.raises(ValueError, match="configuration: begin"):
        reference.with_table("# no marks")


def test_example_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(example(), encoding="utf-8")
    assert config_file.load(tmp_path / "config.toml") == Config()


def test_example_with_everything_uncommented_is_toml() -> None:
    lines = [re.sub(r"^# (?=[a-z_]+ = |\[)", "", line) for line in example().splitlines()]
    values = tomllib.loads("\n".join(line for line in lines if not line.endswith(" =")))
    assert values["llm"]["profiles"]["home"]["base_url"] == "http://localhost:11434/v1"


def test_configuration_in_the_readme_is_valid(tmp_path: Path) -> None:
    block = re.search(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    (tmp_path / "config.toml").write_text(block[1], encoding="utf-8")
    assert config_file.load(tmp_path / "config.toml").llm.use == ("home",)


def test_commands_in_the_readme_exist() -> None:
    named = set(re.findall(r"voice-agent (?:--debug )?([a-z]+)\b", README.read_text(encoding="utf-8")))
    assert {"models", "devices", "check", "listen"} <= named
    assert named - {"for"} <= set(COMMANDS)
