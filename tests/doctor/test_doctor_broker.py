"""The broker, for real: there, away, guarded, mute, and no broker at all."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.config import Config, MqttSection
from agent.doctor import broker
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.lab.broker import Broker
from agent.lab.processes import PackagesMissing

PASSWORD = "canary-password-41"


@contextmanager
def running(settings: str = "") -> Iterator[Broker]:
    server = Broker(settings=settings)
    try:
        server.start()
    except PackagesMissing as missing:
        pytest.skip(str(missing))
    try:
        yield server
    finally:
        server.stop()


def examined(port: int, **mqtt: object) -> dict[str, Finding]:
    section = MqttSection.model_validate({"host": "127.0.0.1", "port": port, "device": "kitchen", **mqtt})
    found = list(broker.examine(Context(Config(mqtt=section), False, lambda text: None)))
    assert all(PASSWORD not in str(finding) for finding in found)
    assert all(finding.remedy for finding in found if finding.severity == "failure")
    return {finding.title: finding for finding in found}


def test_all_is_well(broker: Broker) -> None:
    found = examined(broker.port)
    assert {title: each.severity for title, each in found.items()} == dict.fromkeys(
        ("login", "commands", "messages"), "ok"
    )
    assert "anonymous" in found["login"].detail
    assert "voice-agent/kitchen/cmd/#" in found["commands"].detail


def test_no_broker_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found = examined(probe.getsockname()[1])
    assert found["login"].severity == "failure"
    assert "Connection refused" in found["login"].detail


def test_something_that_is_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts, and says nothing."""
    monkeypatch.setattr(broker, "ANSWER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = examined(server.getsockname()[1])
    assert "does not answer" in found["login"].detail


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Broker]:
    """It knows one user, who may not write."""
    if not shutil.which("mosquitto_passwd"):
        pytest.skip("mosquitto_passwd is not installed")
    users, rights = tmp_path / "users", tmp_path / "rights"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "kitchen", PASSWORD], check=True, capture_output=True)
    rights.write_text("user kitchen\ntopic read voice-agent/kitchen/#\n")
    for path in (*tmp_path.parents[:3], tmp_path, users, rights):
        path.chmod(path.stat().st_mode | 0o055)  # mosquitto gives up root's rights
    with running(f"allow_anonymous false\npassword_file {users}\nacl_file {rights}") as server:
        yield server


@pytest.fixture
def credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder / "mqtt-password"


def test_a_wrong_password(guarded: Broker, credential: Path) -> None:
    credential.write_text("wrong")
    found = examined(guarded.port, username="kitchen", password="mqtt-password")
    assert found["login"].severity == "failure"
    assert "refuses us" in found["login"].detail
    assert "mqtt.username" in found["login"].remedy


def test_a_missing_password(guarded: Broker, credential: Path) -> None:
    found = examined(guarded.port, username="kitchen", password="mqtt-password")
    assert found["password"].severity == "failure"
    assert "chmod 600" in found["password"].remedy


def test_a_refused_topic(guarded: Broker, credential: Path) -> None:
    credential.write_text(PASSWORD)
    found = examined(guarded.port, username="kitchen", password="mqtt-password")
    assert found["login"].severity == "ok"
    assert found["messages"].severity == "failure"
    assert "topic write voice-agent/kitchen/#" in found["messages"].remedy


def test_a_version_that_does_not_tell_refusals_is_not_believed(broker: Broker) -> None:
    found = examined(broker.port, protocol="3.1.1")
    assert found["messages"].severity == "ok"
    assert "does not tell what is refused" in found["messages"].detail


def test_a_key_that_is_not_there(credential: Path) -> None:
    found = examined(1883, tls=True, cert_file="/etc/ssl/kitchen.pem", key="mqtt-key")
    assert found["key"].severity == "failure"
    assert "there is no such credential" in found["key"].detail


def test_tls_where_there_is_none(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(broker.port, tls=True)
    assert found["login"].severity == "failure"


def test_switched_off() -> None:
    found = examined(1, enabled=False)
    assert found["MQTT"].severity == "info"
