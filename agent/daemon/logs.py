"""Where log lines go: the journal with structured fields, else stderr; and that nobody waits for them.

Rules:
- `log.warning("…", extra={"code": "mic.lost", "turn": 3, "device": "hw:1", "err": "ENODEV"})`: `code` says what
  happened for machines, the message for people. In the journal these are VOICE_AGENT_CODE, TURN_ID, VOICE_AGENT_DEVICE
  and VOICE_AGENT_ERR.
- The thread that logs only puts into a queue. A full queue drops and counts: a stalled journal or a full pipe must not
  stop the sound.
- The same warning (by code) comes once in ten seconds, and says how often it was held back.
- Known secrets are masked before anything leaves the process.
- The level is set by room; other people's libraries speak at WARNING and above.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from logging.handlers import QueueHandler

from agent import credentials
from agent.config import Config, Log
from agent.credentials import Secret

QUEUE = 1000
REPEAT_S = 10.0
FLUSH_S = 1.0
MAX_MESSAGE = 16_384
MIN_SECRET = 4
JOURNAL = "/run/systemd/journal/socket"
IDENTIFIER = "voice-agent"
FIELDS = {"code": "VOICE_AGENT_CODE", "turn": "TURN_ID", "device": "VOICE_AGENT_DEVICE", "err": "VOICE_AGENT_ERR"}


def start(config: Log, secrets: Iterable[Secret] = ()) -> Callable[[], None]:
    """Send all logging to the journal, where stderr goes there anyway, else to stderr. Returns what ends it."""
    return attach(config, JournalHandler() if journal_reads(2, os.environ) else DescriptorHandler(2), secrets)


def attach(config: Log, sink: logging.Handler, secrets: Iterable[Secret] = ()) -> Callable[[], None]:
    """Send all logging to `sink`, from a thread of its own. Returns what ends it and restores the levels."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.WARNING)
    _set_levels(config)
    postbox = Postbox(sink)
    postbox.addFilter(RepeatFilter(time.monotonic))
    postbox.mask(secrets)
    root.addHandler(postbox)

    def stop() -> None:
        root.removeHandler(postbox)
        postbox.close()
        root.setLevel(before)
        _unset_levels()

    return stop


def renew(config: Config) -> None:
    """Take over the levels of another configuration; its secrets are masked from now on, besides the known ones."""
    _set_levels(config.log)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Postbox):
            handler.mask(known_secrets(config))


def _set_levels(config: Log) -> None:
    """Of `agent` and its rooms; a room that the configuration does not name speaks as all do."""
    _unset_levels()
    for name, level in {"": config.level, **config.rooms}.items():
        logging.getLogger(f"agent.{name}".rstrip(".")).setLevel(level)


def _unset_levels() -> None:
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and f"{name}.".startswith("agent."):
            logger.setLevel(logging.NOTSET)


def known_secrets(config: Config) -> tuple[Secret, ...]:
    """Every credential that the configuration names and that can be read now."""
    found = []
    for name in credentials.named_by(config).values():
        try:
            found.append(credentials.read(name))
        except credentials.CredentialError:
            continue  # whoever needs it will say so
    return tuple(found)


class RepeatFilter(logging.Filter):
    """Holds warnings back whose code was there within REPEAT_S. Errors always pass."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}
        self._lock = threading.Lock()  # guards `_seen`: all threads log

    def filter(self, record: logging.LogRecord) -> bool:
        code = getattr(record, "code", None)
        if record.levelno != logging.WARNING or code is None:
            return True
        key = (str(code), str(record.msg))
        now = self._clock()
        with self._lock:
            said, held = self._seen.get(key, (float("-inf"), 0))
            if now - said < REPEAT_S:
                self._seen[key] = (said, held + 1)
                return False
            if len(self._seen) >= QUEUE:
                self._seen.clear()
            self._seen[key] = (now, 0)
        if held:
            record.msg, record.args = f"{record.getMessage()} (and {held} times before)", ()
        return True


class Postbox(QueueHandler):
    """Takes records from any thread without waiting and hands them to `sink` on a thread of its own."""

    def __init__(self, sink: logging.Handler) -> None:
        self._waiting = queue.Queue[logging.LogRecord | None](QUEUE)
        super().__init__(self._waiting)
        self.dropped = 0
        self._sink = sink
        self._secrets: tuple[str, ...] = ()
        self._closed = False
        self._thread = threading.Thread(target=self._deliver, name="log", daemon=True)
        self._thread.start()

    def mask(self, secrets: Iterable[Secret]) -> None:
        """Besides those that it masks already."""
        texts = (secret.reveal() for secret in secrets)
        self._secrets = (
            *self._secrets,
            *(text for text in texts if len(text) >= MIN_SECRET and text not in self._secrets),
        )

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record with its text complete (traceback too), short enough, and without secrets."""
        ready: logging.LogRecord = super().prepare(record)
        ready.msg = ready.message = self._masked(ready.message)[:MAX_MESSAGE]
        for name in FIELDS:
            if isinstance(value := getattr(ready, name, None), str):
                setattr(ready, name, self._masked(value))
        return ready

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Deliver what waits, for a second at most; where nobody reads, the thread is left behind."""
        if not self._closed:
            self._closed = True
            until = time.monotonic() + FLUSH_S
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=FLUSH_S)
            self._thread.join(max(0.0, until - time.monotonic()))
        super().close()

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _deliver(self) -> None:
        # `emit`, not `handle`: that holds the sink's lock while it blocks, and logging.shutdown waits for the lock.
        told = 0
        while (record := self._waiting.get()) is not None:
            self._sink.emit(record)
            if self.dropped > told:
                fresh, told = self.dropped - told, self.dropped
                text = f"{fresh} lines of the log were dropped"
                self._sink.emit(logging.LogRecord("agent.daemon", logging.WARNING, "", 0, text, None, None))
        self._sink.close()


class DescriptorHandler(logging.Handler):
    """Lines to a file descriptor, past Python's buffers: their lock would hang the exit while the reader is stopped."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        code = getattr(record, "code", None)
        data = f"{line} [{code}]\n".encode(errors="replace") if code else f"{line}\n".encode(errors="replace")
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            return  # nobody listens any more


class JournalHandler(logging.Handler):
    """Entries with fields, in the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""

    def __init__(self, path: str = JOURNAL) -> None:
        super().__init__()
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._socket.sendto(entry(record), self._path)
        except OSError:
            return  # without a journal there is nowhere to complain

    def close(self) -> None:
        self._socket.close()
        super().close()


def entry(record: logging.LogRecord) -> bytes:
    """A record as one datagram: KEY=value lines, and values of several lines with their length in front."""
    fields = {
        "MESSAGE": record.getMessage(),
        "PRIORITY": str(_priority(record.levelno)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "LOGGER": record.name,
        "THREAD_NAME": record.threadName or "",
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName or "",
    }
    fields |= {field: str(value) for key, field in FIELDS.items() if (value := getattr(record, key, None)) is not None}
    return b"".join(_line(key, value.encode(errors="replace")) for key, value in fields.items() if value)


def _line(key: str, value: bytes) -> bytes:
    if b"\n" not in value:
        return key.encode() + b"=" + value + b"\n"
    return key.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"


def _priority(level: int) -> int:
    """syslog(3): 3 error, 4 warning, 6 informational, 7 debug."""
    if level >= logging.ERROR:
        return 3 if level < logging.CRITICAL else 2
    if level >= logging.WARNING:
        return 4
    return 6 if level >= logging.INFO else 7


def journal_reads(fd: int, environment: Mapping[str, str]) -> bool:
    """Whether this descriptor is the stream that systemd connected to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    stream = environment.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"
