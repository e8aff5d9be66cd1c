"""The process that decodes what one guest records: `python -m agent.web.container_child`.

From the parent: AUDIO, the bytes of a slice (`turn`: which recording, `mono_ns`: when the guest handed the slice over,
on its own clock); END, the recording is over. A new `turn` is a new recording. To the parent: AUDIO, mono, 16 kHz,
int16 (`position`: of the first sample in the recording, `mono_ns` of the slice that completed it); END; the message
bad {reason}, after which the rest of that recording is not looked at.

Rules: what comes is a stranger's, so the process can do little and is easily killed.
- It opens no file, no socket and starts no process any more once it is ready, and gets no more than `MEMORY` on top of
  what it has then.
- A slice that takes `STUCK_S` to decode ends it, by SIGALRM's own action: also a loop in native code, and a deadlock.
- Sound that comes faster than time for long is refused: a live recording cannot.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import time
from collections.abc import Iterator

import av.logging
import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.parent import Parent
from agent.records import Kind, Record, split_audio
from agent.web.containers import BadContainer, Decoder, warm_up

MEMORY = 128 << 20
STUCK_S = 5.0
PIECE = 1024  # bytes that are decoded at a time: a quarter of a minute of sound at most
PACE, BURST_S = 1.5, 60.0  # a guest that had no network for a while hands over what has gathered


def main() -> None:
    parent = Parent()
    av.logging.set_level(None)  # what is wrong with a stranger's packets fills no log
    warm_up()
    _forgo()
    parent.message("ready")
    recordings = Recordings(parent)
    for record in parent.records():
        recordings.take(record)


class Recordings:
    """One after the other."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._turn: int | None = None
        self._decoder: Decoder | None = None  # None once nothing more is to be made of the recording
        self._given = 0
        self._pace = Pace(time.monotonic())

    def take(self, record: Record) -> None:
        if record.turn != self._turn:
            self._turn, self._decoder, self._given = record.turn, Decoder(), 0
        if self._decoder is None:
            return
        try:
            if record.kind is Kind.AUDIO:
                self._feed(self._decoder, record)
            elif record.kind is Kind.END:
                self._finish(self._decoder, record)
        except BadContainer as error:
            self._decoder = None
            self._parent.message("bad", record.turn, reason=str(error))

    def _feed(self, decoder: Decoder, record: Record) -> None:
        for at in range(0, len(record.payload), PIECE):
            with _limited():
                pcm = decoder.feed(record.payload[at : at + PIECE])
            self._give(pcm, record)

    def _finish(self, decoder: Decoder, record: Record) -> None:
        self._decoder = None
        with _limited():
            pcm = decoder.flush()
        self._give(pcm, record)
        self._parent.send(Record(Kind.END, turn=record.turn))

    def _give(self, parts: list[Samples], record: Record) -> None:
        if not parts:
            return
        pcm = np.concatenate(parts)
        self._pace.took(len(pcm), time.monotonic())
        for piece in split_audio(pcm.tobytes(), 2, record.turn, self._given):
            self._parent.send(Record(Kind.AUDIO, piece.payload, piece.turn, piece.position, record.mono_ns))
        self._given += len(pcm)


class Pace:
    """A bucket that fills at `PACE` times the speed of sound, in seconds."""

    def __init__(self, now: float) -> None:
        self._room = BURST_S
        self._looked = now

    def took(self, samples: int, now: float) -> None:
        """Raises BadContainer where that was too much."""
        self._room = min(BURST_S, self._room + (now - self._looked) * PACE) - samples / RATE_HZ
        self._looked = now
        if self._room < 0:
            raise BadContainer("sound that comes faster than time")


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    signal.setitimer(signal.ITIMER_REAL, STUCK_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def _forgo() -> None:
    """Nothing opened, nothing started, little memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        most = int(file.read().split()[0]) * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    # No number below 1 is free. It cannot be 0: poll(2), by which the pipe is awaited, takes no more at a time.
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, 1))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
