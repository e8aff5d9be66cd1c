"""Tapes: what was heard at one place of the room, with the time at which each sample was in the air.

A recorder reads the monitor of a sink in blocks of 10 ms. A block is readable as soon as its last sample has been
rendered, but Python may look late; so the time of a sample is that of the *earliest* possible reader: the lower
envelope of (moment of reading − samples read so far) over a stretch without gaps. A stall of the sound server ends a
stretch and begins another.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.processes import end, spawn

GAP_S = 0.25  # a block this much late means that the server stalled and time went on without samples
BYTES = 2


class Stretch:
    """Samples without a gap. `start`: monotonic seconds at which its first sample was in the air."""

    def __init__(self) -> None:
        self.start = float("inf")
        self.count = 0
        self.dropped = 0  # samples forgotten at the front
        self.blocks: deque[Samples] = deque()

    def add(self, block: Samples, read_at: float) -> None:
        self.blocks.append(block)
        self.count += len(block)
        self.start = min(self.start, read_at - self.count / RATE_HZ)

    def lag(self, block: Samples, read_at: float) -> float:
        """Seconds by which the block comes later than it should."""
        return read_at - (self.count + len(block)) / RATE_HZ - self.start

    def forget(self, before: float) -> None:
        """Let go of whole blocks from before this time."""
        while self.blocks and self.start + (self.dropped + len(self.blocks[0])) / RATE_HZ < before:
            self.dropped += len(self.blocks.popleft())


class Tape:
    """Mono, 16 kHz, int16, of the last `keep_s` seconds. `add` is called by one thread, `cut` by any."""

    def __init__(self, keep_s: float = 900.0) -> None:
        self._keep_s = keep_s
        self._lock = threading.Condition()  # guards the stretches
        self._stretches: list[Stretch] = []

    def add(self, block: Samples, read_at: float) -> None:
        with self._lock:
            if not self._stretches or self._stretches[-1].lag(block, read_at) > GAP_S:
                self._stretches.append(Stretch())
            self._stretches[-1].add(block, read_at)
            for stretch in self._stretches:
                stretch.forget(read_at - self._keep_s)
            self._stretches = [s for s in self._stretches if s.blocks]  # at least the one just added to
            self._lock.notify_all()

    def splice(self) -> None:
        """What comes next does not follow on from what came before."""
        with self._lock:
            self._stretches.append(Stretch())

    @property
    def until(self) -> float:
        """Monotonic seconds of the end of the newest sample; −inf where there is none."""
        with self._lock:
            return self._until()

    def _until(self) -> float:
        return max((s.start + s.count / RATE_HZ for s in self._stretches if s.count), default=float("-inf"))

    def wait_until(self, moment: float, timeout_s: float) -> bool:
        """Wait for the samples up to this moment to be on the tape."""
        with self._lock:
            return self._lock.wait_for(lambda: self._until() >= moment, timeout_s)

    def cut(self, since: float, until: float) -> Samples:
        """The samples between two moments (monotonic seconds), zeros where nothing was heard."""
        piece = np.zeros(max(0, round((until - since) * RATE_HZ)), np.int16)
        with self._lock:
            parts = [(s.start, s.dropped, list(s.blocks)) for s in self._stretches if s.count]
        for start, dropped, blocks in parts:
            offset = round((start - since) * RATE_HZ) + dropped
            for block in blocks:
                first, last = max(offset, 0), min(offset + len(block), len(piece))
                if first < last:
                    piece[first:last] = block[first - offset : last - offset]
                offset += len(block)
        return piece


class Recorder:
    """Fills a tape from a PulseAudio source. It ends by itself where the source goes away."""

    def __init__(self, source: str, env: Mapping[str, str], tape: Tape) -> None:
        self._source = source
        self._env = env
        self._tape = tape
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        command = ["parec", f"--device={self._source}", "--raw", "--format=s16le", f"--rate={RATE_HZ}", "--channels=1"]
        command += ["--latency-msec=10", "--client-name=room"]
        self._tape.splice()
        self._process = spawn(command, self._env, stdout=subprocess.PIPE)
        self._thread = threading.Thread(target=self._read, args=(self._process,), name=f"tape {self._source}")
        self._thread.start()

    def stop(self) -> None:
        if self._process is None or self._thread is None:
            return
        # The thread reads until the end of the pipe, which comes with the death of the process.
        self._process.kill()
        self._thread.join()
        end(self._process)
        self._process = self._thread = None

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        odd = b""
        while data := process.stdout.read(4096):
            read_at = time.monotonic()
            data = odd + data
            odd = data[len(data) - len(data) % BYTES :]
            samples = np.frombuffer(data[: len(data) - len(odd)], np.int16)
            if len(samples):
                self._tape.add(samples, read_at)
