"""What goes wrong between session and broker: death, passwords, certificates, doubles, refusals, nonsense."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mqtt_rig import FAST, PATIENCE_S, ROOT, Broker, Observer, Rig, configure, free_port, make_rig, wait_until
from session_child import SessionChild

from agent.clock import now
from agent.commands import ShowHealth, ShowState
from agent.events import Event
from agent.mqtt import connection, keeper
from agent.requests import ListenRequest

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
PASSWORD = "correct horse battery staple"


def test_a_killed_agent_is_offline_by_its_will(broker: Broker, observers: Observers) -> None:
    observer = observers(broker.port)
    with SessionChild(broker.port) as child:
        child.wait_up(PATIENCE_S)
        observer.wait("status", lambda seen: seen.payload == b"online")
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


# M5
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


# ---------------------------------------------------------------- doubles


# M6
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


# M6
def test_a_namesake_on_another_machine_is_named(
    broker: Broker, rigs: Rigs, observers: Observers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rigs(configure(broker.port))
    first.health("ok")
    monkeypatch.setattr(keeper, "machine_id", lambda: "another machine")
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


# M5
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


# M5
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
    rig.health("degraded", f"refuses {ROOT}/")
    observer = observers(broker.port)
    observer.wait("state")


@pytest.mark.parametrize("host", ["does-not-exist.invalid", "x" * 70 + ".example", "a..b"])
def test_a_host_that_nobody_knows(rigs: Rigs, host: str) -> None:
    rigs(configure(free_port(), mqtt={"host": host})).health("failed", "broker")


def test_what_is_larger_than_the_broker_takes_is_refused_here_and_not_with_the_connection(
    broker: Broker, rigs: Rigs, observers: Observers
) -> None:
    broker.stop()
    broker.extra = "allow_anonymous true\nmax_packet_size 1000"
    broker.start()
    rig = rigs(configure(broker.port))
    rig.show_all()
    rig.session.show(ShowHealth("mic", "failed", "x" * 2000, now().wall))
    rig.health("degraded", f"refuses {ROOT}/health: over the 1000 bytes that it takes")
    observer = observers(broker.port)
    observer.wait("status", lambda seen: seen.payload == b"online")
    rig.session.show(ShowState("listening", 1))
    observer.wait("state", lambda seen: seen.payload == b"listening")
    rig.session.show(ShowHealth("mic", "ok", "", now().wall))
    observer.wait("health", lambda seen: seen.json["mic"]["status"] == "ok")
    rig.health("ok")
    assert broker.log().count("New client connected") == 2, "we and the observer, once each"


# ---------------------------------------------------------------- ourselves


# M16: it ends the process, and systemd starts it afresh
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
