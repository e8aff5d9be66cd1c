"""The speaker child: `python -m agent.audio.speaker SETTINGS`, SETTINGS being the JSON of `Settings`.

Rules:
- One thread: it takes in everything that has come from the parent before it touches the device again, so "drop"
  overtakes all queued sound; and it never blocks on writing, so it can take things in. Only opening, dropping and
  closing can block (on a sound server that stands still): then the heartbeat stops and the parent replaces the child.
- At most `latency_ms` wait in the device. What is played is told by the device: handed out less what still waits in it.
- A dry device is left alone: no silence is fed to it, so that the next sound starts at once. Idle for 10 s it is
  closed (opening takes 1 to 4 ms, holding it keeps amplifiers and other programs waiting).
- A device that fails or stands still is closed and tried again every second; the turns that had sound have failed. Once
  it can be had again it is given back at once: it may be a music player between two songs.

From the parent: AUDIO (mono int16 at the rate told by "format"; turn 0 is an earcon, mixed over the speech) · END ·
drop (of the turns up to the record's) · duck {db ramp_ms} · volume {percent} · prepare.
To the parent: ready · format {rate_hz sample channels} · device {ok reason} · audible (turn, mono_ns) · played (turn,
position, mono_ns, delay) · drained (turn) · dropped (turn; delay 1: the device fell silent) · failed {reason} (turn) ·
underrun (turn) · warning {text} · AUDIO, what the device was handed, where `monitor` is set (`agent.audio.reference`).
"""

from __future__ import annotations

import gc
import json
import select
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.audio.alsa import DeviceError, Wish, mixer, open_pcm, set_volume
from agent.audio.monitor import told
from agent.audio.output import CLOSE_S, Output
from agent.audio.playqueue import EARCON, Ledger, Mark, PlayQueue, loudness
from agent.audio.realtime import schedule_realtime
from agent.parent import Parent
from agent.records import Kind, Record, split_message

RATES_HZ = (48_000, 44_100, 32_000, 16_000)
WAKE_S = 0.02
REPORT_S = 0.08
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """See `agent.config.Speaker`."""

    device: str
    rate_hz: int | None
    latency_ms: int
    volume_percent: int
    mixer: str | None
    realtime: bool
    monitor: bool = False  # tell what is played, as an echo reference


class Speaker:
    def __init__(self, settings: Settings, parent: Parent) -> None:
        self._settings = settings
        self._parent = parent
        self._device: Output | None = None
        self._queue = PlayQueue(1.0 if settings.mixer else loudness(settings.volume_percent))
        self._ledger = Ledger()
        self._mixer: Any = None
        self._percent = settings.volume_percent
        self._failed = ""  # why there is no device
        self._retry_at: float | None = 0.0
        self._begun = 0  # the newest turn that became audible
        self._reported_at = 0.0
        self._unreported: dict[int, int] = {}  # positions by turn

    def run(self) -> None:
        """Until the parent is gone."""
        while True:
            try:
                wait_s = self._step(time.monotonic())
            except DeviceError as error:
                self._fail(str(error))
                wait_s = RETRY_S
            if not self._listen(wait_s):
                return

    # ---- the device

    def _step(self, now: float) -> float | None:
        """Do what is due; returns how long nothing will be."""
        if self._device is None:
            return self._open(now)
        device = self._device
        device.flush()
        waiting = device.waiting()
        self._report(waiting, now)
        if device.watch(self._queue.taken - waiting, waiting, now) and self._queue.unfinished:
            self._record("underrun", self._queue.unfinished, 0, round(now * 1e9), 0)
        waiting += self._fill(device, waiting, now)
        if waiting:
            return min(WAKE_S, waiting / device.form.rate_hz + 0.001)
        device.settle(now)
        if now - (device.dry_since or now) >= CLOSE_S:
            self._close()
            return None
        return device.due_s(now)

    def _open(self, now: float) -> float | None:
        if self._retry_at is None:
            return None
        if now < self._retry_at:
            return self._retry_at - now
        rate_hz = self._settings.rate_hz
        rates = (rate_hz,) if rate_hz else RATES_HZ
        wish = Wish(self._settings.device, "playback", self._settings.latency_ms / 1000, rates, (1, 2))
        pcm = open_pcm(wish)
        self._device = Output(pcm, self._settings.latency_ms / 1000)
        self._retry_at = None
        self._queue.rate_hz = pcm.format.rate_hz
        if self._settings.mixer:
            self._set_volume(self._percent)
        form = pcm.format
        self._tell("format", rate_hz=form.rate_hz, sample=form.sample, channels=form.channels)
        self._tell("device", ok=True, reason="")
        recovered, self._failed = bool(self._failed), ""
        if recovered:
            self._close()
            return None
        return 0.0

    def _close(self) -> None:
        if self._device:
            self._device.close()
            self._device = None

    def _fill(self, device: Output, waiting: int, now: float) -> int:
        """Hand the device as much as it may hold; returns how many frames."""
        room = device.room(waiting)
        if not room or self._queue.is_empty():
            return 0
        before = self._queue.taken
        pcm, marks = self._queue.take(room)
        if self._queue.is_empty() and len(pcm) % device.form.period:  # a plugin may not start with less than a period
            padding = device.form.period - len(pcm) % device.form.period
            pcm = np.concatenate([pcm, np.zeros(padding, np.float32)])
            self._queue.pad(padding)
        self._ledger.write(marks)
        if self._settings.monitor and len(pcm):
            turn = max((mark.turn for mark in marks), default=EARCON)
            at = now + waiting / device.form.rate_hz
            self._parent.offer(*told(pcm, before, at, waiting, turn, device.form.rate_hz))
        self._announce(marks, waiting - before, device.form.rate_hz, now)
        device.write(pcm)
        if not len(pcm):
            self._report(waiting, now)  # nothing but the end of a turn
        return len(pcm)

    def _announce(self, marks: list[Mark], ahead: int, rate_hz: int, now: float) -> None:
        """Tell of each turn's first frame when it will be in the air: after what waits before it."""
        for mark in marks:
            if mark.turn > self._begun and mark.count:
                self._begun = mark.turn
                at_ns = round((now + (ahead + mark.start) / rate_hz) * 1e9)
                self._record("audible", mark.turn, mark.position, at_ns, ahead + mark.start)

    def _report(self, waiting: int, now: float) -> None:
        reached, drained = self._ledger.heard(self._queue.taken - waiting)
        self._unreported |= reached
        if self._unreported and (now - self._reported_at >= REPORT_S or not waiting or drained):
            self._reported_at = now
            for turn, position in self._unreported.items():
                self._record("played", turn, position, round(now * 1e9), waiting)
            self._unreported.clear()
        for turn in drained:
            self._record("drained", turn, 0, round(now * 1e9), 0)

    def _fail(self, reason: str) -> None:
        """The device is gone: so is all sound, and every turn that had some is told."""
        if reason != self._failed:
            self._tell("device", ok=False, reason=reason)
        self._failed = reason
        for turn in sorted((self._queue.turns() | self._ledger.turns()) - {EARCON}):
            self._give_up(turn)
        self._queue.clear()
        self._ledger.clear()
        self._unreported.clear()
        self._close()
        self._retry_at = time.monotonic() + RETRY_S

    def _give_up(self, turn: int) -> None:
        self._queue.drop(turn)
        self._parent.offer(*split_message({"type": "failed", "reason": self._failed}, turn))

    # ---- the parent

    def _listen(self, wait_s: float | None) -> bool:
        """Sleep, then take in all that has come. False once the parent is gone."""
        poll = select.poll()
        poll.register(self._parent.fileno(), select.POLLIN)
        timeout_ms = None if wait_s is None else wait_s * 1000
        while poll.poll(timeout_ms):
            records = self._parent.receive()
            if records is None:
                return False
            for record in records:
                self._obey(record)
            timeout_ms = 0
        return True

    def _obey(self, record: Record) -> None:
        match record.kind:
            case Kind.AUDIO:
                self._add(record)
            case Kind.END:
                self._queue.end(record.turn)
                self._wake()
            case Kind.MESSAGE:
                self._obey_message(record.message(), record.turn)
            case Kind.HEARTBEAT:
                pass

    def _add(self, record: Record) -> None:
        if self._failed and not self._queue.dropped(record.turn):
            self._give_up(record.turn)
        elif not self._failed:
            if not self._queue.add(record.turn, record.position, np.frombuffer(record.payload, "<i2")):
                self._tell("warning", text="more sound came than fits the queue")
            self._wake()

    def _obey_message(self, message: dict[str, Any], turn: int) -> None:
        match message["type"]:
            case "drop":
                self._drop(turn)
            case "duck":
                self._queue.duck(10 ** (message["db"] / 20), message["ramp_ms"] / 1000)
            case "volume":
                self._percent = message["percent"]
                self._set_volume(self._percent)
            case "prepare":
                self._wake()
            case other:
                raise ValueError(f"no such request: {other}")

    def _wake(self) -> None:
        """Open the device, unless it is open or being waited for."""
        if self._device is None and self._retry_at is None:
            self._retry_at = 0.0

    def _drop(self, turn: int) -> None:
        """Silence the turns up to this one: at once, or within the latency where an earcon sounds at the same time."""
        self._queue.drop(turn)
        silenced = False
        if self._device and any(0 < each <= turn for each in self._ledger.turns()):
            try:
                silenced = self._hush(self._device, turn)
            except DeviceError as error:
                self._fail(str(error))
        self._record("dropped", turn, 0, time.monotonic_ns(), silenced)

    def _hush(self, device: Output, turn: int) -> bool:
        self._reported_at = 0.0
        self._report(device.waiting(), time.monotonic())
        there = self._ledger.turns()
        if EARCON in there or max(there, default=0) > turn:
            return False
        device.silence()
        self._ledger.clear()
        return True

    def _set_volume(self, percent: int) -> None:
        if self._settings.mixer is None:
            self._queue.volume(loudness(percent))
            return
        try:
            self._mixer = self._mixer or mixer(self._settings.device, self._settings.mixer)
            set_volume(self._mixer, percent)
        except DeviceError as error:
            self._mixer = None
            self._queue.volume(loudness(percent))
            self._tell("warning", text=f"{error}; the volume is set in software")

    def _tell(self, type: str, **fields: object) -> None:
        self._parent.offer(*split_message({"type": type, **fields}))

    def _record(self, type: str, turn: int, position: int, mono_ns: int, delay: int) -> None:
        payload = json.dumps({"type": type}).encode()
        self._parent.offer(Record(Kind.MESSAGE, payload, turn, position, mono_ns, delay))


def main() -> None:
    settings = Settings(**json.loads(sys.argv[1]))
    parent = Parent()
    parent.message("ready")
    refused = schedule_realtime() if settings.realtime else ""
    if refused:
        parent.message("warning", text=refused)
    gc.disable()  # nothing here makes cycles, and a collection would come at a bad time
    Speaker(settings, parent).run()


if __name__ == "__main__":
    main()
