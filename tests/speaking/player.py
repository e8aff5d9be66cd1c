"""A player that keeps time like a real one, but for the speaker: it implements `agent.speaking.speech.Player`."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np

from agent.audio.pcm import Samples
from agent.speaking.mouth import Mouth

TICK_S = 0.01


@dataclass
class Turn:
    """The sound of one turn and how far it has come."""

    number: int
    rate_hz: int
    pieces: list[Samples] = field(default_factory=list)
    began: float | None = None
    played_s: float = 0.0
    ended: bool = False

    @property
    def length_s(self) -> float:
        return sum(map(len, self.pieces)) / self.rate_hz


class Player:
    """Plays one turn at a time in its own thread, `speed` times as fast as a real one, and tells its listener."""

    def __init__(self, speed: float = 1.0) -> None:
        self.listener: Mouth | None = None
        self.speed = speed
        self.broken = ""  # a reason: fails at the next sound
        self.dead = False  # takes sound and never says a word
        self.earcons: list[int] = []
        self.volumes: list[int] = []
        self.dropped: list[int] = []
        self.heard: dict[int, Samples] = {}  # by turn: what came out
        self._turn: Turn | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="player")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def play(self, turn: int, pcm: Samples, rate_hz: int) -> bool:
        assert pcm.dtype == np.int16
        assert pcm.ndim == 1
        assert len(pcm)
        with self._lock:
            if self._turn is None or self._turn.number != turn:
                assert self._turn is None or self._turn.number < turn
                self._turn = Turn(turn, rate_hz)
            assert self._turn.rate_hz == rate_hz, "a turn has one rate"
            assert not self._turn.ended
            self._turn.pieces.append(pcm)
        return True

    def end(self, turn: int) -> None:
        with self._lock:
            assert self._turn is not None
            assert self._turn.number == turn
            self._turn.ended = True

    def drop(self, turn: int) -> None:
        with self._lock:
            self.dropped.append(turn)
            if self._turn and self._turn.number <= turn:
                self._keep(self._turn)
                self._turn = None

    def earcon(self, pcm: Samples, rate_hz: int) -> None:
        assert rate_hz
        self.earcons.append(len(pcm))

    def volume(self, percent: int) -> None:
        self.volumes.append(percent)

    def _keep(self, turn: Turn) -> None:
        sound = np.concatenate(turn.pieces) if turn.pieces else np.zeros(0, np.int16)
        self.heard[turn.number] = sound[: round(turn.played_s * turn.rate_hz)]

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(TICK_S):
            now = time.monotonic()
            with self._lock:
                if self._turn and not self.dead:
                    self._go_on(self._turn, now, (now - last) * self.speed)
            last = now

    def _go_on(self, turn: Turn, now: float, step_s: float) -> None:
        assert self.listener is not None
        if self.broken:
            self.listener.failed(turn.number, self.broken)
            self._turn = None
            return
        if turn.began is None:
            turn.began = now
            self.listener.audible(turn.number, now)
        turn.played_s = min(turn.length_s, turn.played_s + step_s)
        self.listener.played(turn.number, round(turn.played_s * turn.rate_hz), turn.rate_hz, now)
        if turn.ended and turn.played_s >= turn.length_s:
            self._keep(turn)
            self._turn = None
            self.listener.drained(turn.number)
