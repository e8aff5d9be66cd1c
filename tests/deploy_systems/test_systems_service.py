"""The service's life where nothing goes wrong: it starts, is online, speaks, listens, and stops."""

from __future__ import annotations

import time
from collections.abc import Callable

from deploy_systems.service import BASE, UNIT, Service

from agent.lab.visitor import say, voice

Record = Callable[[str, object], None]

STOP_S = 9.0  # three times what the contract allows


def test_it_starts_without_any_credential_and_goes_online(service: Service, record_property: Record) -> None:
    service.clean()
    service.configure()
    began = time.monotonic()
    record_property("ready_s", service.start())
    record_property("online_s", service.wait_online() - began)
    record_property("listening_s", service.wait_listening() - began)
    assert service.show("ActiveState") == "active"
    assert service.show("StatusText").startswith("idle")
    assert service.show("User") == "voice-agent"
    assert service.machine.run(["systemd-analyze", "verify", "--man=no", UNIT]).stderr == ""


def test_what_it_is_told_to_say_is_heard(fresh: Service, record_property: Record) -> None:
    record_property("said_s", fresh.say("The quick brown fox."))


def test_a_visitor_is_answered(fresh: Service, record_property: Record) -> None:
    visitor = voice("flite slt")
    # A null sink's monitor gives a new client its first second late: the wake word would be too old.
    assert fresh.sound.wait_heard(time.monotonic() + 2.0)
    fresh.begin()
    began = time.monotonic()
    played = fresh.sound.play(say("hey jarvis", visitor).then(say("what time is it", visitor), 0.45).samples)
    turn = fresh.wait("turn", timeout_s=60)
    record_property("answered_s", turn.at - played.end)
    assert (turn.data["outcome"], turn.data["word"]) == ("answered", "hey_jarvis"), fresh.tell()
    assert fresh.sound.loudest(began) > 1000


def test_it_stops_cleanly_and_says_so(fresh: Service, record_property: Record) -> None:
    fresh.begin()
    began = time.monotonic()
    fresh.machine.run(["systemctl", "stop", UNIT], timeout=STOP_S)
    record_property("stopped_s", time.monotonic() - began)
    assert (fresh.show("Result"), fresh.show("ExecMainStatus")) == ("success", "0"), fresh.tell()
    assert fresh.wait("status").data == "offline"
    retained = [
        "mosquitto_sub",
        "-C",
        "1",
        "-W",
        "5",
        "--retained-only",
        "-t",
        f"voice-agent/{BASE['mqtt.device']}/status",
    ]
    assert fresh.machine.run(retained).stdout.strip() == "offline"


def test_what_it_leaves_behind_is_its_own(fresh: Service) -> None:
    fresh.machine.run(["systemctl", "stop", UNIT], timeout=STOP_S)
    owner = fresh.machine.run(["stat", "-c", "%U %a", "/var/lib/voice-agent"]).stdout.strip()
    assert owner == "voice-agent 711"
    open_files = fresh.machine.sh("find /var/lib/voice-agent -type f -perm /077")
    assert open_files == ""
    assert fresh.machine.run(["test", "-e", "/run/voice-agent"], check=False).returncode == 1
