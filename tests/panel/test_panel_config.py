"""The section [panel]: boards, single keys, and what cannot be meant."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from agent import config_file
from agent.config import Panel
from agent.config.panel import Board, Button
from agent.config_file import ConfigError

PAGE = Path(__file__).parents[2] / "docs" / "panel.md"


def test_nothing_is_wired_by_default() -> None:
    assert Panel().empty
    assert Panel().wired.lights == "none"


@pytest.mark.parametrize(
    ("board", "lights", "pins", "count", "power", "button"),
    [
        ("respeaker-2mic", "apa102", (10, 11), 3, None, 17),
        ("respeaker-4mic", "apa102", (10, 11), 12, 5, None),
        ("adafruit-voice-bonnet", "apa102", (5, 6), 3, None, 17),
        ("aiy-voice-hat", "led", (25,), None, None, 23),
    ],
)
def test_boards(
    board: str, lights: str, pins: tuple[int, ...], count: int | None, power: int | None, button: int | None
) -> None:
    wired = Panel.model_validate({"board": board}).wired
    assert (wired.lights, wired.lights_pins, wired.lights_count, wired.power_pin) == (lights, pins, count, power)
    assert wired.button.pin == button


def test_a_single_key_goes_first() -> None:
    wired = Panel(board="respeaker-2mic", lights_count=5, button=Button(pin=22, short="stop")).wired
    assert (wired.lights, wired.lights_pins, wired.lights_count) == ("apa102", (10, 11), 5)
    assert (wired.button.pin, wired.button.short) == (22, "stop")


def test_other_lights_than_the_boards_have_pins_of_their_own() -> None:
    wired = Panel(board="respeaker-4mic", lights="led", lights_pins=(26,)).wired
    assert (wired.lights, wired.lights_pins, wired.power_pin) == ("led", (26,), None)
    assert Panel(board="respeaker-4mic", lights="none").empty


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lights": "rgb", "lights_pins": [1, 2]}, "needs 3 lights_pins, there are 2"),
        ({"lights": "apa102", "lights_pins": [5, 6]}, "needs lights_count"),
        ({"lights": "sysfs"}, "ls /sys/class/leds"),
        ({"board": "respeaker-2mic", "mute_switch": {"pin": 17}}, "GPIO 17: one pin cannot serve two purposes"),
        ({"button": {"pin": 28}}, "less than or equal to 27"),
        ({"night": "22-7"}, "pattern"),
    ],
)
def test_what_cannot_be_meant(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Panel.model_validate(values)


def test_what_the_documentation_shows_is_valid() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        assert not Panel.model_validate(tomllib.loads(block)["panel"]).empty


def test_every_board_is_documented() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{board}` |" in text for board in get_args(Board) if board != "none")


def test_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[panel]\nboard = "aiy-voice-hat"\n[panel.mute_switch]\npin = 26\n')
    assert config_file.load(path).panel.mute_switch.pin == 26
    path.write_text('[panel]\nboard = "aiy-voice"\n')
    with pytest.raises(ConfigError, match=r"panel\.board"):
        config_file.load(path)
