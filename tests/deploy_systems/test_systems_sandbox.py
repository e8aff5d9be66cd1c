"""What the sandbox really holds, tried from inside of it: effects, not properties.

A probe takes the service's place, with the unit's every other line in force. Where the container itself would refuse,
or cannot, that is skipped by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy_systems.service import UNIT, Service

PYTHON = "/opt/voice-agent/current/bin/python"
TAKE_OVER = """
[Service]
Type=oneshot
ExecStart=
ExecStart=/usr/bin/python3 /opt/voice-agent/probe.py '{plan}'
ExecReload=
WatchdogSec=0
Restart=no
RestartForceExitStatus=
"""
# Of the documentation's networks, as addresses of the machine's own loopback device: nothing leaves it.
CLOUD, LAN, PORT = "203.0.113.7", "192.168.77.1", 8099
# Allowed nowhere: fuse and tun, which anybody may open who is let. Allowed: what every program needs.
FORBIDDEN = {"/dev/probe-fuse": (10, 229), "/dev/probe-tun": (10, 200)}
ALLOWED = ("/dev/null", "/dev/zero", "/dev/urandom")
REFUSED = ("EPERM", "EACCES")
LLM = f"""
[llm]
use = ["cloud"]
[llm.profiles.cloud]
base_url = "http://{CLOUD}:{PORT}/v1"
model = "any"
"""


@pytest.fixture(scope="module")
def surroundings(service: Service) -> Iterator[Service]:
    """Addresses, somebody who listens there, devices, and somebody's private files."""
    machine = service.machine
    for address in (CLOUD, LAN):
        machine.run(["ip", "address", "add", f"{address}/32", "dev", "lo"])
    here = Path(__file__).parent
    for name in ("probe.py", "cloud_llm.py"):
        machine.copy(here / name, f"/opt/voice-agent/{name}", 0o644)
    cloud = f"/usr/bin/python3 /opt/voice-agent/cloud_llm.py 0.0.0.0 {PORT}"
    machine.run(["systemd-run", "--unit=cloud", "sh", "-c", cloud])
    machine.sh("mkdir -p /home/somebody; touch /home/somebody/diary /tmp/of-somebody-else")
    for path, (major, minor) in FORBIDDEN.items():
        machine.sh(f"test -e {path} || mknod -m 666 {path} c {major} {minor}")
    yield service
    machine.sh(
        f"systemctl stop cloud; rm -rf /home/somebody; ip address del {CLOUD}/32 dev lo; ip address del {LAN}/32 dev lo"
    )


def probe(service: Service, *drop_ins: str) -> Any:
    """What the probe found."""
    service.clean()
    # As systemd makes them where they are missing: the service's own, and yet not to be written by it.
    service.machine.run(["install", "-d", "-o", "voice-agent", "/etc/voice-agent", "/etc/voice-agent/credentials"])
    service.configure()
    service.machine.write("/etc/voice-agent/credentials/probe", "of root's only", 0o600)
    service.machine.sh("install -d -o root -m 755 /var/lib/voice-agent/models")
    for name in drop_ins:
        service.drop_in(name)
    plan = {"devices": [*FORBIDDEN, *ALLOWED], "hosts": ["127.0.0.1", LAN, CLOUD]}
    service.drop_in("zz-probe.conf", TAKE_OVER.format(plan=json.dumps(plan)))
    service.start()
    found = json.loads(service.machine.read("/var/lib/voice-agent/probe.json"))
    service.clean()
    return found


@pytest.fixture(scope="module")
def found(surroundings: Service) -> Any:
    return probe(surroundings)


def test_it_writes_into_its_own_folders_only(found: Any) -> None:
    mine = ("/var/lib/voice-agent", "/run/voice-agent", "/tmp")
    assert {folder: found["write"][folder] for folder in mine} == dict.fromkeys(mine, "ok")
    others = {folder: error for folder, error in found["write"].items() if folder not in mine}
    assert set(others) == {"/etc", "/etc/voice-agent", "/usr", "/opt", "/var/lib", "/var/lib/voice-agent/models"}
    assert set(others.values()) == {"EROFS"}, others
    assert found["tunable"] in ("EROFS", *REFUSED)
    assert found["cgroup"] in ("EROFS", *REFUSED)


def test_it_sees_nobodys_files_and_processes(found: Any) -> None:
    assert found["list"]["/home"] in ([], "EACCES")
    assert found["list"]["/root"] in ([], "EACCES")
    assert "of-somebody-else" not in found["list"]["/tmp"]
    assert 1 not in found["processes"], "the first process is visible"
    assert found["pid"] in found["processes"]
    assert found["cpuinfo"] is True, "onnxruntime reads it on ARM"


def test_a_credential_comes_through_systemd_alone(found: Any) -> None:
    assert found["credentials"] == ["credential_probe"]
    assert found["secret"] == "EACCES"


def test_it_has_no_privileges_and_gets_none(found: Any) -> None:
    status = found["status"]
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert {int(status[key], 16) for key in ("CapEff", "CapBnd", "CapAmb")} == {0}


def test_system_calls_beyond_a_services_are_refused(found: Any) -> None:
    assert set(found["syscall"].values()) == {"EPERM"}, found["syscall"]
    assert found["socket"] == {"packet": "EAFNOSUPPORT", "netlink": "EAFNOSUPPORT", "inet": "ok"}
    assert found["executable memory"] in REFUSED


def test_devices_are_closed(found: Any, surroundings: Service) -> None:
    assert {path: found["device"][path] for path in ALLOWED} == dict.fromkeys(ALLOWED, "ok")
    for path in FORBIDDEN:
        control = surroundings.machine.run(["systemd-run", "--wait", "--quiet", "sh", "-c", f": <>{path}"], check=False)
        if control.returncode != 0:
            pytest.skip(f"the container itself opens no {path}")
        assert found["device"][path] == "EPERM", path


def test_memory_can_be_held_and_realtime_asked_for(found: Any, surroundings: Service) -> None:
    assert found["mlock"] == "ok"
    assert found["nice"] == -5
    assert surroundings.show("LimitRTPRIO") == "20"
    if found["rtprio"] != [20, 20]:
        pytest.skip("LimitRTPRIO= is not enforced: this host lets nobody raise the limit (no CAP_SYS_RESOURCE)")
    assert found["realtime"] == "ok"


def test_a_cloud_is_reached_unless_the_drop_in_says_otherwise(found: Any, surroundings: Service) -> None:
    assert found["connect"] == {"127.0.0.1": "ok", LAN: "ok", CLOUD: "ok"}
    closed = probe(surroundings, "lan-only.conf")["connect"]
    assert (closed["127.0.0.1"], closed[LAN]) == ("ok", "ok")
    if closed[CLOUD] == "ok":
        pytest.skip("IPAddressDeny= is not enforced in this container")
    assert closed[CLOUD] in ("EPERM", "timed out"), closed


def test_a_language_model_in_the_cloud_answers(surroundings: Service) -> None:
    surroundings.fresh(extra=LLM)
    surroundings.begin()
    surroundings.command("ask", id="ask", text="tell me a story about the sea")
    assert surroundings.wait("turn").data["reply"] == "The cloud says hello."
    surroundings.fresh(None, "lan-only.conf", extra=LLM)
    surroundings.begin()
    surroundings.command("ask", id="ask", text="tell me a story about the sea")
    assert surroundings.wait("turn").data["outcome"] == "failed"


@pytest.mark.parametrize("drop_in", ["memory-512m.conf", "memory-1g.conf"])
def test_it_lives_within_the_limits_of_a_small_device(
    surroundings: Service, drop_in: str, record_property: Any
) -> None:
    surroundings.fresh(None, drop_in)
    surroundings.say("Small is beautiful.")
    pids = surroundings.machine.run(["pgrep", "-u", "voice-agent"]).stdout.split()
    rollups = [surroundings.machine.read(f"/proc/{pid}/smaps_rollup") for pid in pids]
    pss_kb = sum(int(line.split()[1]) for text in rollups for line in text.splitlines() if line.startswith("Pss:"))
    record_property("memory_MB", pss_kb // 1024)
    high = int(surroundings.show("MemoryHigh"))
    record_property("limit_MB", high >> 20)
    assert pss_kb * 1024 < high
    if "memory" not in surroundings.machine.read("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("MemoryMax= is not enforced: the container has no memory controller")


def test_gpio_where_there_is_none_does_no_harm(surroundings: Service) -> None:
    machine = surroundings.machine
    surroundings.fresh(None, "gpio.conf")
    assert "char-gpiochip rw" in surroundings.show("DeviceAllow")
    machine.sh("cd /root/voice-agent; systemd-sysusers $PWD/deploy/systemd/sysusers.d/voice-agent-gpio.conf")
    assert set(machine.run(["id", "-Gn", "voice-agent"]).stdout.split()) >= {"audio", "gpio", "spi", "i2c"}
    assert probe(surroundings, "gpio.conf")["folder"] == "/run/voice-agent"


def test_the_exposure_is_what_the_readme_says(service: Service) -> None:
    service.clean()
    done = service.machine.run(["systemd-analyze", "security", "--no-pager", "--threshold=17", UNIT], check=False)
    assert done.returncode == 0, done.stdout[-300:]
