"""The role on booted systems: installed from nothing, again, reconfigured, upgraded, gone back, refused, removed.

Debian 13 has no network at all and is installed from bundles; Debian 12 asks the registries first and is upgraded from
a bundle. The tests build on each other, in the order they stand here: what a device lives through.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from deploy_systems import fleet
from deploy_systems.fleet import MODELS, Fleet
from deploy_systems.household import ASK, CONFIG, NEW, OLD, PASSWORD, STATE, Device, Operator, said
from machines.machine import Machine, Unsupported
from machines.roots import RELEASES
from machines.sound import Sound

from agent.config import Config

Record = Callable[[str, object], None]

FIRMWARE = "/boot/firmware/config.txt"
PATIENT_MS = Config().endpoint.silence_ms + 100  # not what it is anyway
RASPBERRY = "dtparam=audio=on\n\n[pi4]\narm_boost=1\n"

pytestmark = pytest.mark.timeout(600)


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
def operator(work: Path, bundles: Mapping[str, Path]) -> Iterator[Operator]:
    """Of both systems, bare. In the order of an inventory, Debian 12 comes first."""
    with ExitStack() as stack:
        machines = {}
        for release in RELEASES:
            try:
                layers = fleet.layers(release)
                machine = stack.enter_context(Machine(release, layers, "own" if release == "trixie" else "host"))
            except Unsupported as reason:
                pytest.skip(f"{release}: {reason}")
            stack.enter_context(Sound(machine))
            fleet.hum(machine)
            machine.write(FIRMWARE, RASPBERRY)
            machines[release] = machine
        told = {release: said(release, work, bundles) for release in RELEASES}
        operated = Fleet(work, machines)
        stack.callback(operated.close)
        yield Operator(operated, told, bundles)


# -------------------------------------------------------------------- install


def test_a_check_on_bare_systems_says_what_it_would_do_and_does_nothing(operator: Operator) -> None:
    before = operator.each(Device.paths)
    play = operator.play("--check").good()
    assert min(play.changed.values()) > 10
    assert "+version = 1" in play.said
    assert operator.each(Device.paths) == before
    users = operator.each(lambda device: device.machine.run(["id", "voice-agent"], check=False).returncode)
    assert 0 not in users.values()


def test_a_bundle_that_somebody_changed_is_refused_before_anything_is(operator: Operator, work: Path) -> None:
    tampered = work / "tampered.tar"
    shutil.copy(operator.bundles[OLD], tampered)
    with tampered.open("r+b") as file:
        file.seek(tampered.stat().st_size // 2)
        file.write(b"tampered")
    before = operator.each(Device.paths)
    play = operator.play("--limit", "trixie", voice_agent_bundle=str(tampered))
    tampered.unlink()
    assert play.status != 0
    assert "was changed" in play.said
    assert sum(play.changed.values()) == 0
    assert operator.each(Device.paths) == before


def test_installed_from_nothing(operator: Operator, record_property: Record) -> None:
    assert operator.devices["trixie"].machine.sh("ip route; ip -6 route show default") == "", "it has a network"
    play = operator.play().good()
    record_property("install_s", play.seconds)
    assert operator.each(Device.link) == {"bookworm": OLD, "trixie": OLD}
    for device in operator.devices.values():
        assert device.machine.show("voice-agent", "ActiveState") == "active"
        assert device.machine.show("voice-agent", "UnitFileState") == "enabled"
    assert PASSWORD not in play.said


def test_overlays_are_named_to_the_firmware(operator: Operator) -> None:
    block = "# BEGIN voice-agent\n[all]\ndtoverlay=hifiberry-dacplus\n# END voice-agent\n"
    written = operator.each(lambda device: device.machine.read(FIRMWARE))
    assert written == {"bookworm": RASPBERRY + block, "trixie": RASPBERRY}


def test_lights_and_buttons_are_for_the_user_where_they_are_chosen(operator: Operator) -> None:
    groups = operator.each(lambda device: set(device.machine.run(["id", "-Gn", "voice-agent"]).stdout.split()))
    mine = {"voice-agent", "audio"}
    assert groups == {"bookworm": mine | {"gpio", "spi", "i2c"}, "trixie": mine}


def test_secrets_are_for_those_who_need_them(operator: Operator) -> None:
    machine = operator.devices["trixie"].machine
    listed = machine.sh("stat -c '%n %U %a' /etc/voice-agent/credentials/* /etc/mosquitto/voice-agent.[pf]*")
    assert listed.splitlines() == [
        "/etc/voice-agent/credentials/mqtt-password root 600",
        "/etc/mosquitto/voice-agent.fingerprint root 600",
        "/etc/mosquitto/voice-agent.passwd mosquitto 600",
    ]
    assert PASSWORD not in machine.sh("cat /etc/mosquitto/voice-agent.*")
    assert PASSWORD not in machine.sh("journalctl --no-pager")


def test_the_broker_lets_everybody_do_their_own(operator: Operator) -> None:
    machine = operator.devices["trixie"].machine
    # Who is there is for all (rooms agree who answers); anything else of another device is not.
    hall, kitchen = "voice-agent/hall/state", "voice-agent/kitchen/status"

    def ask(user: str, *topics: str, password: str = PASSWORD) -> str:
        program = ["/opt/voice-agent/current/bin/python", "-c", ASK, user, *topics]
        return machine.run(program, input=password).stdout.strip()

    assert ask("home", kitchen) == "online"
    assert ask("home", f"{hall}=secret") == "secret"
    assert ask("home", hall, kitchen) == "secret"
    assert ask("kitchen-agent", hall, kitchen) == "online"
    assert ask("kitchen-agent", f"{hall}=forged", kitchen) == "online"
    assert ask("home", hall) == "secret"
    assert ask("home", kitchen, password="wrong") == "not authorised"


def test_a_second_run_changes_nothing(operator: Operator, record_property: Record) -> None:
    before = operator.each(lambda device: (device.pid(), device.paths()))
    checked = operator.play("--check").good()
    assert sum(checked.changed.values()) == 0, checked.said
    play = operator.play().good()
    record_property("again_s", play.seconds)
    assert sum(play.changed.values()) == 0, play.said
    assert operator.each(lambda device: (device.pid(), device.paths())) == before


def test_models_that_the_bundle_lacks_are_named(operator: Operator) -> None:
    more = {"trixie": {"voice_agent_models": [*MODELS, "vosk-small-de"]}}
    play = operator.play("--limit", "trixie", "--tags", "models", of=more)
    assert play.status != 0
    assert "The bundle holds no vosk-small-de" in play.said


# -------------------------------------------------------------- configuration


def test_another_configuration_is_read_without_a_restart(operator: Operator, record_property: Record) -> None:
    pids = operator.each(Device.pid)
    wish = {"endpoint.silence_ms": PATIENT_MS}
    checked = operator.play("--check", "--tags", "config,service", settings=wish).good()
    assert f"+endpoint.silence_ms = {PATIENT_MS}" in checked.said
    assert not any("silence_ms" in config for config in operator.each(Device.config).values())
    play = operator.play("--tags", "config,service", settings=wish).good()
    record_property("reload_s", play.seconds)
    assert play.changed == checked.changed == {"bookworm": 2, "trixie": 2}
    assert operator.each(Device.pid) == pids
    for device in operator.devices.values():
        assert "changed: endpoint.silence_ms" in device.machine.journal("voice-agent")


def test_a_configuration_by_hand_is_left_alone_where_it_is_new(operator: Operator) -> None:
    """Its owner, mode and last line break, too; and it is checked."""
    tags = ("--tags", "config,service")
    ours = operator.each(Device.config)
    by_hand = {name: f"# mine\n{text}\n" for name, text in ours.items()}
    for name, device in operator.devices.items():
        device.machine.write(CONFIG, by_hand[name], 0o644)
        device.machine.run(["systemctl", "reload", "voice-agent"])
    play = operator.play(*tags, voice_agent_manage_config=False).good()
    assert sum(play.changed.values()) == 0, play.said
    assert operator.each(Device.config) == by_hand
    assert set(operator.each(lambda device: device.machine.sh(f"stat -c %a {CONFIG}")).values()) == {"644\n"}
    operator.each(lambda device: device.machine.write(CONFIG, "wake.treshold = 0.5\n", 0o644))
    refused = operator.play(*tags, voice_agent_manage_config=False)
    assert refused.status != 0
    assert "did you mean" in refused.said
    for name, device in operator.devices.items():
        device.machine.write(CONFIG, ours[name], 0o640)
    operator.play(*tags, settings={"endpoint.silence_ms": PATIENT_MS}).good()


def test_a_service_that_somebody_has_stopped_is_started_with_the_new_configuration(operator: Operator) -> None:
    operator.each(lambda device: device.machine.run(["systemctl", "stop", "voice-agent"]))
    operator.play("--tags", "config,service", settings={"endpoint.silence_ms": 650}).good()
    assert "0" not in operator.each(Device.pid).values()


def test_what_a_failed_play_was_going_to_restart_the_next_one_does(operator: Operator) -> None:
    """A secret was written when the configuration turned out to be bad: the service has to be handed it yet."""
    tags = ("--tags", "config,service")
    more = {"trixie": {"voice_agent_credentials": {"mqtt-password": PASSWORD, "spare": "a secret of no use"}}}
    operator.play(*tags).good()
    pids = operator.each(Device.pid)
    assert operator.play(*tags, settings={"endpoint.silense_ms": 700}, of=more).status != 0
    assert operator.each(Device.pid) == pids
    mended = operator.play(*tags, of=more).good()
    assert mended.changed == {"bookworm": 0, "trixie": 1}
    assert operator.devices["bookworm"].pid() == pids["bookworm"]
    assert operator.devices["trixie"].pid() != pids["trixie"]
    again = operator.play(*tags, of=more).good()
    assert sum(again.changed.values()) == 0, again.said


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_a_bad_configuration_stops_the_play_and_nothing_else(operator: Operator, option: str) -> None:
    before = operator.each(lambda device: (device.pid(), device.config()))
    play = operator.play(option, "--tags", "config,service", settings={"endpoint.silense_ms": 700})
    assert play.status != 0
    assert "did you mean" in play.said
    assert operator.each(lambda device: (device.pid(), device.config())) == before


# --------------------------------------------------------------- upgrade, back


def test_an_installation_that_fails_leaves_what_runs(operator: Operator, work: Path) -> None:
    before = operator.each(lambda device: (device.pid(), device.link()))
    play = operator.play(
        voice_agent_version="0.2.0",
        voice_agent_bundle="",
        voice_agent_wheel=str(fleet.wheel(work, "0.2.0")),
        voice_agent_build_packages=[],
        voice_agent_environment={"PIP_NO_INDEX": "1"},
    )
    assert play.status != 0
    assert "No matching distribution" in play.said
    assert operator.each(lambda device: (device.pid(), device.link())) == before
    for device in operator.devices.values():
        assert device.machine.run(["test", "-e", "/opt/voice-agent/0.2.0/.complete"], check=False).returncode != 0


def test_upgraded_with_its_state_kept_and_backed_up(operator: Operator, record_property: Record) -> None:
    operator.each(lambda device: device.marker("older"))
    # As a play leaves them that lost its connection, with another bundle.
    operator.each(lambda device: device.machine.write("/var/tmp/voice-agent-bundle/requirements.txt", "numpy==0.0.1\n"))
    checked = operator.play("--check", **operator.upgrade).good()
    assert operator.each(Device.link) == {"bookworm": OLD, "trixie": OLD}
    assert min(checked.changed.values()) > 5
    play = operator.play(**operator.upgrade).good()
    record_property("upgrade_s", play.seconds)
    for device in operator.devices.values():
        assert (device.link(), device.link("previous"), device.marker()) == (NEW, OLD, "older")
        said = device.machine.run(["/opt/voice-agent/current/bin/voice-agent", "--version"]).stdout
        assert said == f"voice-agent {NEW}\n"
        held = device.machine.sh(f"cd {STATE}/backup; ls; tar -tf {OLD}-*.tar").split()
        assert held[0].startswith(f"{OLD}-")
        assert {f"{STATE[1:]}/marker", CONFIG[1:]} <= set(held)
        assert not [name for name in held if "models/" in name or "credentials" in name]


def test_back_with_one_variable(operator: Operator, record_property: Record) -> None:
    operator.each(lambda device: device.marker("newer"))
    running = operator.each(Device.pid)
    model = f"{STATE}/models/{MODELS[0]}"
    operator.each(lambda device: device.machine.run(["mv", model, "/root/model"]))
    refused = operator.play(**operator.upgrade, voice_agent_rollback=True)
    operator.each(lambda device: device.machine.run(["mv", "/root/model", model]))
    assert refused.status != 0
    assert MODELS[0] in refused.said
    assert operator.each(Device.pid) == running
    play = operator.play(**operator.upgrade, voice_agent_rollback=True).good()
    record_property("rollback_s", play.seconds)
    assert operator.each(lambda device: (device.link(), device.marker())) == dict.fromkeys(RELEASES, (OLD, "newer"))
    pids = operator.each(Device.pid)
    assert "0" not in pids.values()
    twice = operator.play(**operator.upgrade, voice_agent_rollback=True)
    assert twice.status != 0
    assert "No earlier release is remembered" in twice.said
    assert operator.each(Device.pid) == pids


def test_forth_to_an_installed_release_by_its_name_and_back_with_the_state_of_then(operator: Operator) -> None:
    """Without a bundle, a wheel or a network, and by the tag of the program alone: the gate finds it restarted."""
    operator.play("--tags", "program", voice_agent_version=NEW, voice_agent_bundle="").good()
    assert "0" not in operator.each(Device.pid).values()
    assert operator.each(Device.link) == dict.fromkeys(RELEASES, NEW)
    operator.each(lambda device: device.marker("newest"))
    operator.play(playbook="rollback.yml", voice_agent_rollback_state=True).good()
    assert operator.each(lambda device: (device.link(), device.marker())) == dict.fromkeys(RELEASES, (OLD, "newer"))


# ---------------------------------------------------------------------- fleet


def test_a_device_that_does_not_hear_again_stops_the_update(operator: Operator, record_property: Record) -> None:
    second = operator.devices["trixie"]
    before = (second.pid(), second.paths(), second.config())
    wish = {"endpoint.silence_ms": PATIENT_MS}
    one_by_one = ("-e", "voice_agent_serial=1", "--tags", "config,service")
    deaf = {"bookworm": {"voice_agent_mic": "plughw:CARD=Nowhere", "voice_agent_doctor_wait_s": 5}}
    play = operator.play(*one_by_one, settings=wish, of=deaf)
    record_property("stopped_s", play.seconds)
    assert play.status != 0
    assert "service: hears: not within 5 s: mic" in play.said
    assert list(play.changed) == ["bookworm"]
    assert (second.pid(), second.paths(), second.config()) == before
    operator.play(*one_by_one, settings=wish).good()
    assert all(f"silence_ms = {PATIENT_MS}" in config for config in operator.each(Device.config).values())


# -------------------------------------------------------------------- removal


def test_removed_and_the_state_kept(operator: Operator) -> None:
    operator.play(playbook="remove.yml").good()
    for device in operator.devices.values():
        assert device.pid() == "0"
        left = {path.split()[0] for path in device.paths()}
        assert {CONFIG, f"{STATE}/marker"} <= left
        assert not [path for path in left if path.startswith(("/opt", "/etc/systemd/system/voice-agent", "/var/tmp/v"))]


def test_removed_and_nothing_left(operator: Operator, record_property: Record) -> None:
    play = operator.play("-e", "voice_agent_remove_state=true", playbook="remove.yml").good()
    record_property("remove_s", play.seconds)
    for device in operator.devices.values():
        found = "find / -xdev -name '*voice[-_]agent*' -not -path '/var/log/*' -not -path '/root/*'"
        assert device.machine.sh(found) == ""
        assert device.machine.run(["id", "voice-agent"], check=False).returncode != 0
        assert device.machine.run(["getent", "group", "voice-agent"], check=False).returncode != 0
    assert operator.each(lambda device: device.machine.read(FIRMWARE)) == dict.fromkeys(RELEASES, RASPBERRY)
    again = operator.play("-e", "voice_agent_remove_state=true", playbook="remove.yml").good()
    assert sum(again.changed.values()) == 0
