"""Children, with a real process that misbehaves on request (`tests/children/moody.py`)."""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.child import Child, ChildSpec
from agent.records import Kind, Record, split_message

WAIT_S = 20.0
ENV = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent / 'children'}{os.pathsep}{Path(__file__).parent.parent}"}


class Watched:
    """A child and queues of what it reported."""

    def __init__(self, *mood: str, **changes: Any) -> None:
        self.listening = threading.Event()
        self.listening.set()
        self.records: queue.Queue[Record] = queue.Queue()
        self.states: queue.Queue[tuple[str, str]] = queue.Queue()
        self.fatal: queue.Queue[str] = queue.Queue()
        self.spec = ChildSpec("moody", "moody", mood, ENV, **changes)
        self.child = Child(self.spec, self.on_record, self.on_state, self.fatal.put)

    def on_record(self, record: Record) -> None:
        self.listening.wait(WAIT_S)
        self.records.put(record)

    def on_state(self, state: str, reason: str) -> None:
        self.states.put((state, reason))

    def until(self, state: str) -> str:
        while True:
            name, reason = self.states.get(timeout=WAIT_S)
            if name == state:
                return reason

    def message(self, type: str) -> dict[str, Any]:
        while True:
            record = self.records.get(timeout=WAIT_S)
            if record.kind is Kind.MESSAGE and record.message()["type"] == type:
                return record.message()

    def say(self, **message: Any) -> bool:
        return self.child.send(*split_message(message))


Starter = Callable[..., Watched]


@pytest.fixture
def start() -> Iterator[Starter]:
    started: list[Watched] = []

    def starter(*mood: str, **changes: Any) -> Watched:
        watched = Watched(*mood, **changes)
        started.append(watched)
        watched.child.start()
        return watched

    yield starter
    for watched in started:
        watched.child.stop()


@contextlib.contextmanager
def closing_fd(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_child_becomes_ready_and_answers(start: Starter) -> None:
    watched = start()
    watched.until("ready")
    assert watched.child.state == "ready"
    assert watched.child.pid == watched.message("ready")["pid"]
    watched.say(type="hello", text="ä" * 5000)
    assert watched.message("echo")["of"]["text"] == "ä" * 5000
    audio = Record(Kind.AUDIO, b"abcd", turn=7, position=1 << 40, mono_ns=99, delay=-5)
    watched.child.send(audio)
    assert watched.records.get(timeout=WAIT_S) == audio


def test_what_is_sent_before_it_is_ready_arrives(start: Starter) -> None:
    watched = Watched()
    watched.say(type="early")
    watched.child.start()
    try:
        assert watched.message("echo")["of"] == {"type": "early"}
    finally:
        watched.child.stop()


def test_it_is_a_session_of_its_own_and_the_first_to_be_killed_for_memory(start: Starter) -> None:
    watched = start(oom_score_adj=321)
    watched.until("ready")
    pid = watched.child.pid
    assert pid is not None
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "321"


def test_a_killed_child_is_replaced_at_once(start: Starter) -> None:
    watched = start()
    watched.until("ready")
    old = watched.child.pid
    assert old is not None
    os.kill(old, signal.SIGKILL)
    assert watched.until("died") == "killed by SIGKILL"
    watched.until("ready")
    assert watched.child.pid not in (None, old)
    assert watched.fatal.empty()


def test_a_stopped_child_is_hung_and_replaced(start: Starter) -> None:
    watched = start(silent_s=0.5)
    watched.until("ready")
    old = watched.child.pid
    assert old is not None
    os.kill(old, signal.SIGSTOP)
    assert watched.until("hung") == "no sign of life for 0.5 s"
    watched.until("ready")
    assert gone(old)


def test_a_busy_child_is_not_hung(start: Starter) -> None:
    watched = start(silent_s=1.0)
    watched.until("ready")
    watched.say(type="busy", seconds=1.6)
    watched.message("rested")
    assert watched.states.empty()


def test_a_pause_of_this_process_is_not_a_hang_of_the_child(start: Starter) -> None:
    """The callback stands still for longer than a child may be silent; its heartbeats wait in the pipe."""
    watched = start(silent_s=0.5)
    watched.until("ready")
    watched.message("ready")
    watched.listening.clear()
    watched.say(type="hello")
    time.sleep(1.0)  # the pause itself
    watched.listening.set()
    watched.message("echo")
    watched.say(type="again")
    watched.message("echo")
    assert watched.states.empty()


def test_three_deaths_are_fatal_and_there_is_no_fourth_start(start: Starter) -> None:
    watched = start("dies")
    reason = watched.fatal.get(timeout=WAIT_S)
    assert reason == "moody: 3 deaths in 60 s, the last: exited with 3"
    states = [watched.states.get(timeout=WAIT_S) for _ in range(6)]
    assert [name for name, _ in states] == ["starting", "died"] * 3
    assert watched.child.pid is None
    with pytest.raises(queue.Empty):
        watched.states.get(timeout=1.0)


def test_hangs_are_not_fatal_where_they_are_the_sound_servers_fault(start: Starter) -> None:
    watched = start("never ready", ready_s=0.2, hang_is_death=False)
    for _ in range(4):
        assert watched.until("hung") == "not ready after 0.2 s"
    assert watched.fatal.empty()


def test_replacing_is_not_a_death(start: Starter) -> None:
    watched = start()
    for _ in range(4):
        watched.until("ready")
        old = watched.child.pid
        watched.child.replace("a new configuration")
        watched.until("starting")
        assert watched.child.pid != old
    watched.until("ready")
    assert watched.fatal.empty()


def test_nonsense_on_the_pipe_is_a_death(start: Starter) -> None:
    assert start("nonsense").until("died").startswith("wrote nonsense: kind 255")


def test_its_queue_is_bounded_and_the_drops_are_counted(start: Starter) -> None:
    watched = start(queue_bytes=300_000)
    watched.until("ready")
    watched.say(type="busy", seconds=0.5)
    sent = [watched.child.send(Record(Kind.AUDIO, bytes(4000), position=n)) for n in range(400)]
    assert sent.count(False) == watched.child.dropped > 0
    watched.message("rested")
    got = {watched.records.get(timeout=WAIT_S).position for _ in range(sent.count(True))}
    assert got == {n for n, ok in enumerate(sent) if ok}


def test_a_child_that_offers_drops_whole_records_when_nobody_reads(start: Starter, tmp_path: Path) -> None:
    watched = start()
    watched.until("ready")
    watched.listening.clear()
    os.mkfifo(tmp_path / "done")
    watched.say(type="flood", n=2000, done=str(tmp_path / "done"))
    assert (tmp_path / "done").read_text() == "done"
    watched.listening.set()
    watched.say(type="count")
    counted = watched.message("count")
    assert counted["taken"] + counted["dropped"] == 2000
    assert counted["dropped"] > 0


def test_a_child_ends_with_its_parent_even_while_busy() -> None:
    """The parent is killed without a chance to say goodbye."""
    parent = subprocess.Popen([sys.executable, "-m", "orphaning"], env=ENV, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        ended = os.pidfd_open(pid)
        parent.kill()
    with closing_fd(ended), selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ)
        assert selector.select(WAIT_S)


def test_an_exception_in_a_callback_is_loud_and_ends_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    hooked: queue.Queue[Any] = queue.Queue()
    monkeypatch.setattr(threading, "excepthook", hooked.put)
    watched = Watched()
    pids: list[int | None] = []

    def on_record(record: Record) -> None:
        pids.append(watched.child.pid)
        raise ZeroDivisionError

    watched.child = Child(watched.spec, on_record, watched.on_state, watched.fatal.put)
    watched.child.start()
    assert hooked.get(timeout=WAIT_S).exc_type is ZeroDivisionError
    watched.child.stop()
    assert pids[0]
    assert gone(pids[0])


def test_it_ends_with_its_stdin(start: Starter) -> None:
    watched = start()
    watched.until("ready")
    pid = watched.child.pid
    assert pid is not None
    begun = time.monotonic()
    watched.child.stop(grace_s=WAIT_S)
    assert time.monotonic() - begun < WAIT_S
    assert gone(pid)
    assert watched.child.state == "stopped"
    watched.child.stop()


def test_one_that_lingers_is_killed_after_the_grace(start: Starter) -> None:
    watched = start("lingers")
    watched.until("ready")
    pid = watched.child.pid
    assert pid is not None
    watched.child.stop(grace_s=0.2)
    assert gone(pid)
    assert not watched.child.send(Record(Kind.END))


def test_twenty_lives_leave_no_files_and_threads_behind() -> None:
    def life() -> None:
        watched = Watched()
        watched.child.start()
        watched.until("ready")
        watched.child.stop()

    life()
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(20):
        life()
    assert len(os.listdir("/proc/self/fd")) == files
    assert threading.active_count() == threads
