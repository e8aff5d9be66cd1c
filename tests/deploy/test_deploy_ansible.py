"""The role, as far as it can be read without a machine: it speaks of files, commands and settings that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from agent import config_file
from agent.models import catalogue

PROJECT = Path(__file__).parents[2]
ANSIBLE = PROJECT / "deploy" / "ansible"
ROLE = ANSIBLE / "roles" / "voice_agent"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
OPTIONS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
README = (ANSIBLE / "README.md").read_text()
TOOLS = PROJECT / ".cache/deploy/bin"
# Of a device; the others are for whoever works on the program.
EXTRAS = sorted(
    tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys() - {"dev", "demo"}
)
LOCKS = ["requirements.txt", *(f"requirements-{name}.txt" for name in ("build", "deploy", *EXTRAS))]
TYPES = {"str": str, "path": str, "bool": bool, "int": int, "list": list, "dict": dict}


@pytest.mark.parametrize("file", sorted(ANSIBLE.rglob("*.yml")), ids=lambda file: file.name)
def test_every_file_is_yaml(file: Path) -> None:
    assert yaml.safe_load(file.read_text())


@pytest.mark.parametrize("key", ["voice_agent_requirements", "voice_agent_build_requirements", "voice_agent_unit"])
def test_what_is_copied_is_there(key: str) -> None:
    assert (PROJECT / DEFAULTS[key].removeprefix("{{ voice_agent_project }}/")).is_file()


@pytest.mark.parametrize("name", LOCKS)
def test_the_requirements_are_pinned_by_hash_and_name_no_address(name: str) -> None:
    text = (PROJECT / name).read_text()
    pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert all("==" in line for line in pinned)
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "://" not in text


def test_what_is_installed_by_default_needs_no_trust_in_a_download() -> None:
    assert DEFAULTS["voice_agent_accept_unverified_models"] is False
    assert set(DEFAULTS["voice_agent_models"]) <= {model.name for model in catalogue() if model.verified}
    kinds = {model.kind for model in catalogue() if model.name in DEFAULTS["voice_agent_models"]}
    assert "asr-vosk" in kinds or "moonshine" in DEFAULTS["voice_agent_extras"], "nothing recognises speech"


def test_every_optional_part_can_be_chosen_and_is_pinned_anew_with_the_others() -> None:
    (pinned,) = re.findall(r"for extra in (.+);", (PROJECT / "Makefile").read_text())
    assert set(pinned.split()) == set(EXTRAS)
    assert set(DEFAULTS["voice_agent_extras"]) <= set(EXTRAS)


def test_optional_parts_are_pinned_alike() -> None:
    """So that any of them can be chosen together."""
    pins: dict[str, set[tuple[str, ...]]] = {}
    for name in ("requirements.txt", *(f"requirements-{extra}.txt" for extra in EXTRAS)):
        lines = re.findall(r"^([a-z0-9._-]+)==(.+?) \\$", (PROJECT / name).read_text(), re.MULTILINE)
        for project in {project for project, _ in lines}:
            pins.setdefault(project, set()).add(tuple(sorted(pin for other, pin in lines if other == project)))
    assert pins["aiohttp"]
    assert {project: found for project, found in pins.items() if len(found) > 1} == {}


def test_every_variable_has_its_type_and_its_meaning() -> None:
    assert OPTIONS.keys() == DEFAULTS.keys()
    for name, option in OPTIONS.items():
        assert isinstance(DEFAULTS[name], TYPES[option["type"]]), name
        assert len(option["description"]) > 10, name


def test_every_variable_is_in_the_readme() -> None:
    assert set(DEFAULTS) <= set(re.findall(r"`(voice_agent_\w+)`", README))
    assert set(re.findall(r"`(voice_agent_\w+)", README)) <= {*DEFAULTS, "voice_agent_serial"}


def test_the_version_is_the_one_of_the_project() -> None:
    assert f'version = "{DEFAULTS["voice_agent_version"]}"' in (PROJECT / "pyproject.toml").read_text()


def test_the_folders_are_those_of_the_unit() -> None:
    derived = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    unit = (PROJECT / "deploy/systemd/voice-agent.service").read_text()
    assert f"ExecStart={derived['voice_agent_prefix']}/current/bin/voice-agent run\n" in unit
    assert f"StateDirectory={derived['voice_agent_state'].removeprefix('/var/lib/')}\n" in unit


def test_drop_ins_of_the_example_are_there() -> None:
    named = re.findall(r"voice_agent_drop_ins: \[(.+)\]", "".join(file.read_text() for file in _inventory()))
    assert named
    for name in ", ".join(named).split(", "):
        assert (PROJECT / f"deploy/systemd/drop-ins/{name}.conf").is_file(), name


def test_the_example_gives_each_room_a_good_configuration(tmp_path: Path) -> None:
    """As the role's template writes it from what stands in the inventory; nothing else of the role is run."""
    render = {
        "name": "Render",
        "delegate_to": "localhost",
        "tags": ["render"],
        "ansible.builtin.copy": {
            "dest": f"{tmp_path}/{{{{ inventory_hostname }}}}.toml",
            "content": f"{{{{ lookup('ansible.builtin.template', '{ROLE}/templates/config.toml.j2') }}}}",
            "mode": "0600",
        },
    }
    secrets = {"vault_mqtt_passwords": {"kitchen": "of the kitchen", "hall": "of the hall"}}
    play = {"hosts": "voice_agents", "gather_facts": False, "vars": secrets, "roles": ["voice_agent"]}
    (tmp_path / "play.json").write_text(json.dumps([{**play, "post_tasks": [render]}]))
    here = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
    options = ["--tags", "render", "--skip-tags", "always", "-e", json.dumps(here)]
    done = _run(ANSIBLE, "ansible-playbook", "-i", "inventory/house", str(tmp_path / "play.json"), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    rooms = {file.stem: config_file.load(file) for file in tmp_path.glob("*.toml")}
    assert rooms.keys() == {"kitchen", "hall"}
    assert {name: config.mqtt.device for name, config in rooms.items()} == {"kitchen": "kitchen", "hall": "hall"}
    assert rooms["kitchen"].wake.threshold != rooms["hall"].wake.threshold
    assert "of the" not in "".join(file.read_text() for file in tmp_path.glob("*.toml"))


def test_secrets_are_written_for_root_alone_and_not_logged() -> None:
    for file in ("check.yml", "broker.yml"):
        for task in _tasks(yaml.safe_load((ROLE / "tasks" / file).read_text())):
            if "password" in str(task) or "credentials" in str(task.get("ansible.builtin.copy", {}).get("dest")):
                copied = task.get("ansible.builtin.copy", {})
                assert task.get("no_log") or "content" not in copied, task["name"]
                assert copied.get("mode", "0600") == "0600", task["name"]
            if "voice-agent.fingerprint" in str(task):
                assert task.get("no_log") is True, task["name"]


@pytest.mark.parametrize("playbook", sorted(ANSIBLE.glob("*.yml")), ids=lambda file: file.name)
def test_ansible_understands_the_playbook(playbook: Path) -> None:
    done = _run(ANSIBLE, "ansible-playbook", "--syntax-check", playbook.name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ansible_lint_has_nothing_to_say(tmp_path: Path) -> None:
    copy = shutil.copytree(ANSIBLE, tmp_path / "ansible")
    done = _run(copy, "ansible-lint", "--offline", "--nocolor", "--profile", "production")
    assert done.returncode == 0, done.stdout + done.stderr


def _run(folder: Path, tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{TOOLS}:{os.environ['PATH']}"
    found = shutil.which(tool, path=path)
    if found is None:
        pytest.skip(f"{tool} is not installed; make test-deploy brings it")
    env = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}
    return subprocess.run([found, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=110)


def _tasks(tasks: list[dict[str, object]]) -> list[dict[str, object]]:
    """Those within blocks, too."""
    return [inner for task in tasks for inner in (_tasks(task["block"]) if "block" in task else [task])]  # type: ignore[arg-type]


def _inventory() -> list[Path]:
    return sorted((ANSIBLE / "inventory").rglob("*.yml"))
