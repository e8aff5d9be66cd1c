"""Log lines on a real journal socket and a real pipe: fields, levels, secrets, floods, and readers that stop."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.config import Config, Log
from agent.credentials import Secret
from agent.daemon.logs import (
    QUEUE,
    DescriptorHandler,
    JournalHandler,
    Postbox,
    RepeatFilter,
    attach,
    entry,
    journal_reads,
    known_secrets,
    renew,
    start,
)

Attach = Callable[..., None]


@pytest.fixture
def attached() -> Iterator[Attach]:
    """`attach` that is undone at the end."""
    ends: list[Callable[[], None]] = []

    def do(config: Log, sink: logging.Handler, *more: object) -> None:
        ends.append(attach(config, sink, *more))  # type: ignore[arg-type]

    yield do
    for end in ends:
        end()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "journal"))
        listener.settimeout(20)
        yield listener


def fields(datagram: bytes) -> dict[str, str]:
    """The entry as journald would read it."""
    found = {}
    while datagram:
        head, _, rest = datagram.partition(b"\n")
        key, equals, value = head.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        found[key.decode()] = value.decode()
        datagram = rest
    return found


class Sink(logging.Handler):
    """Keeps records; with a gate it hangs until that opens."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.arrived = threading.Condition()
        self._gate = gate

    def emit(self, record: logging.LogRecord) -> None:
        if self._gate is not None:
            self._gate.wait(20)
        with self.arrived:
            self.lines.append(record.getMessage())
            self.arrived.notify_all()

    def wait(self, line: str) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: line in self.lines, 20), self.lines


def test_the_journal_gets_fields(journal: socket.socket, attached: Attach) -> None:
    attached(Log(), JournalHandler(str(journal.getsockname())))
    logging.getLogger("agent.audio.mic").warning(
        "microphone lost: %s", "ENODEV", extra={"code": "mic.lost", "turn": 7, "device": "hw:1", "err": "ENODEV"}
    )
    got = fields(journal.recv(65536))
    assert got["MESSAGE"] == "microphone lost: ENODEV"
    assert got["PRIORITY"] == "4"
    assert got["SYSLOG_IDENTIFIER"] == "voice-agent"
    assert got["LOGGER"] == "agent.audio.mic"
    assert got["CODE_FUNC"] == "test_the_journal_gets_fields"
    assert (got["VOICE_AGENT_CODE"], got["TURN_ID"]) == ("mic.lost", "7")
    assert (got["VOICE_AGENT_DEVICE"], got["VOICE_AGENT_ERR"]) == ("hw:1", "ENODEV")


def test_a_traceback_stays_one_entry(journal: socket.socket, attached: Attach) -> None:
    attached(Log(), JournalHandler(str(journal.getsockname())))
    try:
        raise ZeroDivisionError("of all things")
    except ZeroDivisionError:
        logging.getLogger("agent.mqtt").exception("it broke\nPRIORITY=0")
    got = fields(journal.recv(65536))
    assert got["MESSAGE"].startswith("it broke\nPRIORITY=0\nTraceback")
    assert got["MESSAGE"].endswith("ZeroDivisionError: of all things")
    assert got["PRIORITY"] == "3"


def test_a_very_long_line_is_cut(journal: socket.socket, attached: Attach) -> None:
    attached(Log(), JournalHandler(str(journal.getsockname())))
    logging.getLogger("agent.mqtt").error("x" * 1_000_000)
    assert len(fields(journal.recv(65536))["MESSAGE"]) == 16_384


def test_without_a_journal_nothing_happens(tmp_path: Path, attached: Attach) -> None:
    attached(Log(), JournalHandler(str(tmp_path / "nobody")))
    logging.getLogger("agent.mqtt").error("unheard")


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)],
)
def test_priorities_are_those_of_syslog(level: int, priority: int) -> None:
    record = logging.LogRecord("agent", level, "", 0, "x", None, None)
    assert fields(entry(record))["PRIORITY"] == str(priority)


def test_levels_are_set_by_room(attached: Attach) -> None:
    sink = Sink()
    attached(Log(level="WARNING", rooms={"mqtt": "DEBUG", "audio": "ERROR"}), sink)
    for name in ("agent.mqtt.session", "agent.hearing.ear", "agent.audio.mic", "somebody.else"):
        logging.getLogger(name).debug("%s debug", name)
        logging.getLogger(name).warning("%s warning", name)
    logging.getLogger("agent.mqtt").error("last")
    sink.wait("last")
    assert sink.lines == [
        "agent.mqtt.session debug",
        "agent.mqtt.session warning",
        "agent.hearing.ear warning",
        "somebody.else warning",
        "last",
    ]


def test_the_end_restores_levels_and_delivers_what_waits() -> None:
    sink = Sink()
    before = logging.getLogger().level
    end = attach(Log(level="DEBUG"), sink)
    for number in range(100):
        logging.getLogger("agent.mqtt").debug("%d", number)
    end()
    assert sink.lines == [str(number) for number in range(100)]
    assert logging.getLogger().level == before
    assert logging.getLogger("agent").level == logging.NOTSET


def test_secrets_are_masked_wherever_they_stand(attached: Attach) -> None:
    sink = Sink()
    attached(Log(), sink, [Secret("hunter2hunter2"), Secret("a")])
    try:
        raise ValueError("password hunter2hunter2 refused")
    except ValueError:
        logging.getLogger("agent.mqtt").exception("with %s", "hunter2hunter2")
    logging.getLogger("agent.mqtt").error("last")
    sink.wait("last")
    assert "hunter2" not in "".join(sink.lines)
    assert "password *** refused" in sink.lines[0]


def test_secrets_in_fields_are_masked() -> None:
    sink = Sink()
    postbox = Postbox(sink)
    postbox.mask([Secret("hunter2hunter2")])
    record = logging.LogRecord("agent", logging.ERROR, "", 0, "x", None, None)
    record.err = "401 hunter2hunter2"
    assert fields(entry(postbox.prepare(record)))["VOICE_AGENT_ERR"] == "401 ***"
    postbox.close()


def test_the_credentials_of_the_configuration_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "mqtt-password").write_text("one\n")
    (tmp_path / "key").write_text("two")
    config = Config(
        mqtt={"password": "mqtt-password"},
        llm={
            "profiles": {
                "a": {"base_url": "http://x/v1", "api_key": "key"},
                "b": {"base_url": "http://x/v1", "api_key": "not-there"},
                "c": {"base_url": "http://x/v1"},
            }
        },
    )
    assert [secret.reveal() for secret in known_secrets(config)] == ["one", "two"]


def test_a_warning_is_not_repeated_within_ten_seconds() -> None:
    now = [0.0]
    gate = RepeatFilter(lambda: now[0])

    def passes(level: int, message: str, code: str | None) -> str | None:
        record = logging.LogRecord("agent", level, "", 0, message, None, None)
        record.code = code
        return record.getMessage() if gate.filter(record) else None

    assert passes(logging.WARNING, "lost", "mic.lost") == "lost"
    now[0] = 9.9
    assert [passes(logging.WARNING, "lost", "mic.lost") for _ in range(3)] == [None] * 3
    assert passes(logging.WARNING, "lost", "mqtt.lost") == "lost"
    assert passes(logging.ERROR, "lost", "mic.lost") == "lost"
    assert passes(logging.INFO, "lost", "mic.lost") == "lost"
    assert [passes(logging.WARNING, "anything", None) for _ in range(2)] == ["anything"] * 2
    now[0] = 10.0
    assert passes(logging.WARNING, "lost", "mic.lost") == "lost (and 3 times before)"


def test_who_logs_never_waits_and_what_was_dropped_is_said(attached: Attach) -> None:
    gate = threading.Event()
    sink = Sink(gate)
    attached(Log(), sink)
    for number in range(QUEUE + 500):
        logging.getLogger("agent.mqtt").error("%d", number)
    assert sink.lines == []
    gate.set()
    sink.wait(str(QUEUE - 1))
    dropped = [line for line in sink.lines if "dropped" in line]
    assert dropped in (["499 lines of the log were dropped"], ["500 lines of the log were dropped"])


STALLED = """
import logging, os, sys
from agent.config import Log
from agent.daemon.logs import start
stop = start(Log())
for _ in range(5000):
    logging.getLogger("agent.mqtt").error("x" * 500)
stop()
os.write(1, b"done")
"""


def test_a_reader_that_stopped_does_not_hold_the_exit_up() -> None:
    reader, writer = os.pipe()
    with subprocess.Popen([sys.executable, "-c", STALLED], stderr=writer, stdout=subprocess.PIPE) as process:
        os.close(writer)
        out, _ = process.communicate(timeout=60)
    os.close(reader)
    assert out == b"done"
    assert process.returncode == 0


def test_stderr_gets_lines_with_their_code() -> None:
    reader, writer = os.pipe()
    end = attach(Log(), DescriptorHandler(writer))
    logging.getLogger("agent.mqtt").warning("gone", extra={"code": "mqtt.lost"})
    end()
    os.close(writer)
    with os.fdopen(reader) as lines:
        assert lines.read().endswith("WARNING agent.mqtt: gone [mqtt.lost]\n")


def test_the_journal_is_used_only_where_the_descriptor_goes_there() -> None:
    status = os.fstat(2)
    assert journal_reads(2, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    assert not journal_reads(2, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
    assert not journal_reads(2, {})
    assert not journal_reads(987, {"JOURNAL_STREAM": "1:2"})


def test_without_the_journal_lines_go_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    end = start(Log())
    logging.getLogger("agent.mqtt").error("where does it go")
    end()
    assert "where does it go" in capfd.readouterr().err


def test_another_configuration_takes_effect_at_once_and_leaves_nothing_of_the_old(
    attached: Attach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "mqtt-password").write_text("hunter22")
    sink = Sink()
    attached(Log(), sink, [Secret("swordfish")])
    renew(Config(log=Log(level="WARNING", rooms={"mqtt": "DEBUG"}), mqtt={"password": "mqtt-password"}))
    logging.getLogger("agent.daemon").info("held back")
    logging.getLogger("agent.mqtt.link").debug("not hunter22, not swordfish")
    renew(Config())
    logging.getLogger("agent.mqtt.link").debug("held back")
    logging.getLogger("agent.daemon").info("hunter22 is a secret still")
    sink.wait("*** is a secret still")
    assert sink.lines == ["not ***, not ***", "*** is a secret still"]
