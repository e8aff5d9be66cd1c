"""The child's side of `agent.child`: records from stdin, records to stdout, a sign of life, the end with the parent.

Rules:
- The pipe is fd 1 at birth. It is moved away and fd 1 then points at stderr, so that what native libraries print harms
  nothing.
- A child lives as long as its parent: `records()` ends at EOF, and a pipe that nobody reads any more ends the process
  from whichever thread notices (the heartbeat does within `heartbeat_s`). Signals meant for the parent are ignored.
- Every record goes out by one atomic `write` (pipe(7)), so a full pipe loses whole records and never halves.

This module imports nothing but the standard library and `agent.records`, since the microphone child must stay small.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator

from agent.records import MAX_RECORD, Decoder, Kind, Record, split_message


class Parent:
    """The process that started us. There is one, so make one of these, first of all, in the main thread."""

    def __init__(self, heartbeat_s: float = 0.5) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        self._in, self._out = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.set_blocking(self._out, False)
        self._lock = threading.Lock()  # guards the order on the pipe: a split message must not be interleaved
        self._decoder = Decoder()
        self._spoke = False
        self.dropped = 0
        threading.Thread(target=self._heartbeat, args=(heartbeat_s,), name="heartbeat", daemon=True).start()

    def send(self, *records: Record) -> None:
        """Write the records; blocks while the pipe is full."""
        with self._lock:
            for record in records:
                data = record.encode()
                while not self._write(data):
                    self._wait()

    def offer(self, *records: Record) -> bool:
        """Write as many of the records as there is room for; never blocks, so that an ALSA loop may call it.

        False where some were dropped (counted in `dropped`). Records that together fit 4,096 bytes go out by one write.
        """
        with self._lock:
            for at, (data, _) in enumerate(packets := list(_packets(records))):
                if not self._write(data):
                    self.dropped += sum(count for _, count in packets[at:])
                    return False
        return True

    def message(self, type: str, turn: int = 0, **fields: object) -> None:
        """Send a MESSAGE of any length; blocks while the pipe is full."""
        self.send(*split_message({"type": type, **fields}, turn))

    def records(self) -> Iterator[Record]:
        """What the parent sends, as it comes; ends when the parent closes the pipe or is gone."""
        while (records := self.receive()) is not None:
            yield from records

    def receive(self) -> list[Record] | None:
        """What the parent has sent; blocks until there is something (see `fileno`). None when the parent is gone."""
        data = os.read(self._in, 65_536)
        return self._decoder.feed(data) if data else None

    def fileno(self) -> int:
        """To be polled for POLLIN before `receive`."""
        return self._in

    def _write(self, data: bytes) -> bool:
        try:
            os.write(self._out, data)
        except BlockingIOError:
            return False
        except BrokenPipeError:
            os._exit(0)  # nobody is left to tell; a normal exit could hang in the threads of a native library
        self._spoke = True
        return True

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._out, select.POLLOUT)
        poll.poll()

    def _heartbeat(self, every_s: float) -> None:
        """A record that went out in the meantime is a sign of life too, so a busy child sends no heartbeats."""
        beat = Record(Kind.HEARTBEAT)
        while True:
            self._spoke = False
            time.sleep(every_s)
            if not self._spoke:
                self.offer(beat)


def _packets(records: tuple[Record, ...]) -> Iterator[tuple[bytes, int]]:
    """Records joined into writes of at most MAX_RECORD bytes, with the number of records in each."""
    data, count = b"", 0
    for record in records:
        encoded = record.encode()
        if count and len(data) + len(encoded) > MAX_RECORD:
            yield data, count
            data, count = b"", 0
        data, count = data + encoded, count + 1
    if count:
        yield data, count
