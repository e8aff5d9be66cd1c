"""One take: the train of chirps, played by the real speaker process and recorded by the real microphone process.

The microphone's records are kept as the device gives them, in all its channels, with their positions and times; what
was lost on the way is silence in the recording, and counted.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agent import clock
from agent.audio.keeper import volume_kept
from agent.audio.playback import Playback
from agent.child import Child, ChildSpec, ChildState
from agent.config import Config, Mic
from agent.doctor.chirp import Floats, Train
from agent.events import Event, Health, Turn
from agent.records import Kind, Record

PLAY_HZ = 48_000
SETTLE_S = 0.3  # of the microphone, after opening: some click
QUIET_S = 1.5  # listened to before the first chirp
AFTER_S = 0.7  # recorded after the last one: the way through air and buffers
OPEN_S, STUCK_S = 20.0, 15.0  # a process starts slowly on a small device
LEAST_PERCENT, MOST_PERCENT = 40, 70


class NoTake(Exception):
    """str() says which device did not do its part, and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """`sound`: (frames, channels), full scale ±1; `times`: (position, monotonic seconds), rising.

    `audible_at`: when the first frame was to be in the air, as the speaker's device tells.
    """

    sound: Floats
    rate_hz: int
    times: tuple[tuple[int, float], ...]
    audible_at: float
    xruns: int
    lost_frames: int
    underruns: int
    restarts: int

    def time_of(self, frame: float) -> float:
        """When this frame was at the microphone, as its device tells."""
        position, at = next((each for each in reversed(self.times) if each[0] <= frame), self.times[0])
        return at + (frame - position) / self.rate_hz


def record(config: Config, train: Train, say: Callable[[str], None]) -> Take:
    """Play and record. Raises NoTake."""
    percent = loudness(config)
    speaker = config.audio.speaker.model_copy(update={"volume_percent": percent, "earcons": False})
    recorder, listener = Recorder(config.audio.mic), _Listener()
    playback = Playback(speaker, listener, listener.health, clock.now, listener.fatal)
    with volume_kept(speaker):
        recorder.start()
        try:
            recorder.wait(0.1, OPEN_S)
            say(f"quiet, please: listening for {QUIET_S:g} s, then chirps sound for {train.total_s:.0f} s")
            recorder.wait(SETTLE_S + QUIET_S, OPEN_S)
            playback.start()
            pcm = np.rint(train.samples(PLAY_HZ) * 32_767).astype(np.int16)
            playback.play(1, pcm, PLAY_HZ)
            playback.end(1)
            audible_at = listener.wait(train.total_s + STUCK_S)
            recorder.wait(recorder.recorded_s + AFTER_S, OPEN_S)
        finally:
            playback.stop()
            recorder.stop()
    counters = playback.counters()
    return recorder.take(audible_at, counters.underruns, counters.restarts)


def loudness(config: Config) -> int:
    """The configured volume, but neither a whisper nor a fright; a mixer is set to it meanwhile."""
    speaker = config.audio.speaker
    percent = speaker.volume_percent
    return percent if speaker.mixer else min(MOST_PERCENT, max(LEAST_PERCENT, percent))


@dataclass(slots=True)
class _Listener:
    """Waits for the end of the one turn that is played."""

    _changed: threading.Condition = field(default_factory=threading.Condition)  # guards the three below
    _audible_at: float | None = None
    _over: bool = False
    _reason: str = ""

    def audible(self, turn: Turn, at: float) -> None:
        with self._changed:
            self._audible_at = at

    def played(self, turn: Turn, position: int, rate_hz: int, at: float) -> None:
        """Of no interest here."""

    def drained(self, turn: Turn) -> None:
        self._end("")

    def failed(self, turn: Turn, reason: str) -> None:
        self._end(reason)

    def fatal(self, reason: str) -> None:
        self._end(reason)

    def health(self, event: Event) -> None:
        if isinstance(event, Health) and event.status == "failed":
            self._end(event.reason)

    def wait(self, timeout_s: float) -> float:
        """When it became audible, once all of it was played. Raises NoTake."""
        with self._changed:
            self._changed.wait_for(lambda: self._over, timeout_s)
            if self._reason or not self._over or self._audible_at is None:
                raise NoTake(f"the speaker does not play: {self._reason or 'it takes no sound'}")
            return self._audible_at

    def _end(self, reason: str) -> None:
        with self._changed:
            self._reason = self._reason or reason
            self._over = True
            self._changed.notify_all()


class Recorder:
    """The microphone's process and all that it has sent."""

    def __init__(self, mic: Mic) -> None:
        keys = {"device", "rate_hz", "channels", "format", "buffer_ms", "realtime"}
        spec = ChildSpec("mic", "agent.audio.mic", (json.dumps(mic.model_dump(include=keys)),), hang_is_death=False)
        self._child = Child(spec, self._on_record, self._on_state, self._on_fatal)
        self._changed = threading.Condition()  # guards all below
        self._format: dict[str, Any] = {}
        self._records: list[Record] = []
        self._lost: list[dict[str, Any]] = []
        self._restarts = 0
        self._reason = ""

    def start(self) -> None:
        self._child.start()

    def stop(self) -> None:
        self._child.stop()

    @property
    def recorded_s(self) -> float:
        with self._changed:
            return self._recorded_s()

    def wait(self, seconds: float, patience_s: float) -> None:
        """Until so much has been recorded in all. Raises NoTake where it does not come."""
        until = time.monotonic() + seconds + patience_s
        with self._changed:
            while self._recorded_s() < seconds:
                if self._reason or not self._changed.wait(until - time.monotonic()):
                    raise NoTake(f"the microphone does not record: {self._reason or 'no sound comes'}")

    def take(self, audible_at: float, underruns: int, restarts: int) -> Take:
        """All of it but the first moments. Raises NoTake."""
        with self._changed:
            form, records = self._format, list(self._records)
            xruns = sum(message["reason"] == "xrun" for message in self._lost)
            lost = sum(message["frames"] for message in self._lost)
        skip = round(SETTLE_S * form["rate_hz"])
        sound = _joined(records, form)[skip:]
        times = tuple((record.position - skip, record.mono_ns / 1e9) for record in records)
        return Take(sound, form["rate_hz"], times, audible_at, xruns, lost, underruns, restarts + self._restarts)

    def _recorded_s(self) -> float:
        if not self._records:
            return 0.0
        last = self._records[-1]
        size = _frame_bytes(self._format)
        return float((last.position + len(last.payload) // size) / self._format["rate_hz"])

    # On the child's I/O thread.

    def _on_record(self, record: Record) -> None:
        with self._changed:
            if record.kind is Kind.AUDIO:
                self._records.append(record)
            elif record.kind is Kind.MESSAGE:
                self._on_message(record.message())
            self._changed.notify_all()

    def _on_message(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "format":
                self._format, self._records = message, []
            case "lost":
                self._lost.append(message)
            case "device" if not message["ok"]:
                self._reason = message["reason"]
            case _:
                pass

    def _on_state(self, state: ChildState, reason: str) -> None:
        if state in ("died", "hung"):
            with self._changed:
                self._restarts += 1
                self._reason = f"its process {state}: {reason}"
                self._changed.notify_all()

    def _on_fatal(self, reason: str) -> None:
        with self._changed:
            self._reason = reason
            self._changed.notify_all()


def _frame_bytes(form: dict[str, Any]) -> int:
    return int(form["channels"]) * (2 if form["sample"] == "S16" else 4)


def _joined(records: list[Record], form: dict[str, Any]) -> Floats:
    """Positions are true, so what was lost is silence."""
    size, channels = _frame_bytes(form), form["channels"]
    kind, full = ("<i2", 32_768.0) if form["sample"] == "S16" else ("<i4", 2_147_483_648.0)
    frames = max(record.position + len(record.payload) // size for record in records)
    sound = np.zeros((frames, channels))
    for record in records:
        part = np.frombuffer(record.payload, kind).reshape(-1, channels) / full
        sound[record.position : record.position + len(part)] = part
    return sound
