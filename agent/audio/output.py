"""The open speaker: how much waits in it, whether it moves, when it is to be stopped and closed."""

from __future__ import annotations

import time

import numpy as np

from agent.audio.alsa import DeviceError, Pcm
from agent.audio.playqueue import Floats

SETTLE_S = 0.2  # after running dry, before the stream is stopped: a sound server's own buffer still plays
CLOSE_S = 10.0
STALL_S = 2.5  # PulseAudio's null sink may take 2 s to start


class Output:
    """The open PCM and the count of what it has been given."""

    def __init__(self, pcm: Pcm, latency_s: float) -> None:
        self._pcm = pcm
        self.form = pcm.format
        self._latency = round(latency_s * self.form.rate_hz)
        self._pending = b""  # taken from the queue, not yet by the device
        self._moved = (0, time.monotonic())  # played frames, and since when that many
        self.dry_since: float | None = time.monotonic()
        self._running = False

    def close(self) -> None:
        self._pcm.close()

    def waiting(self) -> int:
        """Frames that it has not played yet. Raises DeviceError, also where it stands still."""
        room = self._pcm.available() if self._running else self.form.buffer
        waiting = self.form.buffer - min(room, self.form.buffer) if room >= 0 else 0
        return waiting + len(self._pending) // self.form.frame_bytes

    def watch(self, played: int, waiting: int, now: float) -> bool:
        """Whether it has just run dry. Raises DeviceError where sound waits and none is played."""
        if played != self._moved[0] or not waiting:
            self._moved = played, now
        elif now - self._moved[1] > STALL_S:
            raise DeviceError("broken", "speaker.stall: the device takes no sound")
        if waiting:
            self.dry_since = None
        elif self.dry_since is None:
            self.dry_since = now
            return True
        return False

    def room(self, waiting: int) -> int:
        return 0 if self._pending else max(0, min(self._latency, self.form.buffer) - waiting)

    def write(self, pcm: Floats) -> None:
        self._pending += self._encoded(pcm)
        self.flush()

    def flush(self) -> None:
        while self._pending:
            taken = self._pcm.write(self._pending)
            if taken == 0:
                return
            self._running = True
            self._pending = self._pending[(taken or 0) * self.form.frame_bytes :]

    def settle(self, now: float) -> None:
        """Stop the stream some time after it ran dry, so that an idle server need not care for it."""
        if self._running and self.dry_since is not None and now - self.dry_since > SETTLE_S:
            self.silence()

    def silence(self) -> None:
        """At once, whatever waits in it."""
        self._pending = b""
        if self._running:
            self._pcm.drop()
            self._running = False
        self.dry_since = time.monotonic() if self.dry_since is None else self.dry_since

    def due_s(self, now: float) -> float:
        """When to look again while nothing waits."""
        assert self.dry_since is not None
        wait_s = SETTLE_S + 0.01 if self._running else CLOSE_S
        return max(0.0, self.dry_since + wait_s - now)

    def _encoded(self, pcm: Floats) -> bytes:
        samples = np.clip(np.rint(pcm), -32_768, 32_767)
        whole = samples.astype("<i2") if self.form.sample == "S16" else samples.astype("<i4") << 16
        return np.repeat(whole, self.form.channels).tobytes()
