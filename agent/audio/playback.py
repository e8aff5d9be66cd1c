"""Playback: supervises the speaker child, feeds it, and says what has been heard.

What is to be said waits in `agent.audio.replies`; the child holds about two seconds of it.
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
from agent.audio.replies import Replies
from agent.audio.resample import Resampler, to_int16
from agent.audio.soundness import PartHealth
from agent.child import Child, ChildSpec, ChildState
from agent.clock import Clock
from agent.config import Speaker
from agent.events import Event, Turn
from agent.records import Kind, Record, split_audio, split_message

log = logging.getLogger(__name__)

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
        self._config = config
        self._listener = listener
        self._replies = Replies(self, listener, own_voice)
        self._health = PartHealth("speaker", emit, clock)
        settings = config.model_dump(include={"device", "rate_hz", "latency_ms", "volume_percent", "mixer", "realtime"})
        settings["monitor"] = reference is not None
        env = {"OPENBLAS_NUM_THREADS": "1"}
        spec = ChildSpec("speaker", "agent.audio.speaker", (json.dumps(settings),), env, hang_is_death=False)
        self._child = Child(spec, self._on_record, self._on_state, on_fatal)
        self._lock = threading.Lock()  # guards all below
        self._form = ""  # rate, format and channels of the device
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
        return self._replies.play(turn, pcm, rate_hz)

    def end(self, turn: Turn) -> None:
        """Nothing more will be said in this turn; `drained` follows when all of it has been heard."""
        self._replies.end(turn)

    def drop(self, turn: Turn) -> None:
        """Be silent at once about this turn and all older ones."""
        self._replies.forget(turn)
        self._child.send(*split_message({"type": "drop"}, turn))
        self._replies.feed()

    def earcon(self, pcm: Samples, rate_hz: int) -> None:
        """A short sound, mixed over whatever is being said; nothing is reported about it."""
        device_hz = self._replies.rate_hz
        if device_hz and self._config.earcons:
            resampler = Resampler(rate_hz, device_hz, "MQ")
            floats = np.concatenate([resampler.feed(pcm.astype(np.float32)), resampler.flush()])
            self._child.send(*split_audio(to_int16(floats).tobytes(), 2, EARCON))

    def room(self) -> float:
        """Seconds of sound that `play` still takes."""
        return self._replies.room()

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

    # What the replies send.

    def sound(self, turn: Turn, pcm: Samples, position: int) -> None:
        # A child without a device answers with why.
        records = split_audio(pcm.tobytes(), 2, turn, position) if len(pcm) else [Record(Kind.AUDIO, b"", turn)]
        self._child.send(*records)

    def finish(self, turn: Turn) -> None:
        self._child.send(Record(Kind.END, turn=turn))

    # On the child's I/O thread.

    def _on_record(self, record: Record) -> None:
        if record.kind is Kind.AUDIO and self._reference:
            self._reference.put(record, self._replies.rate_hz)
        if record.kind is not Kind.MESSAGE:
            return
        message = record.message()
        at = record.mono_ns / 1e9
        match message["type"]:
            case "audible" if self._replies.alive(record.turn):
                self._listener.audible(record.turn, at)
            case "dropped" if record.delay and self._reference:
                self._reference.silenced(at)
            case "played":
                self._replies.played(record.turn, record.position, at)
            case "drained":
                self._replies.drained(record.turn)
            case "failed":
                self._replies.fail(message["reason"], record.turn)
            case "underrun":
                self._count(underruns=1)
            case _:
                self._on_device(message)

    def _on_device(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "format":
                self._replies.speaker(message["rate_hz"])
                with self._lock:
                    self._form = f"{message['rate_hz']} {message['sample']} {message['channels']}"
            case "device":
                self._health.set("ok" if message["ok"] else "failed", message["reason"])
                self._replies.speaker(broken=not message["ok"])
            case "warning":
                log.warning("speaker: %s", message["text"])
            case _:
                log.debug("speaker: %s", message)

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
                self._replies.speaker(rate_hz=0, broken=False)
                self._replies.fail(f"the speaker's process {state}")
            case _:
                pass

    def _count(self, underruns: int = 0, restarts: int = 0) -> None:
        with self._lock:
            now = self._counters
            self._counters = replace(now, underruns=now.underruns + underruns, restarts=now.restarts + restarts)
