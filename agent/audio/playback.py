"""Playback: supervises the speaker child, feeds it, and says what has been heard.

The child holds about two seconds; the rest of a reply waits here, in the engine's own rate, and is resampled when it is
sent. So a reply of minutes is no problem, "drop" costs nothing, and little is lost with a child that dies. A turn whose
device or child fails is over: its sound is thrown away, also what is still to come, and the listener is told once.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from agent.audio.listener import Counters, Listener, OwnVoice
from agent.audio.pcm import Samples
from agent.audio.reference import Reference
from agent.audio.reply import Reply
from agent.audio.resample import Resampler, to_int16
from agent.audio.soundness import PartHealth
from agent.child import Child, ChildSpec, ChildState
from agent.clock import Clock
from agent.config import Speaker
from agent.events import Event, Turn
from agent.records import Kind, Record, split_audio, split_message

log = logging.getLogger(__name__)

AHEAD_S = 2.0
WAITING_S = 180.0
SOFT, LOUD = (-17.0, 40), (0.0, 350)  # dB and ms
EARCON = 0  # the turn of records that belong to no reply


class Playback:
    def __init__(
        self,
        config: Speaker,
        listener: Listener,
        emit: Callable[[Event], None],
        clock: Clock,
        on_fatal: Callable[[str], None],
        reference: Reference | None = None,
        own_voice: OwnVoice | None = None,
    ) -> None:
        """`reference`: takes what is played, for echo cancellation; `own_voice`: is told what will be said."""
        self._reference = reference
        self._own_voice = own_voice
        self._config = config
        self._listener = listener
        self._health = PartHealth("speaker", emit, clock)
        settings = config.model_dump(include={"device", "rate_hz", "latency_ms", "volume_percent", "mixer", "realtime"})
        settings["monitor"] = reference is not None
        env = {"OPENBLAS_NUM_THREADS": "1"}
        spec = ChildSpec("speaker", "agent.audio.speaker", (json.dumps(settings),), env, hang_is_death=False)
        self._child = Child(spec, self._on_record, self._on_state, on_fatal)
        self._lock = threading.Lock()  # guards all below
        self._replies: dict[Turn, Reply] = {}
        self._over = 0  # turns up to this one are dropped or have failed
        self._device_hz = 0  # 0 until the device was opened once
        self._form = ""  # rate, format and channels of the device
        self._broken = False  # the child has no device
        self._percent = config.volume_percent
        self._duck_db = 0.0
        self._counters = Counters()

    def start(self) -> None:
        self._health.set("loading", "the speaker is being opened")
        self._child.start()

    def stop(self) -> None:
        self._child.stop()

    @property
    def pid(self) -> int | None:
        """Of the child."""
        return self._child.pid

    def description(self) -> str:
        """Device, rate, format and channels as they are in use; "" before the device was opened."""
        with self._lock:
            return f"{self._config.device} {self._form}" if self._form else ""

    def counters(self) -> Counters:
        with self._lock:
            return self._counters

    def play(self, turn: Turn, pcm: Samples, rate_hz: int) -> bool:
        """Append mono PCM to what the turn says. False, and nothing is taken, where more than `room()` was given.

        Sound of a turn that was dropped or has failed is taken and thrown away.
        """
        with self._lock:
            if turn <= self._over:
                return True
            if len(pcm) / rate_hz > self._room_s():
                return False
            self._replies.setdefault(turn, Reply(turn)).add(pcm, rate_hz)
            if self._own_voice:
                self._own_voice.said(turn, pcm, rate_hz)
            self._feed()
        return True

    def end(self, turn: Turn) -> None:
        """Nothing more will be said in this turn; `drained` follows when all of it has been heard."""
        with self._lock:
            if turn > self._over:
                self._replies.setdefault(turn, Reply(turn)).ended = True
                self._feed()

    def drop(self, turn: Turn) -> None:
        """Be silent at once about this turn and all older ones."""
        with self._lock:
            self._forget(turn)
            self._child.send(*split_message({"type": "drop"}, turn))
            self._feed()

    def earcon(self, pcm: Samples, rate_hz: int) -> None:
        """A short sound, mixed over whatever is being said; nothing is reported about it."""
        with self._lock:
            device_hz = self._device_hz
        if device_hz and self._config.earcons:
            resampler = Resampler(rate_hz, device_hz, "MQ")
            floats = np.concatenate([resampler.feed(pcm.astype(np.float32)), resampler.flush()])
            self._child.send(*split_audio(to_int16(floats).tobytes(), 2, EARCON))

    def room(self) -> float:
        """Seconds of sound that `play` still takes."""
        with self._lock:
            return self._room_s()

    def prepare(self) -> None:
        """Sound is to be expected: open the device, if it was closed, before it comes."""
        self._child.send(*split_message({"type": "prepare"}))

    def volume(self, percent: int) -> None:
        with self._lock:
            self._percent = percent
        self._child.send(*split_message({"type": "volume", "percent": percent}))

    def duck(self, db: float, ramp_ms: int) -> None:
        """Change the loudness of speech by `db` (-15, and 0 to restore it) within `ramp_ms`."""
        with self._lock:
            self._duck_db = db
        self._child.send(*split_message({"type": "duck", "db": db, "ramp_ms": ramp_ms}))

    def soften(self, on: bool) -> None:
        """Somebody speaks over it, or does no longer: softer at once, and slowly back."""
        self.duck(*(SOFT if on else LOUD))

    # With the lock held.

    def _room_s(self) -> float:
        return WAITING_S - sum(reply.waiting_s for reply in self._replies.values())

    def _forget(self, turn: Turn) -> None:
        self._over = max(self._over, turn)
        if self._own_voice:
            self._own_voice.over(turn)
        self._replies = {each: reply for each, reply in self._replies.items() if each > self._over}

    def _feed(self) -> None:
        """Send what is next, as far as the child is to be ahead."""
        for reply in list(self._replies.values()):
            if self._broken:
                self._child.send(Record(Kind.AUDIO, b"", reply.turn))  # it answers with why not
            elif self._device_hz:
                self._feed_reply(reply, self._device_hz)

    def _feed_reply(self, reply: Reply, device_hz: int) -> None:
        while not reply.end_sent and self._ahead_s(device_hz) < AHEAD_S:
            start = reply.sent
            last = reply.ended and not reply.waiting
            pcm = reply.next(device_hz)
            if pcm is not None and len(pcm):
                self._child.send(*split_audio(pcm.tobytes(), 2, reply.turn, start))
            if last:
                reply.end_sent = True
                self._child.send(Record(Kind.END, turn=reply.turn))
            elif pcm is None:
                return

    def _ahead_s(self, device_hz: int) -> float:
        return sum(reply.sent - reply.played for reply in self._replies.values()) / device_hz

    # On the child's I/O thread.

    def _on_record(self, record: Record) -> None:
        if record.kind is Kind.AUDIO and self._reference:
            self._reference.put(record, self._device_hz)
        if record.kind is not Kind.MESSAGE:
            return
        message = record.message()
        at = record.mono_ns / 1e9
        match message["type"]:
            case "audible" if self._alive(record.turn):
                self._listener.audible(record.turn, at)
            case "dropped" if record.delay and self._reference:
                self._reference.silenced(at)
            case "played":
                self._played(record.turn, record.position, at)
            case "drained":
                self._drained(record.turn)
            case "failed":
                self._fail([record.turn], message["reason"])
            case "underrun":
                self._count(underruns=1)
            case _:
                self._on_device(message)

    def _on_device(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "format":
                with self._lock:
                    self._device_hz = message["rate_hz"]
                    self._form = f"{message['rate_hz']} {message['sample']} {message['channels']}"
            case "device":
                self._health.set("ok" if message["ok"] else "failed", message["reason"])
                with self._lock:
                    self._broken = not message["ok"]
                    self._feed()
            case "warning":
                log.warning("speaker: %s", message["text"])
            case _:
                log.debug("speaker: %s", message)

    def _alive(self, turn: Turn) -> bool:
        with self._lock:
            return turn in self._replies

    def _played(self, turn: Turn, position: int, at: float) -> None:
        with self._lock:
            reply = self._replies.get(turn)
            if reply is None or not reply.segments:
                return
            reply.played = position
            heard, rate_hz = reply.heard(position)
            self._feed()
        if self._own_voice:
            self._own_voice.sounded(turn, heard / rate_hz, at)
        self._listener.played(turn, heard, rate_hz, at)

    def _drained(self, turn: Turn) -> None:
        with self._lock:
            known = self._replies.pop(turn, None)
            self._feed()
        if known:
            self._listener.drained(turn)

    def _fail(self, turns: list[Turn], reason: str) -> None:
        with self._lock:
            known = [turn for turn in turns if turn in self._replies]
            if known:
                self._forget(max(known))
        for turn in known:
            self._listener.failed(turn, reason)

    def _on_state(self, state: ChildState, reason: str) -> None:
        match state:
            case "ready":
                with self._lock:
                    percent, duck_db = self._percent, self._duck_db
                self.volume(percent)
                self.duck(duck_db, 0)
            case "died" | "hung":
                self._health.set("failed", f"speaker.child: the speaker's process {state}: {reason}")
                self._count(restarts=1)
                with self._lock:
                    self._device_hz, self._broken = 0, False
                    turns = sorted(self._replies)
                self._fail(turns, f"the speaker's process {state}")
            case _:
                pass

    def _count(self, underruns: int = 0, restarts: int = 0) -> None:
        with self._lock:
            now = self._counters
            self._counters = replace(now, underruns=now.underruns + underruns, restarts=now.restarts + restarts)
