"""`voice-agent panel test`: every look in turn, or why there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli.__main__ import main
from agent.cli.panel import SCENES


def config(tmp_path: Path, text: str) -> str:
    (tmp_path / "config.toml").write_text(text)
    return str(tmp_path / "config.toml")


def test_nothing_wired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["panel", "test", "--config", config(tmp_path, "")]) == 2
    assert "nothing is wired: set [panel] board" in capsys.readouterr().err


def test_no_gpio(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lgpio", reason="the extra gpio is not installed")
    if list(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has GPIO")
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    path = config(tmp_path, '[panel]\nboard = "respeaker-2mic"\n')
    assert main(["panel", "test", "--config", path]) == 75
    assert "there is no /dev/gpiochip* here" in capsys.readouterr().err


def test_every_look_on_an_led_of_the_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    led = tmp_path / "led"
    led.mkdir()
    (led / "brightness").write_text("7")
    path = config(tmp_path, f'[panel]\nlights = "sysfs"\nsysfs_led = "{led}"\n')
    assert main(["panel", "test", "--config", path, "--look-s", "0.02"]) == 0
    shown = [line.split("\t")[1] for line in capsys.readouterr().out.splitlines()]
    assert shown == list(SCENES)
    assert (led / "brightness").read_text() == "0"


def test_button_and_switch_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpiozero = pytest.importorskip("gpiozero", reason="the extra gpio is not installed")
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    path = config(tmp_path, "[panel.mute_switch]\npin = 26\nmuted = 'high'\n[panel.button]\npin = 17\n")
    assert main(["panel", "test", "--config", path, "--press-s", "0.3"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("switch\tmicrophone off")
    assert "press the button" in captured.err
