"""The role on booted systems: installed from nothing, again, reconfigured, upgraded, gone back, refused, removed.

Debian 13 has no network at all and is installed from bundles; Debian 12 asks the registries first and is upgraded from a
bundle. The tests build on each other, in the order they stand here: what a device lives through.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deploy_systems import fleet
from deploy_systems.fleet import MODELS, Fleet, Play
from machines.machine import Machine, Unsupported
from machines.roots import RELEASES, Release
from machines.sound import Sound

Record = Callable[[str, object], None]

OLD, NEW = "0.0.9", "0.0.10"
PASSWORD = "correct horse battery staple"
STATE = "/var/lib/voice-agent"
CONFIG = "/etc/voice-agent/config.toml"
OURS = ("/opt/voice-agent", "/etc/voice-agent", STATE, "/etc/systemd/system", "/var/tmp", "/run/voice-agent")
WAIT_S = 60

pytestmark = pytest.mark.timeout(600)


@dataclass
class House:
    """A system, and what its operator says about it."""

    machine: Machine
    fleet: Fleet
    variables: Mapping[str, Any]
    settings: Mapping[str, Any]

    def play(self, *options: str, playbook: str = "site.yml", settings: Mapping[str, Any] = {}, **more: Any) -> Play:  # noqa: B006
        said = {**self.variables, **more, "voice_agent_settings": {**self.settings, **settings}}
        return self.fleet.play(playbook, said, *options)

    def link(self, name: str = "current") -> str:
        """The release that a link names."""
        return Path(self.machine.run(["readlink", f"/opt/voice-agent/{name}"], check=False).stdout.strip()).name

    def pid(self) -> str:
        """Of the running service; "0" where it does not run."""
        return self.machine.show("voice-agent", "MainPID")

    def paths(self) -> list[str]:
        return list(fleet.files_of(self.machine, *OURS))

    def backups(self) -> list[str]:
        return self.machine.sh(f"ls {STATE}/backup 2>/dev/null || true").split()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not installed")
    if not (fleet.TOOLS / "ansible-playbook").exists():
        pytest.skip("Ansible is not installed: make test-deploy brings it")
    return tmp_path_factory.mktemp("fleet")


@pytest.fixture(scope="module")
def bundles(work: Path) -> Mapping[str, Path]:
    """Of this checkout, under two versions' numbers."""
    try:
        return {OLD: fleet.bundle(work, OLD, "trixie"), NEW: fleet.bundle(work, NEW, *RELEASES)}
    except subprocess.CalledProcessError as error:
        pytest.fail(f"no bundle: {error.stderr}")


@pytest.fixture(scope="module")
def houses(work: Path, bundles: Mapping[str, Path]) -> Iterator[Mapping[Release, House]]:
    """Both systems, bare."""
    with ExitStack() as stack:
        found: dict[Release, House] = {}
        for release in RELEASES:
            try:
                layers = fleet.layers(release)
                machine = stack.enter_context(Machine(release, layers, "own" if release == "trixie" else "host"))
            except Unsupported as reason:
                pytest.skip(str(reason))
            stack.enter_context(Sound(machine))
            folder = work / release
            folder.mkdir()
            said = _said(release, work, bundles)
            found[release] = House(machine, Fleet(folder, {release: machine}), *said)
        yield found


def _said(release: Release, work: Path, bundles: Mapping[str, Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inventory's variables, and the settings among them. Debian 12 shares its ports with this host: no broker."""
    settings: dict[str, Any] = {"asr.engine": "vosk", "asr.model": MODELS[0], "asr.load": "first_use"}
    variables: dict[str, Any] = {
        "voice_agent_version": OLD,
        "voice_agent_models": list(MODELS),
        "voice_agent_mic": "default",
        "voice_agent_drop_ins": ["memory-1g"],
        "voice_agent_bundle_folder": str(work / "unpacked"),
        "voice_agent_doctor_wait_s": WAIT_S,
    }
    if release == "bookworm":
        variables |= {
            "voice_agent_wheel": str(fleet.wheel(work, OLD)),
            "voice_agent_models_from": str(fleet.PROJECT / ".cache/bundle/models"),
        }
        return variables, {**settings, "mqtt.enabled": False}
    account = {"username": "kitchen-agent", "password": PASSWORD}
    variables |= {
        "voice_agent_bundle": str(bundles[OLD]),
        "voice_agent_credentials": {"mqtt-password": PASSWORD},
        "voice_agent_broker": True,
        "voice_agent_broker_devices": {"kitchen": account},
        "voice_agent_broker_users": {"home": PASSWORD},
    }
    mqtt = {"mqtt.device": "kitchen", "mqtt.username": account["username"], "mqtt.password": "mqtt-password"}
    return variables, {**settings, **mqtt}


def new(bundles: Mapping[str, Path]) -> dict[str, Any]:
    """What the operator changes for the upgrade."""
    return {"voice_agent_version": NEW, "voice_agent_bundle": str(bundles[NEW])}


@pytest.fixture(params=RELEASES)
def house(request: pytest.FixtureRequest, houses: Mapping[Release, House]) -> House:
    return houses[request.param]


# -------------------------------------------------------------------- install


def test_a_check_on_a_bare_system_says_what_it_would_do_and_does_nothing(house: House) -> None:
    before = house.paths()
    play = house.play("--check").good()
    assert sum(play.changed.values()) > 10
    assert "+version = 1" in play.said
    assert house.paths() == before
    assert house.machine.run(["id", "voice-agent"], check=False).returncode != 0


def test_a_bundle_that_somebody_changed_is_refused_before_anything_is(
    houses: Mapping[Release, House], work: Path, bundles: Mapping[str, Path]
) -> None:
    house = houses["trixie"]
    tampered = work / "tampered.tar"
    shutil.copy(bundles[OLD], tampered)
    with tampered.open("r+b") as file:
        file.seek(tampered.stat().st_size // 2)
        file.write(b"tampered")
    before = house.paths()
    play = house.play(voice_agent_bundle=str(tampered))
    tampered.unlink()
    assert play.status != 0
    assert "was changed" in play.said
    assert sum(play.changed.values()) == 0
    assert house.paths() == before


def test_installed_from_nothing(house: House, record_property: Record) -> None:
    if house.machine.release == "trixie":
        assert house.machine.sh("ip route; ip -6 route show default") == "", "it has a network"
    play = house.play().good()
    record_property("install_s", play.seconds)
    assert house.link() == OLD
    assert house.machine.show("voice-agent", "ActiveState") == "active"
    assert house.machine.show("voice-agent", "UnitFileState") == "enabled"
    assert PASSWORD not in play.said
    modes = house.machine.sh("find /etc/voice-agent/credentials /etc/mosquitto -perm /077 -name '*pass*' 2>/dev/null || true")
    assert modes == ""


def test_the_broker_lets_everybody_do_their_own(houses: Mapping[Release, House]) -> None:
    machine = houses["trixie"].machine
    machine.sh("apt-get --version >/dev/null")
    topics = machine.sh(
        "python3 - <<'END'\n"
        "import sys; sys.path.insert(0, __import__('glob').glob('/opt/voice-agent/current/lib/python3*/site-packages')[0])\n"
        "import paho.mqtt.subscribe as s, paho.mqtt.client as m\n"
        f"ask = lambda user, topic: s.simple(topic, auth={{'username': user, 'password': {PASSWORD!r}}}, keepalive=5).payload\n"
        "print(ask('home', 'voice-agent/kitchen/status').decode(), ask('kitchen-agent', 'voice-agent/kitchen/status').decode())\n"
        "client = m.Client(m.CallbackAPIVersion.VERSION2, protocol=m.MQTTv5); client.connect_timeout = 5\n"
        "print(client.connect('localhost') and 1 or 'tcp')\n"
        "END\n"
    )
    assert topics.split()[:2] == ["online", "online"]
    acl = machine.read("/etc/mosquitto/voice-agent.acl")
    assert "topic readwrite voice-agent/kitchen/#" in acl
    assert PASSWORD not in machine.read("/etc/mosquitto/voice-agent.passwd")


def test_a_second_run_changes_nothing(house: House, record_property: Record) -> None:
    pid, before = house.pid(), house.paths()
    checked, play = house.play("--check").good(), house.play().good()
    record_property("again_s", play.seconds)
    assert (sum(checked.changed.values()), sum(play.changed.values())) == (0, 0), play.said
    assert (house.pid(), house.paths()) == (pid, before)


# -------------------------------------------------------------- configuration


def test_another_configuration_is_read_without_a_restart(house: House, record_property: Record) -> None:
    pid = house.pid()
    wish = {"endpoint.silence_ms": 700}
    checked = house.play("--check", settings=wish).good()
    assert "+endpoint.silence_ms = 700" in checked.said
    assert "silence_ms" not in house.machine.read(CONFIG)
    play = house.play("--tags", "config,service", settings=wish).good()
    record_property("reload_s", play.seconds)
    assert play.changed == checked.changed
    assert "endpoint.silence_ms = 700" in house.machine.read(CONFIG)
    assert house.pid() == pid
    assert "changed: endpoint.silence_ms" in house.machine.journal("voice-agent")


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_a_bad_configuration_stops_the_play_and_nothing_else(house: House, option: str) -> None:
    pid, config = house.pid(), house.machine.read(CONFIG)
    play = house.play(option, settings={"endpoint.silense_ms": 700})
    assert play.status != 0
    assert "did you mean" in play.said
    assert (house.pid(), house.machine.read(CONFIG)) == (pid, config)


# --------------------------------------------------------------- upgrade, back


def test_an_installation_that_fails_leaves_what_runs(house: House, work: Path) -> None:
    pid = house.pid()
    play = house.play(
        voice_agent_version="0.2.0",
        voice_agent_bundle="",
        voice_agent_wheel=str(fleet.wheel(work, "0.2.0")),
        voice_agent_build_packages=[],
        voice_agent_environment={"PIP_NO_INDEX": "1"},
    )
    assert play.status != 0
    assert (house.link(), house.pid()) == (OLD, pid)
    assert house.machine.run(["test", "-e", "/opt/voice-agent/0.2.0/.complete"], check=False).returncode != 0


def test_upgraded_with_its_state_kept_and_backed_up(
    house: House, bundles: Mapping[str, Path], record_property: Record
) -> None:
    house.machine.sh(f"echo kept > {STATE}/marker; chown voice-agent: {STATE}/marker")
    checked = house.play("--check", **new(bundles)).good()
    assert house.link() == OLD
    assert sum(checked.changed.values()) > 5
    play = house.play(**new(bundles)).good()
    record_property("upgrade_s", play.seconds)
    assert (house.link(), house.link("previous")) == (NEW, OLD)
    assert house.machine.run(["/opt/voice-agent/current/bin/voice-agent", "--version"]).stdout.split()[-1] == NEW
    assert house.machine.read(f"{STATE}/marker") == "kept\n"
    (backup,) = house.backups()
    assert backup.startswith(f"{OLD}-")
    held = house.machine.sh(f"tar -tf {STATE}/backup/{backup}").split()
    assert {f"{STATE[1:]}/marker", CONFIG[1:]} <= set(held)
    assert not [name for name in held if "models/" in name or "credentials" in name]
    again = house.play(**new(bundles)).good()
    assert sum(again.changed.values()) == 0, again.said


def test_back_with_one_variable(house: House, bundles: Mapping[str, Path], record_property: Record) -> None:
    house.machine.sh(f"echo newer > {STATE}/marker")
    play = house.play(**new(bundles), voice_agent_rollback=True).good()
    record_property("rollback_s", play.seconds)
    assert house.link() == OLD
    assert house.machine.show("voice-agent", "ActiveState") == "active"
    assert house.machine.read(f"{STATE}/marker") == "newer\n"
    pid = house.pid()
    twice = house.play(**new(bundles), voice_agent_rollback=True)
    assert twice.status != 0
    assert "No earlier release is remembered" in twice.said
    assert (house.link(), house.pid()) == (OLD, pid)


def test_an_installed_release_is_named_and_needs_nothing(house: House) -> None:
    """Forth again, without a bundle, a wheel or a network; and back with the state of then."""
    house.play(voice_agent_version=NEW, voice_agent_bundle="", voice_agent_build_packages=[]).good()
    assert house.link() == NEW
    house.machine.sh(f"echo newest > {STATE}/marker")
    house.play(playbook="rollback.yml", voice_agent_rollback_state=True).good()
    assert house.link() == OLD
    assert house.machine.read(f"{STATE}/marker") == "newer\n"


# ---------------------------------------------------------------------- fleet


def test_a_device_that_does_not_hear_again_stops_the_update(
    houses: Mapping[Release, House], work: Path, record_property: Record
) -> None:
    first, second = houses["bookworm"], houses["trixie"]
    folder = work / "both"
    folder.mkdir()
    both = Fleet(folder, {"a-bookworm": first.machine, "b-trixie": second.machine})
    before, pid = second.paths(), second.pid()
    wish = {"endpoint.silence_ms": 800}
    hosts = {
        name: {**house.variables, "voice_agent_bundle": "", "voice_agent_settings": {**house.settings, **wish}, **more}
        for name, house, more in (
            ("a-bookworm", first, {"voice_agent_mic": "plughw:CARD=Nowhere", "voice_agent_doctor_wait_s": 5}),
            ("b-trixie", second, {}),
        )
    }
    common = {"voice_agent_build_packages": []}
    play = both.play("site.yml", common, "--tags", "config,service", hosts=hosts)
    record_property("stopped_s", play.seconds)
    assert play.status != 0
    assert "Nowhere" in play.said
    assert "b-trixie" not in play.changed
    assert (second.paths(), second.pid()) == (before, pid)
    hosts["a-bookworm"] |= {"voice_agent_mic": "default", "voice_agent_doctor_wait_s": WAIT_S}
    both.play("site.yml", common, "--tags", "config,service", hosts=hosts).good()
    assert all("silence_ms = 800" in house.machine.read(CONFIG) for house in (first, second))


# -------------------------------------------------------------------- removal


def test_removed_and_the_state_kept(house: House) -> None:
    house.play(playbook="remove.yml").good()
    assert house.pid() == "0"
    left = {path.split()[0] for path in house.paths()}
    assert {CONFIG, f"{STATE}/marker"} <= left
    assert not [path for path in left if path.startswith(("/opt", "/etc/systemd/system/voice-agent", "/var/tmp/"))]


def test_removed_and_nothing_left(house: House, record_property: Record) -> None:
    house.play("-e", json.dumps({"voice_agent_remove_state": True}), playbook="remove.yml").good()
    assert not [path for path in house.paths() if "voice-agent" in path]
    assert house.machine.sh("find / -xdev -name '*voice-agent*' -not -path '/proc/*' -not -path '/root/*'") == ""
    assert house.machine.run(["id", "voice-agent"], check=False).returncode != 0
    again = house.play("-e", json.dumps({"voice_agent_remove_state": True}), playbook="remove.yml").good()
    assert sum(again.changed.values()) == 0
