"""Lights, button and switch, as far as this machine has them."""

from __future__ import annotations

from pathlib import Path

from agent.config import Config, Panel
from agent.doctor import panel
from agent.doctor.context import Context


def examined(configured: Panel, tmp_path: Path) -> list[tuple[str, str]]:
    context = Context(Config(panel=configured), sound=False, say=lambda text: None, root=tmp_path)
    return [(finding.severity, finding.detail) for finding in panel.examine(context)]


def test_a_device_without_a_panel_lacks_nothing(tmp_path: Path) -> None:
    ((severity, _),) = examined(Panel(), tmp_path)
    assert severity == "info"


def test_a_light_that_is_not_there_is_a_failure_with_its_name(tmp_path: Path) -> None:
    ((severity, detail),) = examined(Panel(lights="sysfs", sysfs_led="no-such-led"), tmp_path)
    assert severity == "failure"
    assert "no-such-led" in detail


def test_a_light_that_opens_is_fine(tmp_path: Path) -> None:
    led = tmp_path / "ACT"
    led.mkdir()
    for name, text in {"brightness": "0", "max_brightness": "255", "trigger": "none [mmc0]"}.items():
        (led / name).write_text(text)
    assert examined(Panel(lights="sysfs", sysfs_led=str(led)), tmp_path)[0][0] == "ok"
