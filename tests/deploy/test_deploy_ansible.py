"""The role, as far as it can be read without Ansible: it speaks of files, commands and settings that there are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from agent.models import catalogue

PROJECT = Path(__file__).parents[2]
ANSIBLE = PROJECT / "deploy" / "ansible"
ROLE = ANSIBLE / "roles" / "voice_agent"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())


@pytest.mark.parametrize("file", sorted(ANSIBLE.rglob("*.yml")), ids=lambda file: file.name)
def test_every_file_is_yaml(file: Path) -> None:
    assert yaml.safe_load(file.read_text())


@pytest.mark.parametrize("key", ["voice_agent_requirements", "voice_agent_build_requirements", "voice_agent_unit"])
def test_what_is_copied_is_there(key: str) -> None:
    assert (PROJECT / DEFAULTS[key].removeprefix("{{ voice_agent_project }}/")).is_file()


def test_the_requirements_are_pinned_by_hash_and_name_no_address() -> None:
    for key in ("voice_agent_requirements", "voice_agent_build_requirements"):
        text = (PROJECT / DEFAULTS[key].removeprefix("{{ voice_agent_project }}/")).read_text()
        pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert all("==" in line for line in pinned)
        assert text.count("--hash=sha256:") >= len(pinned)
        assert "://" not in text


def test_the_models_are_in_the_catalogue() -> None:
    assert set(DEFAULTS["voice_agent_models"]) <= {model.name for model in catalogue()}


def test_secrets_are_written_for_root_alone_and_not_logged() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "config.yml").read_text())
    task = next(task for task in tasks if task["name"] == "Write the credentials")
    assert task["no_log"] is True
    assert (task["ansible.builtin.copy"]["owner"], task["ansible.builtin.copy"]["mode"]) == ("root", "0600")


def test_ansible_lint_has_nothing_to_say(tmp_path: Path) -> None:
    tool = shutil.which("ansible-lint")
    if tool is None:
        pytest.skip("ansible-lint is not installed")
    copy = shutil.copytree(ANSIBLE, tmp_path / "ansible")
    command = [tool, "--offline", "--profile", "production"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
