"""The locked set on arm64: complete, importable, and as little of it compiled as is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from emulated import Emulated
from installed import HOME, PYTHON

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
AGENT = f"{HOME}/bin/voice-agent"
# Source only: they need a compiler on the device, or a bundle. Everything else comes as a wheel.
COMPILED = ["pyalsaaudio", "systemd-python"]
# `voice-agent demo` and plots belong to the extra "demo".
OPTIONAL = {"matplotlib"}
TAGGED = """
import importlib.metadata as metadata
for distribution in metadata.distributions():
    tags = [line for line in (distribution.read_text("WHEEL") or "").splitlines() if line.startswith("Tag: ")]
    if any(tag.endswith("-linux_aarch64") for tag in tags):
        print(distribution.name)
"""


def test_python_is_the_release_s(system: Emulated) -> None:
    asked = "import platform; print(platform.machine(), platform.python_version())"
    machine, version = system.run([PYTHON, "-c", asked]).stdout.split()
    assert machine == "aarch64"
    assert version.rpartition(".")[0] == PYTHONS[system.release]


def test_no_requirement_is_missing(system: Emulated) -> None:
    assert "No broken requirements" in system.run([PYTHON, "-m", "pip", "check"]).stdout


def test_only_two_libraries_are_compiled(system: Emulated) -> None:
    assert sorted(system.run([PYTHON, "-c", TAGGED]).stdout.split()) == COMPILED


def test_every_module_imports_without_build_tools(system: Emulated) -> None:
    told = json.loads(system.run([PYTHON, "/mnt/inside/everything.py"], timeout=300).stdout)
    assert told["modules"] > 100
    assert set(told["failed"].values()) <= OPTIONAL, told["failed"]


def test_the_embedded_language_model_s_library_loads(system: Emulated) -> None:
    system.run([PYTHON, "-c", "import xllamacpp; xllamacpp.CommonParams()"])


def test_the_pins_library_loads_and_misses_only_the_pins(system: Emulated) -> None:
    if list(Path("/dev").glob("gpiochip*")):
        pytest.skip("this host has pins of its own, and they are left alone")
    asked = "from agent.config import Panel; from agent.panel.check import problems; print(problems(Panel(board={!r})))"
    told = system.run([PYTHON, "-c", asked.format("respeaker-2mic")]).stdout
    assert "there is no /dev/gpiochip* here" in told


def test_the_command_works(system: Emulated) -> None:
    assert system.run([AGENT, "--version"]).stdout.startswith("voice-agent ")
    listed = system.run([AGENT, "models", "list"]).stdout.splitlines()
    there = {line.split("\t")[0] for line in listed if "\tyes\t" in line}
    assert {"moonshine-tiny-en", "hey_jarvis", "okay_nabu"} <= there


def test_check_finds_nothing_wrong(system: Emulated) -> None:
    done = system.run([AGENT, "check"])
    assert "fine" in done.stderr + done.stdout
