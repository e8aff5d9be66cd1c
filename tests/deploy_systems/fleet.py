"""Machines that Ansible reaches over ssh, as it would a house full of devices: bare Debian with a room's sound in it.

ssh goes through `ProxyCommand`, so that a machine without a network is reached too. Every machine is as a fresh
installation leaves it; of ours there is nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machines import roots
from machines.machine import Machine
from machines.sound import SOCKET

PROJECT = roots.PROJECT
BUNDLE = PROJECT / "deploy/bundle"
ANSIBLE = PROJECT / "deploy/ansible"
TOOLS = PROJECT / ".cache/deploy/bin"
ROOM = ("pulseaudio", "procps")
MODELS = ("vosk-small-ko", "en_US-joe-medium")
INSTALL_S = 600.0
PLAY_S = 420.0


@dataclass(frozen=True, slots=True)
class Play:
    """How a playbook ended. `changed`: by host, how many tasks changed something, or would have."""

    status: int
    said: str
    seconds: float
    changed: Mapping[str, int]

    def good(self) -> Play:
        assert self.status == 0, self.said[-6000:]
        return self


class Fleet:
    """Machines by name in one inventory; `play` runs a playbook on them as an operator does."""

    def __init__(self, folder: Path, machines: Mapping[str, Machine]) -> None:
        self._folder = folder
        self.machines = machines
        self._key = folder / "key"
        self._sockets = folder / "cp"
        if not self._key.exists():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)], check=True, timeout=60
            )
        for machine in machines.values():
            machine.write("/root/.ssh/authorized_keys", self._key.with_suffix(".pub").read_text(), 0o600)

    def play(self, playbook: str, variables: Mapping[str, Mapping[str, Any]], *options: str) -> Play:
        """`variables` of each machine; all are done at once."""
        inventory = self._folder / "inventory.json"
        hosts = {name: {**self._reached(machine), **variables[name]} for name, machine in self.machines.items()}
        common = {"voice_agent_serial": len(hosts)}
        inventory.write_text(json.dumps({"voice_agents": {"hosts": hosts}}))
        options = ("-e", json.dumps(common), *options)
        command = [str(TOOLS / "ansible-playbook"), "-i", str(inventory), playbook, "--diff", *options]
        env = {
            **os.environ,
            "PATH": f"{TOOLS}:{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_HOST_KEY_CHECKING": "0",
            "ANSIBLE_HOME": str(self._folder / "ansible"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._sockets),
            "LC_ALL": "C.UTF-8",
        }
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=ANSIBLE, env=env, capture_output=True, text=True, timeout=PLAY_S, check=False
        )
        said = done.stdout + done.stderr
        changed = {name: int(count) for name, count in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", said, re.M)}
        return Play(done.returncode, said, time.monotonic() - began, changed)

    def close(self) -> None:
        """End the connections that ssh keeps open: a machine with one does not power off."""
        for socket in self._sockets.glob("*") if self._sockets.is_dir() else ():
            subprocess.run(
                ["ssh", "-O", "exit", "-S", str(socket), "nobody"], capture_output=True, timeout=30, check=False
            )

    def _reached(self, machine: Machine) -> dict[str, str]:
        options = (
            "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o ControlMaster=auto -o ControlPersist=60s"
        )
        return {
            "ansible_host": machine.name,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self._key),
            "ansible_ssh_common_args": f'{options} -o ProxyCommand="{machine.ssh_proxy}"',
        }


def layers(release: roots.Release) -> tuple[Path, ...]:
    """A bare Debian with a sound server; made once (from the network). Raises Unsupported, CommandFailed."""
    below = roots.base(release)
    folder = roots.cache() / f"{release}-room-{_digest(below.name, *ROOM)}"
    with roots.locked(f"{release}-room"):
        if not folder.is_dir():
            part = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            with Machine(release, (below,), upper=part) as machine:
                machine.run(["apt-get", "update", "-q"], timeout=INSTALL_S)
                install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *ROOM]
                machine.run(install, timeout=INSTALL_S)
                machine.sh("rm -rf /etc/pip.conf; apt-get clean; rm -rf /var/lib/apt/lists/*", timeout=INSTALL_S)
            part.rename(folder)
    return folder, below


def bundle(folder: Path, version: str, *releases: roots.Release) -> Path:
    """A bundle of this checkout for this host's architecture, with `MODELS`. Raises subprocess.CalledProcessError."""
    arguments = ["--arch", roots.architecture(), "--release", *releases, "--model", *MODELS, "--extra"]
    command = [sys.executable, str(BUNDLE / "build.py"), *arguments, "--version", version, "--to", str(folder)]
    return _made(command)


def wheel(folder: Path, version: str) -> Path:
    """This checkout under this version's number. Raises subprocess.CalledProcessError."""
    return _made([sys.executable, str(BUNDLE / "wheel.py"), "--version", version, "--to", str(folder)])


def _made(command: Sequence[str]) -> Path:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=True)
    return Path(done.stdout.strip())


def hum(machine: Machine) -> None:
    """A microphone that gives nothing but zeros is broken; this one hears the mains, softly."""
    machine.sh(
        f"pactl --server=unix:{SOCKET} load-module module-sine sink=mic frequency=50;"
        f"pactl --server=unix:{SOCKET} set-sink-input-volume 0 20%"
    )


def files_of(machine: Machine, *folders: str) -> Iterator[str]:
    """Every path below, with its kind, owner and mode."""
    listed = machine.run(["find", *folders, "-printf", "%p %y %U:%G %m %l\\n"], check=False)
    yield from sorted(listed.stdout.splitlines())


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
