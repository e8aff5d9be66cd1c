"""The page: served by its own room, and with every kind of certificate, token and port that is not well."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.config import Config, Web
from agent.doctor import web
from agent.doctor.context import Context
from agent.doctor.finding import Finding
from agent.requests import Request
from agent.web.room import Web as WebRoom

if TYPE_CHECKING:
    from agent.web.visit import Visit

TOKEN = "canary-token-of-a-guest"
WAIT_S = 10.0


class Nobody:
    """A host whom no guest visits."""

    def facts(self) -> Mapping[str, object]:
        return {}

    def device(self) -> list[str]:
        return []

    def begin(self, visit: Visit) -> bool:
        return False

    def leave(self, visit: Visit) -> None:
        raise AssertionError(visit)

    def ask(self, visit: Visit, request: Request) -> None:
        raise AssertionError(request)

    def ask_device(self, visit: Visit, request: Request) -> None:
        raise AssertionError(request)


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "token").write_text(TOKEN)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))  # no report of a service that may run here
    return folder


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate(folder: Path, use: str = "serverAuth", days: int = 100) -> str:
    """Signed by itself; its key becomes the credential "key"."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder.parent, check=True, capture_output=True)

    key = f"{folder}/key"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", key)
    openssl("req", *curve, "-subj", "/CN=our own", "-out", "request.pem")
    (folder.parent / "more").write_text(f"subjectAltName=DNS:kitchen.local,IP:192.168.1.40\nextendedKeyUsage={use}\n")
    signed = ("-signkey", key, "-extfile", "more", "-days", str(days))
    openssl("x509", "-req", "-in", "request.pem", *signed, "-out", "web.pem")
    return str(folder.parent / "web.pem")


def examined(root: Path = Path("/"), **section: Any) -> dict[str, Finding]:
    config = Config(web=Web.model_validate({"enabled": True, "token": "token", **section}))
    found = list(web.examine(Context(config, False, lambda text: None, root)))
    assert TOKEN not in str(found)
    assert all(finding.remedy for finding in found if finding.severity in ("warning", "failure"))
    return {finding.title: finding for finding in found}


@contextmanager
def served(config: Web) -> Iterator[None]:
    """The page, by its own room; it is there when this is entered."""
    opened = threading.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "code", "") == "web.open":
                opened.set()

    log, told = logging.getLogger("agent.web.room"), Told()
    log.addHandler(told)
    log.setLevel(logging.INFO)
    room = WebRoom(config, Nobody(), lambda reason: pytest.fail(reason))
    room.start()
    try:
        assert opened.wait(WAIT_S)
        yield
    finally:
        room.stop()
        log.removeHandler(told)
        log.setLevel(logging.NOTSET)


def test_switched_off() -> None:
    (found,) = web.examine(Context(Config(), False, lambda text: None))
    assert found.severity == "info"


def test_all_is_well(credentials: Path, port: int) -> None:
    encrypted: dict[str, Any] = {"cert_file": certificate(credentials), "key": "key", "hosts": ["kitchen.local"]}
    with served(Web.model_validate({"enabled": True, "port": port, "token": "token", **encrypted})):
        found = examined(port=port, **encrypted)
    assert {title: each.severity for title, each in found.items()} == dict.fromkeys(
        ("token", "certificate", "port"), "ok"
    )
    assert found["certificate"].figures == {"days_left": 99, "issuer": "our own"}
    assert f"https://kitchen.local:{port}/ answers" in found["port"].detail


def test_on_this_machine_alone_it_needs_nothing(credentials: Path, port: int) -> None:
    with served(Web(enabled=True, port=port)):
        found = examined(port=port, token=None)
    assert {title: each.severity for title, each in found.items()} == {"token": "info", "port": "ok"}


def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "NEEDED", ("aiohttp", "no_such_package"))
    (found,) = examined().values()
    assert (found.severity, found.remedy) == ("failure", "pip install 'voice-agent[web]'")


@pytest.mark.parametrize(
    ("text", "severity", "says"),
    [("short", "warning", "5 characters"), (None, "failure", "no such credential"), ("", "failure", "empty")],
)
def test_tokens(credentials: Path, port: int, text: str | None, severity: str, says: str) -> None:
    (credentials / "token").unlink()
    if text is not None:
        (credentials / "token").write_text(text)
    found = examined(port=port)["token"]
    assert found.severity == severity
    assert says in found.detail


@pytest.mark.parametrize(
    ("days", "severity", "says"), [(10, "warning", "9 days are left"), (-1, "failure", "ended")], ids=["soon", "over"]
)
def test_a_certificate_ends(credentials: Path, port: int, days: int, severity: str, says: str) -> None:
    found = examined(port=port, cert_file=certificate(credentials, days=days), key="key")["certificate"]
    assert (found.severity, says in found.detail) == (severity, True), found


def test_a_name_that_it_is_not_for(credentials: Path, port: int) -> None:
    hosts = ["kitchen.local", "192.168.1.40", "hall.local", "192.168.1.41"]
    encrypted = {"cert_file": certificate(credentials), "key": "key"}
    config = Config(web=Web.model_validate({"enabled": True, "port": port, "hosts": hosts, **encrypted}))
    told = [each.detail for each in web.examine(Context(config, False, print)) if each.severity == "warning"]
    assert told == ["it is not for hall.local, 192.168.1.41: browsers will warn of it there"]


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_no_certificate(credentials: Path, port: int, text: str) -> None:
    made = Path(certificate(credentials))
    made.write_text(text)
    assert examined(port=port, cert_file=str(made), key="key")["certificate"].severity == "failure"


def test_one_for_no_server(credentials: Path, port: int) -> None:
    made = certificate(credentials, "clientAuth")
    found = examined(port=port, cert_file=made, key="key")["certificate"]
    assert (found.severity, "purpose" in found.detail) == ("failure", True), found


def test_a_certificate_that_is_missing_or_closed(credentials: Path, port: int) -> None:
    made = Path(certificate(credentials))
    gone = examined(port=port, cert_file=f"{made}.old", key="key")["certificate"]
    assert (gone.severity, "No such file" in gone.detail) == ("failure", True)
    if os.geteuid() == 0:
        return  # nothing is closed to root
    made.chmod(0)
    assert examined(port=port, cert_file=str(made), key="key")["certificate"].severity == "warning"


def test_a_key_of_another_pair(credentials: Path, port: int) -> None:
    made = Path(certificate(credentials))
    first = made.read_text()
    certificate(credentials)
    made.write_text(first)
    found = examined(port=port, cert_file=str(made), key="key")["certificate"]
    assert (found.severity, "one pair" in found.detail) == ("failure", True)


def test_no_key(credentials: Path, port: int) -> None:
    made = certificate(credentials)
    (credentials / "key").write_text("no key")
    found = examined(port=port, cert_file=made, key="key")["key"]
    assert (found.severity, "no private key" in found.detail) == ("failure", True)


def test_nobody_may_call_it_by_a_name(credentials: Path, port: int) -> None:
    found = examined(port=port, address="0.0.0.0", plaintext=True)
    assert (found["names"].severity, found["certificate"].severity) == ("warning", "warning")
    assert "names" not in examined(port=port, address="0.0.0.0", plaintext=True, hosts=["kitchen.local"])


def test_a_port_that_is_free(credentials: Path, port: int) -> None:
    assert "is free" in examined(port=port)["port"].detail


def test_another_program_has_the_port(credentials: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        threading.Thread(target=insult, args=(taken,), daemon=True).start()
        found = examined(port=number)["port"]
    assert (found.severity, "no page" in found.detail) == ("failure", True)


def insult(server: socket.socket) -> None:
    caller, _ = server.accept()
    with caller:
        caller.recv(4096)
        caller.sendall(b"220 mail.example ESMTP\r\n")


def test_a_port_that_is_bound_where_nobody_listens(credentials: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = examined(port=taken.getsockname()[1])["port"]
    assert (found.severity, "in use" in found.detail) == ("failure", True)


def test_a_page_with_another_configuration(credentials: Path, port: int) -> None:
    """It was started without a certificate, and nobody has reloaded it."""
    with served(Web(enabled=True, port=port)):
        found = examined(port=port, cert_file=certificate(credentials), key="key")["port"]
    assert (found.severity, "reload" in found.remedy) == ("failure", True)


def test_an_address_of_another_machine(credentials: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether anybody answers there is not asked: nothing here may call strangers."""
    monkeypatch.setattr(web, "_asked", refuse)
    found = examined(port=port, address="203.0.113.7", plaintext=True)["port"]
    assert (found.severity, "no address of this machine" in found.detail) == ("failure", True)


def refuse(section: Web) -> tuple[int, bytes]:
    raise ConnectionRefusedError


def test_a_port_of_roots(credentials: Path, tmp_path: Path, port: int) -> None:
    start = tmp_path / web.UNPRIVILEGED.lstrip("/")
    start.parent.mkdir(parents=True)
    start.write_text(f"{port + 1}\n")
    found = examined(tmp_path, port=port)["port"]
    assert (found.severity, "root" in found.detail) == ("failure", True)
