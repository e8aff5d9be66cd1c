"""Child processes: how any of them is started, fed, watched and replaced.

Rules:
- Native code that can hang or crash lives in a child, started by `subprocess` (never a fork of this process) as a
  session of its own; it ends when its stdin does. Its side of the pipes is `agent.parent`.
- One I/O thread owns the process and both pipes. Other threads only put bytes into a bounded queue and ring a bell.
- Sign of life: any record. A child that is silent for `silent_s` is killed and replaced; so is one that dies, and one
  that was told to `replace`. Three unexpected deaths in 60 s are for the owner to end the program (`on_fatal`); then
  there is no further start. A missing device is not a death: audio children live on and report it.
- What waits for a child dies with it: after "ready" the owner sends again what the new one has to know.
- An exception in a callback ends the I/O thread (and the child) and is for `threading.excepthook`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from agent.parent import Parent
from agent.process import ChildSpec, Process, readable, spawn
from agent.records import BadRecord, Kind, Record

__all__ = ["Child", "ChildSpec", "ChildState", "Parent"]

log = logging.getLogger(__name__)

DEATHS, DEATHS_WITHIN_S = 3, 60.0
MEMORY = " (not by us; if nobody else did, memory ran out: `journalctl -k -g oom` tells)"
PAUSE_S = 0.5  # before the second start within DEATHS_WITHIN_S
WRITE_BYTES = 65_536

ChildState = Literal["starting", "ready", "died", "hung", "stopped"]


class Child:
    """One supervised process. All callbacks run on the child's own I/O thread and must not block."""

    def __init__(
        self,
        spec: ChildSpec,
        on_record: Callable[[Record], None],
        on_state: Callable[[ChildState, str], None],
        on_fatal: Callable[[str], None],
    ) -> None:
        self._spec = spec
        self._on_record = on_record
        self._on_state = on_state
        self._on_fatal = on_fatal
        self._lock = threading.Lock()  # guards the six below
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._dropped = 0
        self._replace: str | None = None
        self._grace_s: float | None = None  # a number once stop() was called
        self._bell = -1
        self._thread: threading.Thread | None = None
        self._life: Process | None = None
        self._state: ChildState = "stopped"
        self._start_at: float | None = None  # when to start the next process
        self._deaths: deque[float] = deque(maxlen=DEATHS)

    @property
    def pid(self) -> int | None:
        life = self._life
        return life.popen.pid if life else None

    @property
    def state(self) -> ChildState:
        return self._state

    @property
    def dropped(self) -> int:
        """Records that found the queue full."""
        return self._dropped

    def start(self) -> None:
        """Start the I/O thread, which starts the process; returns at once."""
        assert self._thread is None, "a child is started once"
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._start_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"child-{self._spec.name}", daemon=True)
        self._thread.start()

    def send(self, *records: Record) -> bool:
        """Queue the records for the child, from any thread. False where they do not all fit: then none is sent."""
        data = b"".join(record.encode() for record in records)
        with self._lock:
            if self._grace_s is not None or self._queued + len(data) > self._spec.queue_bytes:
                self._dropped += len(records)
                return False
            self._queue.append(data)
            self._queued += len(data)
            self._ring()
        return True

    def replace(self, reason: str) -> None:
        """Kill the process and start anew; wanted, so not counted as a death."""
        with self._lock:
            self._replace = reason
            self._ring()

    def stop(self, grace_s: float = 0.5) -> None:
        """Close the child's stdin, wait for it, kill it after `grace_s`; joins the I/O thread. Idempotent."""
        with self._lock:
            self._grace_s = grace_s if self._grace_s is None else self._grace_s
            self._ring()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def _ring(self) -> None:
        if self._bell >= 0:
            os.eventfd_write(self._bell, 1)

    # The rest runs on the I/O thread.

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            try:
                while self._grace_s is None:
                    self._wait(selector)
                    self._obey(selector)
                    self._watch(selector)
                self._part(selector, self._grace_s)
                self._tell("stopped", "")
            finally:
                self._bury(selector)
                with self._lock:
                    os.close(self._bell)
                    self._bell = -1

    def _wait(self, selector: selectors.BaseSelector) -> None:
        """Sleep until there is something to read, to write or to do."""
        events = selector.select(self._timeout_s(time.monotonic()))
        for key, mask in events:
            if key.fd == self._bell:
                os.eventfd_read(self._bell)
            elif self._life and mask & selectors.EVENT_READ:
                self._read(selector, self._life)
        if self._life:
            self._write(selector, self._life)

    def _timeout_s(self, now: float) -> float | None:
        due = self._life.due(self._spec) if self._life else self._start_at
        return None if due is None else max(0.0, due - now)

    def _read(self, selector: selectors.BaseSelector, life: Process) -> None:
        data = os.read(life.stdout, WRITE_BYTES * 2)
        if not data:
            self._lost(selector, "died", life.farewell())
            return
        life.heard_at = time.monotonic()
        try:
            records = life.decoder.feed(data)
        except BadRecord as error:
            self._lost(selector, "died", f"wrote nonsense: {error}")
            return
        for record in records:
            self._deliver(life, record)

    def _deliver(self, life: Process, record: Record) -> None:
        if record.kind is Kind.HEARTBEAT:
            return
        self._on_record(record)
        if not life.ready and record.kind is Kind.MESSAGE and record.message().get("type") == "ready":
            life.ready = True
            self._tell("ready", "")

    def _write(self, selector: selectors.BaseSelector, life: Process) -> None:
        if not life.outbox:
            with self._lock:
                while self._queue and len(life.outbox) < WRITE_BYTES:
                    data = self._queue.popleft()
                    self._queued -= len(data)
                    life.outbox += data
        life.flush()
        events = selectors.EVENT_WRITE if life.outbox or self._queue else 0
        life.want(selector, events)

    def _obey(self, selector: selectors.BaseSelector) -> None:
        with self._lock:
            reason, self._replace = self._replace, None
        if reason is not None and self._life:
            log.info("%s: replaced: %s", self._spec.name, reason)
            self._bury(selector)
            self._start_at = 0.0

    def _watch(self, selector: selectors.BaseSelector) -> None:
        """Start what is to start; end what has been silent for too long."""
        now = time.monotonic()
        life = self._life
        if life is None:
            if self._start_at is not None and self._start_at <= now:
                self._spawn(selector)
        elif now >= life.due(self._spec) and not readable(life.stdout):
            silent = f"no sign of life for {self._spec.silent_s:g} s"
            self._lost(selector, "hung", silent if life.ready else f"not ready after {self._spec.ready_s:g} s")

    def _spawn(self, selector: selectors.BaseSelector) -> None:
        self._start_at = None
        try:
            life = spawn(self._spec)
        except OSError as error:
            self._lost(selector, "died", f"cannot be started: {error}")
            return
        self._life = life
        selector.register(life.stdout, selectors.EVENT_READ)
        self._tell("starting", "")

    def _lost(self, selector: selectors.BaseSelector, state: Literal["died", "hung"], reason: str) -> None:
        log.warning("%s %s: %s%s", self._spec.name, state, reason, MEMORY if "SIGKILL" in reason else "")
        self._bury(selector)
        now = time.monotonic()
        recent = [at for at in self._deaths if now - at < DEATHS_WITHIN_S]
        self._start_at = now + (PAUSE_S if recent else 0.0)
        if state == "died" or self._spec.hang_is_death:
            self._deaths.append(now)
            if len(recent) + 1 >= DEATHS:
                self._start_at = None
        self._tell(state, reason)
        if self._start_at is None:
            self._on_fatal(f"{self._spec.name}: {DEATHS} deaths in {DEATHS_WITHIN_S:g} s, the last: {reason}")

    def _tell(self, state: ChildState, reason: str) -> None:
        self._state = state
        self._on_state(state, reason)

    def _part(self, selector: selectors.BaseSelector, grace_s: float) -> None:
        """Let the child take in what waits, close its stdin, and read on without listening until it has gone."""
        life = self._life
        if life is None:
            return
        self._write(selector, life)
        life.close_stdin(selector)
        selector.unregister(self._bell)
        until = time.monotonic() + grace_s
        while (left := until - time.monotonic()) > 0 and selector.select(left):
            if not os.read(life.stdout, WRITE_BYTES):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    life.popen.wait(max(0.0, until - time.monotonic()))
                return

    def _bury(self, selector: selectors.BaseSelector) -> None:
        """End the process, if there is one, and forget what waited for it."""
        life, self._life = self._life, None
        if life is None:
            return
        life.close_stdin(selector)
        selector.unregister(life.stdout)
        life.kill(self._spec.name)
        with self._lock:
            self._queue.clear()
            self._queued = 0
