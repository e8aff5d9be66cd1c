"""What arrives on a real notification socket, and when the watchdog is fed."""

from __future__ import annotations

import logging
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.daemon.systemd import Notifier, Watchdog, interval_s


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that systemd would listen on."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listener


def heard(manager: socket.socket) -> str:
    return manager.recv(4096).decode()


def silent(manager: socket.socket) -> bool:
    """Whether nothing waits there: what is sent arrives at once."""
    manager.setblocking(False)
    try:
        manager.recv(4096)
    except BlockingIOError:
        return True
    finally:
        manager.settimeout(20)
    return False


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_messages_of_a_life(manager: socket.socket) -> None:
    notifier = Notifier()
    notifier.extend(10)
    notifier.ready()
    notifier.status("listening (mic ok, mqtt up)")
    notifier.alive()
    notifier.stopping()
    assert [heard(manager) for _ in range(5)] == [
        "EXTEND_TIMEOUT_USEC=10000000",
        "READY=1",
        "STATUS=listening (mic ok, mqtt up)",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_a_reload_carries_its_moment(manager: socket.socket) -> None:
    before = time.monotonic()
    Notifier().reloading()
    match = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", heard(manager))
    assert match is not None
    assert before <= int(match[1]) / 1e6 + 1e-5
    assert int(match[1]) / 1e6 <= time.monotonic()


def test_a_status_is_one_short_line_and_said_when_it_changes(manager: socket.socket) -> None:
    notifier = Notifier()
    notifier.status("a\nREADY=1 " + "x" * 200)
    line = heard(manager)
    assert line.startswith("STATUS=a READY=1 x")
    assert len(line) == len("STATUS=") + 80
    notifier.status("a\nREADY=1 " + "x" * 200)
    notifier.status("idle")
    assert heard(manager) == "STATUS=idle"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().ready()


def test_a_socket_that_is_gone_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notifier = Notifier()
    for _ in range(3):
        notifier.alive()
    assert len(caplog.records) <= 1


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({"WATCHDOG_USEC": "15000000"}, 5.0),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "7"}, 5.0),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "8"}, None),
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_how_often_systemd_wants_to_hear_from_us(environment: dict[str, str], interval: float | None) -> None:
    assert interval_s(environment, 7) == interval


@pytest.fixture
def watched(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> tuple[Watchdog, Hands, dict[str, float]]:
    """A watchdog over "ear" (limit 2 s) and "inbox" (10 s), its clock, and when both last moved."""
    monkeypatch.setenv("WATCHDOG_USEC", "15000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    clock, moved = Hands(), {"ear": 1000.0, "inbox": 1000.0}
    watchdog = Watchdog(Notifier(), clock)
    watchdog.watch("ear", lambda: moved["ear"], 2.0)
    watchdog.watch("inbox", lambda: moved["inbox"], 10.0)
    return watchdog, clock, moved


def test_the_ping_comes_with_progress_every_third_of_the_limit(
    manager: socket.socket, watched: tuple[Watchdog, Hands, dict[str, float]]
) -> None:
    watchdog, clock, moved = watched
    assert watchdog.interval_s == 5.0
    pings = 0
    for _ in range(100):
        clock.now += 0.5
        moved["ear"] = moved["inbox"] = clock.now
        assert watchdog.tick() == ()
        if not silent(manager):
            pings += 1
    assert 10 <= pings <= 21


def test_who_stands_still_is_named_and_the_ping_withheld(
    manager: socket.socket,
    watched: tuple[Watchdog, Hands, dict[str, float]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    watchdog, clock, moved = watched
    assert watchdog.tick() == ()
    assert heard(manager) == "WATCHDOG=1"
    for _ in range(4):
        clock.now += 5.0
        moved["inbox"] = clock.now
        assert watchdog.tick() == ("ear",)
    assert silent(manager)
    assert [record.getMessage() for record in caplog.records] == ["no progress: ear; the watchdog is not fed"]
    moved["ear"] = clock.now
    with caplog.at_level(logging.INFO):
        assert watchdog.tick() == ()
    assert heard(manager) == "WATCHDOG=1"
    assert "progress again: ear" in caplog.text


def test_without_a_watchdog_the_stale_are_still_named(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    watchdog = Watchdog(Notifier(), lambda: 1000.0)
    watchdog.watch("mqtt", lambda: 0.0, 60.0)
    assert watchdog.tick() == ("mqtt",)
    assert "mqtt" in caplog.text
    assert silent(manager)
