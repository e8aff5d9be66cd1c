"""What goes wrong between session and broker: death, passwords, certificates, doubles, refusals, nonsense."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mqtt_rig import FAST, PATIENCE_S, ROOT, Broker, Observer, Rig, configure, free_port, make_rig, wait_until

from agent.commands import ShowState
from agent.events import Event
from agent.mqtt import connection, session
from agent.requests import ListenRequest

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
PASSWORD = "correct horse battery staple"


def test_a_killed_agent_is_offline_by_its_will(broker: Broker, observers: Observers) -> None:
    observer = observers(broker.port)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("session_process.py")), str(broker.port), "kitchen"],
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            observer.wait("status", lambda seen: seen.payload == b"online")
        finally:
            process.kill()
    assert observer.wait("status", lambda seen: seen.payload == b"offline").retain


# ---------------------------------------------------------------- passwords


@pytest.fixture
def credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder / "mqtt-password"


@pytest.fixture
def guarded(broker: Broker, tmp_path: Path) -> Broker:
    """The broker knows one user."""
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "kitchen", PASSWORD], check=True, capture_output=True)
    broker.stop()
    broker.extra = f"allow_anonymous false\npassword_file {users}"
    broker.start()
    return broker


def test_a_wrong_password_is_said_once_and_a_corrected_file_is_enough(
    guarded: Broker, rigs: Rigs, credential: Path, caplog: pytest.LogCaptureFixture
) -> None:
    credential.write_text("wrong")
    login = {"username": "kitchen", "password": "mqtt-password"}
    with caplog.at_level(logging.INFO):
        rig = rigs(configure(guarded.port, mqtt=login))
        rig.health("failed", "refuses us")
        seen = guarded.log().count("Bad socket read/write") + guarded.log().count("not authorised")
        assert seen < 1000
        credential.write_text(PASSWORD)
        rig.health("ok")
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([text for text in warnings if "refuses us" in text]) == 1
    assert PASSWORD not in caplog.text
    assert "wrong" not in caplog.text


def test_a_missing_password_is_no_reason_to_end(guarded: Broker, rigs: Rigs, credential: Path) -> None:
    rig = rigs(configure(guarded.port, mqtt={"username": "kitchen", "password": "mqtt-password"}))
    rig.health("failed", "credential")
    credential.write_text(PASSWORD)
    rig.health("ok")


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (ca.pem) and what it signed: a key and a certificate for localhost, not 127.0.0.1."""
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=our own")
    openssl("req", "-x509", *curve, "-keyout", "x.key", "-out", "stranger.pem", "-days", "2", "-subj", "/CN=stranger")
    openssl("req", *curve, "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2")
    openssl("x509", "-req", "-in", "broker.csr", "-out", "broker.pem", *signed)
    return folder


@pytest.fixture
def private(broker: Broker, authority: Path) -> Broker:
    broker.stop()
    broker.extra = f"allow_anonymous true\ncertfile {authority}/broker.pem\nkeyfile {authority}/broker.key"
    broker.start()
    return broker


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


def test_tls_against_a_broker_without_it(broker: Broker, rigs: Rigs) -> None:
    rigs(configure(broker.port, mqtt={"tls": True})).health("failed")


# ---------------------------------------------------------------- doubles


def test_two_agents_with_one_id_do_not_chase_each_other(broker: Broker, rigs: Rigs) -> None:
    first = rigs(configure(broker.port))
    first.health("ok")
    second = rigs(configure(broker.port))
    second.health("ok")
    first.health("degraded", "another client")
    second.health("degraded", "another client")
    evictions = broker.log().count("already connected")
    since = time.monotonic()
    wait_until(lambda: broker.log().count("already connected") >= evictions + 3, "three more evictions")
    assert time.monotonic() - since > FAST.taken_over_s[0]


def test_a_namesake_on_another_machine_is_named(
    broker: Broker, rigs: Rigs, observers: Observers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rigs(configure(broker.port))
    first.health("ok")
    monkeypatch.setattr(session, "machine_id", lambda: "another machine")
    second = rigs(configure(broker.port))
    second.health("ok")
    first.health("degraded", "our name")
    first.forget()
    second.session.stop()
    first.health("ok")
    observer = observers(broker.port)
    observer.wait("status", lambda seen: seen.payload == b"online")


# ---------------------------------------------------------------- refusals


def dynamic_security(folder: Path) -> str:
    """Lines for a broker whose plugin lets only the user "watcher" subscribe. acl_file cannot refuse a SUBSCRIBE."""
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)
    if plugin is None:
        pytest.skip("mosquitto_dynamic_security.so is not installed")
    salt = b"twelve bytes"
    digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101)
    watcher = {
        "username": "watcher",
        "password": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": 101,
        "roles": [{"rolename": "reader"}],
    }
    rule = {"acltype": "subscribePattern", "topic": "#", "allow": True}
    free = {"publishClientSend": True, "publishClientReceive": True, "unsubscribe": True, "subscribe": False}
    settings = {
        "defaultACLAccess": free,
        "clients": [watcher],
        "roles": [{"rolename": "reader", "acls": [rule]}],
    }
    (folder / "security.json").write_text(json.dumps(settings))
    return f"allow_anonymous true\nplugin {plugin}\nplugin_opt_config_file {folder}/security.json"


def test_a_refused_subscription_is_degraded_and_the_rest_works(
    broker: Broker, rigs: Rigs, observers: Observers, tmp_path: Path
) -> None:
    broker.stop()
    broker.extra = dynamic_security(tmp_path)
    broker.start()
    rig = rigs(configure(broker.port))
    rig.show_all()
    rig.health("degraded", "refuses")
    observer = observers(broker.port, username="watcher", password=PASSWORD)
    observer.wait("state")
    observer.wait("status", lambda seen: seen.payload == b"online")


def test_a_subscription_is_asked_for_again(
    broker: Broker, rigs: Rigs, observers: Observers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RESUBSCRIBE_S", 0.1)
    broker.stop()
    broker.extra = dynamic_security(tmp_path)
    broker.start()
    rigs(configure(broker.port)).health("degraded", "refuses")
    observer = observers(broker.port, username="watcher", password=PASSWORD)
    observer.wait("status")
    asked = broker.log().count("Received SUBSCRIBE")
    wait_until(lambda: broker.log().count("Received SUBSCRIBE") > asked + 1, "two more attempts to subscribe")


def test_a_refused_topic_is_degraded_and_the_rest_works(
    broker: Broker, rigs: Rigs, observers: Observers, tmp_path: Path
) -> None:
    (tmp_path / "acl").write_text(
        f"topic read {ROOT}/cmd/#\ntopic write {ROOT}/status\ntopic write {ROOT}/state\ntopic read #\n"
    )
    broker.stop()
    broker.extra = f"allow_anonymous true\nacl_file {tmp_path}/acl"
    broker.start()
    rig = rigs(configure(broker.port))
    rig.show_all()
    rig.health("degraded", f"refuses {ROOT}/health")
    observer = observers(broker.port)
    observer.wait("state")


# ---------------------------------------------------------------- nonsense

CONNACK = b"\x20\x03\x00\x00\x00"


class Babbler:
    """A server that takes every connection, says `words` and listens on."""

    def __init__(self, words: bytes) -> None:
        self.visits = threading.Semaphore(0)
        self._words = words
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        for visitor in self._open:
            visitor.close()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            self._open.append(visitor)
            visitor.recv(4096)
            try:
                visitor.sendall(self._words)
            except OSError:
                continue
            self.visits.release()


@pytest.fixture
def babbler() -> Iterator[Callable[[bytes], Babbler]]:
    made: list[Babbler] = []

    def make(words: bytes) -> Babbler:
        made.append(Babbler(words))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x02\x00\x01",
        b"\x20\x03\x00\x63\x00",
        CONNACK + b"\xf0\x00",
        CONNACK + b"\x90\x01\x00",
        CONNACK + b"\x30\x04\x00\xff\x00\x00",
        CONNACK + b"\x40\x02\x00\x07" + b"\xff" * 64,
        CONNACK + bytes(range(256)),
        b"\x20\xff\xff\xff\xff\x7f",
    ],
)
def test_a_broker_that_talks_nonsense_is_left_and_tried_again(
    rigs: Rigs, babbler: Callable[[bytes], Babbler], words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 0.5)
    server = babbler(words)
    rig = rigs(configure(server.port))
    rig.health("failed")
    assert server.visits.acquire(timeout=PATIENCE_S)
    assert server.visits.acquire(timeout=PATIENCE_S)
    assert rig.session.alive()


def test_a_broker_that_says_nothing_is_left_and_tried_again(
    rigs: Rigs, babbler: Callable[[bytes], Babbler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 0.1)
    monkeypatch.setattr(connection, "TICK_S", 0.05)
    server = babbler(b"")
    rigs(configure(server.port)).health("failed", "does not answer")
    assert server.visits.acquire(timeout=PATIENCE_S)
    assert server.visits.acquire(timeout=PATIENCE_S)


@pytest.mark.parametrize("host", ["does-not-exist.invalid", "x" * 70 + ".example", "a..b"])
def test_a_host_that_nobody_knows(rigs: Rigs, host: str) -> None:
    rigs(configure(free_port(), mqtt={"host": host})).health("failed", "broker")


# ---------------------------------------------------------------- ourselves


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_death_of_the_thread_is_told(broker: Broker, observers: Observers) -> None:
    rig = make_rig(configure(broker.port))
    rig.session.start()
    rig.health("ok")

    def broken(event: Event) -> None:
        raise ZeroDivisionError(event)

    rig.emit = broken  # type: ignore[method-assign]
    observers(broker.port).send("listen")
    assert rig.died.wait(PATIENCE_S)
    rig.session.stop()
    assert not rig.session.alive()


def test_progress_goes_on_with_and_without_a_broker(broker: Broker, rigs: Rigs, observers: Observers) -> None:
    rig = rigs(configure(broker.port))
    rig.health("ok")
    before = rig.session.progress()
    observers(broker.port).send("listen")
    rig.request(ListenRequest)
    during = rig.session.progress()
    assert during > before
    broker.kill()
    rig.health("failed")
    while rig.session.progress() <= during:
        threading.Event().wait(0.01)
