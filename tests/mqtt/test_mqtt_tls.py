"""TLS (M14): whom we cannot check we do not trust, and who we are where the broker asks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mqtt_rig import Broker, Rig, configure
from pydantic import ValidationError

from agent import credentials
from agent.cli.check import problems_of
from agent.commands import ShowState

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (ca.pem) and what it signed.

    `broker` (for localhost, not 127.0.0.1), `late` (the same, expired) and `kitchen` (ours): NAME.pem, NAME.key each.
    """
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=our own")
    openssl("req", "-x509", *curve, "-keyout", "x.key", "-out", "stranger.pem", "-days", "2", "-subj", "/CN=stranger")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    for name, days in (("broker", "2"), ("late", "-1"), ("kitchen", "2")):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", "-days", days, *signed)
    openssl("pkey", "-in", "kitchen.key", "-out", "locked.key", "-aes256", "-passout", "pass:sesame")
    return folder


def encrypted(broker: Broker, authority: Path, certificate: str = "broker", more: str = "") -> Broker:
    broker.stop()
    broker.extra = f"allow_anonymous true\ncertfile {authority}/{certificate}.pem\n"
    broker.extra += f"keyfile {authority}/{certificate}.key\n{more}"
    broker.start()
    return broker


@pytest.fixture
def private(broker: Broker, authority: Path) -> Broker:
    return encrypted(broker, authority)


def test_tls_with_our_own_authority(private: Broker, rigs: Rigs, authority: Path) -> None:
    rig = rigs(configure(private.port, mqtt={"host": "localhost", "tls": True, "ca_file": str(authority / "ca.pem")}))
    rig.show_all()
    rig.health("ok")
    rig.session.show(ShowState("listening", 1))
    rig.session.stop()
    assert not rig.session.alive()


@pytest.mark.parametrize(
    ("host", "ca_file", "reason"),
    [
        ("127.0.0.1", "ca.pem", "IP address mismatch"),
        ("localhost", "stranger.pem", "certificate"),
        ("localhost", None, "certificate"),
        ("localhost", "nowhere.pem", "nowhere.pem"),
        ("localhost", "ca.key", "ca.key"),
    ],
)
def test_whom_we_cannot_check_we_do_not_trust(
    private: Broker, rigs: Rigs, authority: Path, host: str, ca_file: str | None, reason: str
) -> None:
    named = str(authority / ca_file) if ca_file else None
    rig = rigs(configure(private.port, mqtt={"host": host, "tls": True, "ca_file": named}))
    rig.health("failed", reason)


def test_an_expired_certificate(broker: Broker, rigs: Rigs, authority: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = encrypted(broker, authority, "late")
    rig = rigs(configure(server.port, mqtt={"host": "localhost", "tls": True, "ca_file": str(authority / "ca.pem")}))
    rig.health("failed", "expired")
    assert {record.__dict__["code"] for record in caplog.records if record.name == "agent.mqtt.keeper"} == {"mqtt.tls"}


def test_tls_against_a_broker_without_it(broker: Broker, rigs: Rigs) -> None:
    rigs(configure(broker.port, mqtt={"tls": True})).health("failed")


# ---------------------------------------------------------------- our own certificate


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where systemd puts credentials."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


@pytest.fixture
def demanding(broker: Broker, authority: Path) -> Broker:
    return encrypted(broker, authority, more=f"cafile {authority}/ca.pem\nrequire_certificate true")


def ours(authority: Path, certificate: str | None = "kitchen") -> dict[str, Any]:
    named = {"cert_file": str(authority / f"{certificate}.pem"), "key": "mqtt-key"} if certificate else {}
    return {"host": "localhost", "tls": True, "ca_file": str(authority / "ca.pem"), **named}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_broker_asks_who_we_are(demanding: Broker, rigs: Rigs, authority: Path, keys: Path, protocol: str) -> None:
    shutil.copy(authority / "kitchen.key", keys / "mqtt-key")
    rigs(configure(demanding.port, mqtt={**ours(authority), "protocol": protocol})).health("ok")


def test_a_broker_that_asks_in_vain_is_understood(demanding: Broker, rigs: Rigs, authority: Path) -> None:
    rig = rigs(configure(demanding.port, mqtt=ours(authority, None)))
    rig.health("failed", "see mqtt.cert_file and mqtt.key")


def test_a_certificate_that_nobody_signed(demanding: Broker, rigs: Rigs, authority: Path, keys: Path) -> None:
    shutil.copy(authority / "x.key", keys / "mqtt-key")
    rigs(configure(demanding.port, mqtt=ours(authority, "stranger"))).health("failed", "see mqtt.cert_file")


@pytest.mark.parametrize(
    ("key", "certificate", "reason"),
    [
        ("broker.key", "kitchen", "was not made for the key"),
        ("locked.key", "kitchen", "openssl pkey"),
        ("ca.pem", "kitchen", "holds no private key"),
        ("kitchen.key", "nowhere", "nowhere.pem: No such file"),
        (None, "kitchen", "no such credential"),
    ],
)
def test_a_key_that_does_not_fit_is_named_with_the_remedy(
    demanding: Broker, rigs: Rigs, authority: Path, keys: Path, key: str | None, certificate: str, reason: str
) -> None:
    if key:
        shutil.copy(authority / key, keys / "mqtt-key")
    rig = rigs(configure(demanding.port, mqtt=ours(authority, certificate)))
    rig.health("failed", reason)
    shutil.copy(authority / "kitchen.key", keys / "mqtt-key")
    if certificate == "kitchen":
        rig.health("ok")


def test_check_names_what_is_missing(authority: Path, keys: Path) -> None:
    problems = list(problems_of(configure(1883, mqtt=ours(authority, "nowhere"))))
    assert any(problem.startswith("mqtt.key: there is no such credential") for problem in problems)
    assert any("mqtt.cert_file: there is no file" in problem for problem in problems)
    shutil.copy(authority / "kitchen.key", keys / "mqtt-key")
    problems = list(problems_of(configure(1883, mqtt=ours(authority))))
    assert not [problem for problem in problems if "mqtt" in problem]
    assert credentials.locate("mqtt-key") == keys / "mqtt-key"


@pytest.mark.parametrize(
    "section",
    [{"cert_file": "/x", "tls": True}, {"key": "mqtt-key", "tls": True}, {"cert_file": "/x", "key": "mqtt-key"}],
)
def test_half_a_certificate_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        configure(1883, mqtt=section)
