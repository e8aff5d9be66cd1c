"""A rolling update as Ansible runs it, on hosts that are all this machine: with whom it begins, and with whom not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
ANSIBLE = PROJECT / "deploy" / "ansible"
TOOLS = PROJECT / ".cache/deploy/bin"

# As site.yml, with work that fails where it is told to.
WORK = [
    {"name": "Begin", "ansible.builtin.include_role": {"name": "voice_agent", "tasks_from": "begin.yml"}},
    {"name": "Work", "ansible.builtin.command": {"argv": ["{{ work }}"]}, "changed_when": False},
    {"name": "Finish", "ansible.builtin.debug": {"msg": "{{ inventory_hostname }} has finished"}},
]
HERE: dict[str, object] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "work": "true"}
FAILING = {**HERE, "work": "false"}
GONE: dict[str, object] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "work": "true"}


def update(folder: Path, hosts: dict[str, dict[str, object]], *options: str) -> subprocess.CompletedProcess[str]:
    path = f"{TOOLS}:{os.environ['PATH']}"
    tool = shutil.which("ansible-playbook", path=path)
    if tool is None:
        pytest.skip("ansible-playbook is not installed; make test-deploy brings it")
    site = yaml.safe_load((ANSIBLE / "site.yml").read_text())
    for play in site:
        play.pop("roles")
        play |= {"become": False, "gather_facts": False, "tasks": WORK}
    (folder / "site.json").write_text(json.dumps(site))
    (folder / "hosts.json").write_text(json.dumps({"voice_agents": {"hosts": hosts}}))
    env = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(folder)}
    env["ANSIBLE_ROLES_PATH"] = str(ANSIBLE / "roles")
    command = [tool, "-i", "hosts.json", "site.json", *options]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=110, check=False)


def finished(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"(\w+) has finished", done.stdout))


@pytest.mark.parametrize("trouble", [FAILING, GONE], ids=["failed", "out of reach"])
def test_a_batch_is_finished_and_none_is_begun_after_it(tmp_path: Path, trouble: dict[str, object]) -> None:
    house = {"kitchen": HERE, "hall": trouble, "bath": HERE, "attic": HERE, "cellar": HERE}
    done = update(tmp_path, house)
    assert done.returncode != 0
    assert finished(done) == {"kitchen", "bath", "attic"}, done.stdout + done.stderr
    assert "it did not go well with hall" in done.stdout + done.stderr
    assert "--limit 'all:!hall'" in done.stdout + done.stderr


def test_the_first_one_alone_is_enough_to_stop(tmp_path: Path) -> None:
    done = update(tmp_path, {"kitchen": FAILING, "hall": HERE})
    assert done.returncode != 0
    assert finished(done) == set()


def test_a_text_where_a_list_is_wanted_is_refused(tmp_path: Path) -> None:
    done = update(tmp_path, {"kitchen": HERE}, "-e", "voice_agent_extras=[gpio]")
    assert done.returncode != 0
    assert "Not a list: voice_agent_extras." in done.stdout + done.stderr
    assert finished(update(tmp_path, {"kitchen": HERE}, "-e", "{voice_agent_extras: [gpio]}")) == {"kitchen"}


@pytest.mark.parametrize("playbook", ["site.yml", "rollback.yml"])
def test_no_device_is_left_in_the_middle_for_another_ones_failure(playbook: str) -> None:
    (play,) = yaml.safe_load((ANSIBLE / playbook).read_text())
    assert play["serial"]
    assert not {"max_fail_percentage", "any_errors_fatal"} & play.keys()
    tasks = yaml.safe_load((ANSIBLE / "roles/voice_agent/tasks/main.yml").read_text())
    assert tasks[0]["ansible.builtin.import_tasks"] == "begin.yml"
    assert tasks[0]["tags"] == ["always"]
