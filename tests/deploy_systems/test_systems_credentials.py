"""Secrets on their way from root's files into the service; none of them has to be there."""

from __future__ import annotations

import pytest
from deploy_systems.service import UNIT, Service
from machines.house import PASSWORD, USER

FOLDER = "/etc/voice-agent/credentials"
FILE = f"{FOLDER}/mqtt-password"


def locked(service: Service) -> dict[str, str | int]:
    return {"mqtt.port": service.house.locked_port, "mqtt.username": USER, "mqtt.password": "mqtt-password"}


def test_one_that_is_absent_is_told_and_taken_after_the_next_start(service: Service) -> None:
    service.clean()
    service.configure(locked(service))
    service.start()
    assert service.show("ActiveState") == "active"
    # The broker cannot tell, so the journal does.
    service.until("StatusText", lambda text: "mqtt" in text or "broker" in text)
    assert "there is no such credential" in service.journal(), service.tell()
    service.machine.write(FILE, f"{PASSWORD}\n", 0o600)
    service.begin()
    service.machine.run(["systemctl", "restart", UNIT], timeout=130)
    service.wait_listening()
    owner = service.machine.run(["stat", "-c", "%U %a", FILE]).stdout.strip()
    assert owner == "root 600", "the service's own user may not be able to read it"
    secret_in = service.machine.run(
        ["grep", "-rlaF", PASSWORD, "/var/lib/voice-agent", "/run/log", "/var/log"], check=False
    )
    assert secret_in.stdout == ""


def test_an_encrypted_one_by_the_drop_in(service: Service) -> None:
    service.clean()
    service.configure(locked(service))
    made = service.machine.run(
        [
            "systemd-creds",
            "encrypt",
            "--with-key=host",
            "--name=mqtt-password",
            "-",
            "/etc/voice-agent/mqtt-password.cred",
        ],
        input=PASSWORD,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"credentials cannot be encrypted in a container: {made.stderr.strip()}")
    service.drop_in("credentials.conf")
    service.start()
    service.wait_listening()


def test_the_folder_may_be_missing(service: Service) -> None:
    service.clean()
    service.configure()
    assert service.machine.run(["test", "-e", FOLDER], check=False).returncode == 1
    service.start()
    service.wait_listening()
