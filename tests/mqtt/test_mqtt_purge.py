"""`voice-agent mqtt purge` with a real broker: no ghost stays, nobody else's topic goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mqtt_rig import ROOT, Broker, Observer, Rig, configure, free_port, wait_until

from agent.cli.__main__ import main
from agent.mqtt.discovery import topic
from agent.mqtt.entities.entity import Facts

pytestmark = pytest.mark.room
Rigs = Callable[..., Rig]
Observers = Callable[..., Observer]
CONFIG = topic("homeassistant", "kitchen")


def written(folder: Path, port: int, more: str = "") -> list[str]:
    file = folder / "config.toml"
    file.write_text(f'version = 1\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\ndevice = "kitchen"\n{more}')
    return ["--config", str(file)]


def retained(observers: Observers, port: int, **login: str) -> set[str]:
    observer = observers(port, **login)
    observer.flush()
    wait_until(lambda: any(each.topic == "elsewhere" for each in list(observer.seen)), "all that is retained")
    return {each.topic for each in observer.seen if each.payload}


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def lived(rigs: Rigs, port: int) -> None:
    """A device that was there, was announced, and has stopped; others left things too."""
    rig = rigs(configure(port))
    rig.session.announce(Facts("0.1.0"))
    rig.show_all()
    rig.session.stats({"xruns": 0})
    rig.health("ok")
    rig.session.stop()


def litter(observer: Observer) -> set[str]:
    """What older versions and careless people leave; and what is none of our business."""
    ours = {
        f"{ROOT}/timers",
        f"{ROOT}/cmd/listen",
        "voice-agent/room/downstairs/member/kitchen",
        "homeassistant/sensor/voice-agent-kitchen/state/config",
    }
    others = {
        "voice-agent/kitchen2/state",
        "voice-agent/room/downstairs/member/bath",
        "homeassistant/device/voice-agent-bath/config",
        "homeassistant/sensor/other/state/config",
    }
    for name in ours | others:
        observer.publish(name, b"x", retain=True)
    observer.flush()
    return others


def test_nothing_of_the_device_is_left_and_everything_of_others(
    broker: Broker, rigs: Rigs, observers: Observers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lived(rigs, broker.port)
    others = litter(observers(broker.port))
    before = retained(observers, broker.port)
    assert {CONFIG, f"{ROOT}/status", f"{ROOT}/hearing", f"{ROOT}/stats"} < before
    arguments = ["mqtt", "purge", *written(tmp_path, broker.port), "--json"]
    assert main([*arguments, "--dry-run"]) == 0
    planned = told(capsys)
    assert (set(planned["removed"]), planned["dry_run"]) == (before - others, True)
    assert retained(observers, broker.port) == before
    assert main(arguments) == 0
    done = told(capsys)
    assert (done["device"], set(done["removed"]), done["unseen"], done["left"]) == ("kitchen", before - others, [], [])
    assert retained(observers, broker.port) == others
    assert main(arguments) == 0
    assert told(capsys)["removed"] == []


def test_a_hundred_topics_go_too(
    broker: Broker, observers: Observers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    observer = observers(broker.port)
    names = {f"{ROOT}/setting/{number}" for number in range(120)}
    for name in names:
        observer.publish(name, b"x" * 500, retain=True)
    observer.flush()
    assert main(["mqtt", "purge", *written(tmp_path, broker.port)]) == 0
    shown = capsys.readouterr()
    assert set(shown.out.split()) == names
    assert "120 topics of kitchen deleted" in shown.err
    assert retained(observers, broker.port) == set()


def test_a_device_that_is_online_is_left_alone(
    broker: Broker, rigs: Rigs, observers: Observers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = rigs(configure(broker.port))
    rig.show_all()
    rig.health("ok")
    arguments = ["mqtt", "purge", *written(tmp_path, broker.port)]
    assert main(arguments) == 75
    assert "kitchen is online and would say it all again: stop it first" in capsys.readouterr().err
    assert f"{ROOT}/state" in retained(observers, broker.port)
    assert main([*arguments, "--force"]) == 0
    assert f"{ROOT}/state" not in retained(observers, broker.port)


def test_the_ghost_of_another_device_goes(
    broker: Broker, rigs: Rigs, observers: Observers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lived(rigs, broker.port)
    observer = observers(broker.port)
    for name in ("voice-agent/attic/state", topic("homeassistant", "attic")):
        observer.publish(name, b"x", retain=True)
    observer.flush()
    assert main(["mqtt", "purge", *written(tmp_path, broker.port), "--all-of", "attic", "--json"]) == 0
    assert told(capsys)["removed"] == [topic("homeassistant", "attic"), "voice-agent/attic/state"]
    assert {CONFIG, f"{ROOT}/state"} <= retained(observers, broker.port)
    assert main(["mqtt", "purge", *written(tmp_path, broker.port), "--all-of", "a/#"]) == 2


def test_an_announcement_that_may_be_written_but_not_read_goes_unseen(
    broker: Broker, rigs: Rigs, observers: Observers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lived(rigs, broker.port)
    observers(broker.port)
    (tmp_path / "acl").write_text(f"topic readwrite {ROOT}/#\ntopic write {CONFIG}\nuser watcher\ntopic readwrite #\n")
    broker.stop()
    broker.extra = f"allow_anonymous true\nacl_file {tmp_path}/acl"
    broker.start()
    observer = observers(broker.port, username="watcher", password="")
    observer.publish(CONFIG, b"x", retain=True)
    observer.publish(f"{ROOT}/state", b"idle", retain=True)
    observer.flush()
    assert main(["mqtt", "purge", *written(tmp_path, broker.port), "--json"]) == 0
    done = told(capsys)
    assert (done["removed"], done["unseen"]) == ([f"{ROOT}/state"], [CONFIG])
    assert retained(observers, broker.port, username="watcher", password="") == set()


def test_what_may_only_be_written_goes_unseen(
    broker: Broker, observers: Observers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "acl").write_text(f"topic write {ROOT}/#\ntopic write {CONFIG}\nuser watcher\ntopic readwrite #\n")
    broker.stop()
    broker.extra = f"allow_anonymous true\nacl_file {tmp_path}/acl"
    broker.start()
    observer = observers(broker.port, username="watcher", password="")
    for name in (CONFIG, f"{ROOT}/state", f"{ROOT}/hearing", f"{ROOT}/setting/voice"):
        observer.publish(name, b"x", retain=True)
    observer.flush()
    assert main(["mqtt", "purge", *written(tmp_path, broker.port)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "topics of kitchen deleted unseen" in shown.err
    assert retained(observers, broker.port, username="watcher", password="") == set()


def test_a_broker_that_is_away_or_refuses_is_temporary(
    broker: Broker, observers: Observers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = free_port()
    assert main(["mqtt", "purge", *written(tmp_path, nobody)]) == 75
    assert f"127.0.0.1:{nobody}: broker" in capsys.readouterr().err
    (tmp_path / "acl").write_text("topic read #\n")
    broker.stop()
    broker.extra = f"allow_anonymous true\nacl_file {tmp_path}/acl"
    broker.start()
    assert main(["mqtt", "purge", *written(tmp_path, broker.port)]) == 75
    assert f"does not let us delete {CONFIG}" in capsys.readouterr().err


def test_the_old_dialect_purges_as_well(
    broker: Broker, observers: Observers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    observer = observers(broker.port)
    observer.publish(f"{ROOT}/state", b"idle", retain=True)
    observer.flush()
    assert main(["mqtt", "purge", *written(tmp_path, broker.port, 'protocol = "3.1.1"\n')]) == 0
    assert capsys.readouterr().out.split() == [f"{ROOT}/state"]
    assert retained(observers, broker.port) == set()
