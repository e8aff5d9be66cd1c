"""Capture: supervises the microphone child and hands out mono 16 kHz blocks with true time stamps.

The child's I/O thread puts its records into the intake, the ear reads them from there (`agent.audio.intake`).
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from agent.audio.convert import SECOND_NS, Stream
from agent.audio.intake import Intake, periods
from agent.audio.pcm import Block
from agent.audio.soundness import Level, Meter, PartHealth, Xruns
from agent.child import Child, ChildSpec, ChildState
from agent.clock import Clock
from agent.config import Mic
from agent.events import Event
from agent.records import Kind, Record, split_message

log = logging.getLogger(__name__)

STALL_S = 3.0
LATE_NS = 20_000_000


@dataclasses.dataclass(slots=True)
class Counters:
    """Since start. `periods` of 10 ms were read, `lost` never came; `late`: over 20 ms late on the way to this process.

    `dropped`: periods that came too fast for their reader; `restarts` of the child.
    """

    periods: int = 0
    lost: int = 0
    xruns: int = 0
    late: int = 0
    dropped: int = 0
    restarts: int = 0


class Capture:
    def __init__(
        self, config: Mic, emit: Callable[[Event], None], clock: Clock, on_fatal: Callable[[str], None]
    ) -> None:
        self._config = config
        self._health = PartHealth("mic", emit, clock)
        self._meter = Meter()
        settings = config.model_dump(include={"device", "rate_hz", "channels", "format", "buffer_ms", "realtime"})
        spec = ChildSpec("mic", "agent.audio.mic", (json.dumps(settings),), hang_is_death=False)
        self._child = Child(spec, self._on_record, self._on_state, on_fatal)
        self._drain = 1
        self._intake = Intake(config.channel, config.gain_db)
        self._lock = threading.Lock()  # guards the four below
        self._stream: Stream | None = None
        self._over = False
        self._counters = Counters()
        self._xruns = Xruns()

    def start(self) -> None:
        self._health.set("loading", "the microphone is being opened")
        self._child.start()

    def stop(self) -> None:
        self._child.stop()

    @property
    def pid(self) -> int | None:
        """Of the child."""
        return self._child.pid

    @property
    def ended(self) -> bool:
        """A file with the audio's own clock has been read to its end."""
        with self._lock:
            return self._over and self._intake.empty

    def read(self, timeout_s: float) -> list[Block]:
        """What was heard since the last call, in order; waits for something, at most `timeout_s`. One thread only.

        The samples may be read-only views. `gap` is set on the first block after a loss.
        """
        taken = self._intake.take(timeout_s)
        blocks = self._intake.blocks(taken)
        for block in blocks:
            self._meter.feed(block.pcm)
        if taken:
            self._judge()
            self._credit(*taken[-1])
        return blocks

    def drain_every(self, periods: int) -> None:
        """How many periods the child waits for before it wakes up: eight in silence, one when it matters."""
        if periods != self._drain:
            self._drain = periods
            self._child.send(*split_message({"type": "drain", "periods": periods}))

    def level(self) -> Level:
        return self._meter.level()

    def description(self) -> str:
        """Device, rate, format and channels as they are in use; "" before the device was opened."""
        with self._lock:
            stream = self._stream
        return f"{self._config.device} {stream.rate_hz} {stream.sample} {stream.channels}" if stream else ""

    def counters(self) -> Counters:
        with self._lock:
            return dataclasses.replace(self._counters)

    # On the reader's thread.

    def _judge(self) -> None:
        if self._health.status in ("ok", "degraded"):
            with self._lock:
                overruns = self._xruns.complaint(time.monotonic())
            complaint = self._meter.complaint() or overruns
            self._health.set("degraded" if complaint else "ok", complaint)

    def _credit(self, stream: Stream, record: Record) -> None:
        """A file with the audio's own clock is sent as fast as it is read."""
        if self._config.device.endswith("?clock=audio"):
            until = record.position + len(record.payload) // stream.frame_bytes + stream.rate_hz
            self._child.send(*split_message({"type": "credit", "until": until}))

    # On the child's I/O thread.

    def _on_record(self, record: Record) -> None:
        if record.kind is Kind.AUDIO and self._stream:
            self._put(self._stream, record)
        elif record.kind is Kind.MESSAGE:
            self._on_message(record.message())
        elif record.kind is Kind.END:
            with self._lock:
                self._over = True

    def _put(self, stream: Stream, record: Record) -> None:
        frames = len(record.payload) // stream.frame_bytes
        read_ns = record.mono_ns + record.delay * SECOND_NS // stream.rate_hz
        late = record.delay > 0 and time.monotonic_ns() - read_ns > LATE_NS
        dropped = self._intake.put(stream, record)
        with self._lock:
            self._counters.periods += periods(frames, stream)
            self._counters.late += late
            self._counters.dropped += dropped

    def _on_message(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "format":
                self._begin(Stream(message["rate_hz"], message["channels"], message["sample"]))
            case "device":
                self._health.set("ok" if message["ok"] else "failed", message["reason"])
            case "lost" if self._stream:
                log.warning("mic: %d frames lost (%s)", message["frames"], message["reason"])
                with self._lock:
                    self._counters.lost += periods(message["frames"], self._stream)
                    if message["reason"] == "xrun":
                        self._counters.xruns += 1
                        self._xruns.add(time.monotonic())
            case "stall" if message["for_s"] >= STALL_S:
                self._health.set("failed", "mic.stall: the device is open, but no sound comes")
                self._child.replace(f"no sound for {message['for_s']} s")
            case "worn":
                self._child.replace(f"{message['failures']} failed attempts to open the device have cost it memory")
            case "warning":
                log.warning("mic: %s", message["text"])
            case _:
                log.debug("mic: %s", message)

    def _begin(self, stream: Stream) -> None:
        with self._lock:
            self._stream = stream
        log.info("mic: %s, %d Hz, %d channels, %s", self._config.device, stream.rate_hz, stream.channels, stream.sample)
        self._credit(stream, Record(Kind.AUDIO))

    def _on_state(self, state: ChildState, reason: str) -> None:
        match state:
            case "ready":
                self._child.send(*split_message({"type": "drain", "periods": self._drain}))
            case "died" | "hung":
                self._health.set("failed", f"mic.child: the microphone's process {state}: {reason}")
                with self._lock:
                    self._counters.restarts += 1
            case _:
                pass
