"""The service among faults, and what systemd does about them.

Waiting is three times as long as the contract allows; how long it really took is printed at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from deploy_systems.service import UNIT, Service

Record = Callable[[str, object], None]

BURST = 5  # StartLimitBurst


def test_a_mic_child_that_is_killed_comes_back(fresh: Service, record_property: Record) -> None:
    old, main = fresh.child("agent.audio.mic"), fresh.main_pid
    killed = fresh.kill(old, "KILL")

    def back(data: dict[str, dict[str, str]]) -> bool:
        return data["mic"]["status"] == "ok"

    # What was in between may be over before it is published: then `since` tells.
    record_property("microphone_back_s", fresh.wait("health", back, 3.0).at - killed)
    assert fresh.child("agent.audio.mic") != old
    assert (fresh.main_pid, fresh.show("NRestarts")) == (main, "0")


def test_a_main_process_that_is_killed_is_started_again(fresh: Service, record_property: Record) -> None:
    killed = fresh.kill(fresh.main_pid, "KILL")
    record_property("listening_s", fresh.wait_listening(30.0) - killed)
    assert fresh.show("NRestarts") == "1"
    assert fresh.wait("status").data == "offline", "the broker was left to believe that it lives"


def test_a_main_process_that_hangs_is_ended_by_the_watchdog(fresh: Service, record_property: Record) -> None:
    stopped = fresh.kill(fresh.main_pid, "STOP")
    listening = fresh.wait_listening(90.0)
    record_property("watchdog_s", fresh.happened("Watchdog timeout") - stopped)
    record_property("listening_s", listening - stopped)
    assert "watchdog" in fresh.journal()


def test_a_restart_that_was_asked_for_is_no_failure(fresh: Service, record_property: Record) -> None:
    fresh.begin()
    failed = fresh.journal().count("Failed with result")  # by the tests before
    main, asked = fresh.main_pid, time.monotonic()
    fresh.command("restart", id="restart")
    assert fresh.wait("result", lambda data: data["id"] == "restart").data["ok"], fresh.tell()
    record_property("listening_s", fresh.wait_listening(30.0) - asked)
    assert fresh.main_pid != main
    assert fresh.show("Result") == "success"
    assert fresh.journal().count("Failed with result") == failed
    fresh.command("restart", id="again")
    assert fresh.wait("result", lambda data: data["id"] == "again").data["error"]["code"] == "refused", fresh.tell()


def test_a_bad_configuration_is_not_tried_again(service: Service) -> None:
    service.clean()
    service.configure({"wake.threshold": 7.0})
    assert service.machine.run(["systemctl", "start", UNIT], check=False).returncode != 0
    assert (service.show("ActiveState"), service.show("ExecMainStatus")) == ("failed", "78"), service.tell()
    assert service.show("NRestarts") == "0"
    assert "wake.threshold" in service.journal()
    service.fresh()


def test_it_is_not_started_for_ever(fresh: Service, record_property: Record) -> None:
    fresh.machine.run(["systemctl", "stop", UNIT])
    fresh.machine.run(["systemctl", "reset-failed", UNIT], check=False)
    began, killed = time.monotonic(), 0
    fresh.machine.run(["systemctl", "start", "--no-block", UNIT])
    seen = {0}
    while killed < BURST:
        fresh.until("MainPID", lambda now: int(now) not in seen)
        pid = fresh.main_pid
        seen.add(pid)
        fresh.machine.run(["kill", "-s", "KILL", str(pid)])
        killed += 1
    failed = fresh.until("ActiveState", lambda state: state == "failed")
    record_property("given_up_s", failed - began)
    assert "too quickly" in fresh.journal()
    # A sixth start is refused, and nobody has it in mind.
    assert fresh.machine.run(["systemctl", "start", UNIT], check=False).returncode != 0
    assert fresh.show("Job") in ("", "0")


def test_a_reload_takes_the_new_configuration_and_refuses_a_bad_one(fresh: Service, record_property: Record) -> None:
    assert fresh.show("Type") == "notify"
    reload(fresh, record_property)


def test_a_reload_that_systemd_waits_for(service: Service, record_property: Record) -> None:
    if service.machine.release == "bookworm":
        pytest.skip("systemd 252 knows no notify-reload")
    service.fresh(None, "notify-reload.conf")
    assert service.show("Type") == "notify-reload"
    reload(service, record_property)
    for threshold, refused in ((0.6, False), (7.0, True), (0.5, False)):
        service.configure({"wake.threshold": threshold})
        service.machine.run(["systemctl", "reload", UNIT], timeout=30)
        status = service.show("StatusText")
        assert ("reload refused" in status) is refused, f"it returned before the reload was over: {status}"


def reload(service: Service, record_property: Record) -> None:
    """A good configuration, a bad one: the same process lives on, and tells what became of them."""
    main = service.main_pid
    for threshold, good in ((0.6, True), (7.0, False)):
        service.configure({"wake.threshold": threshold})
        service.begin()
        began = time.monotonic()
        service.machine.run(["systemctl", "reload", UNIT], timeout=30)
        record_property(f"reload_{'good' if good else 'bad'}_returned_s", time.monotonic() - began)
        event = service.wait("event/reload")
        assert event.data["ok"] is good
        assert "wake.threshold" in str(event.data)
        service.until("ActiveState", lambda state: state == "active")
    assert service.main_pid == main, service.tell()
    service.say("Still here.")
