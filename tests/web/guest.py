"""A guest of the real server: says hello, streams sound in real time, plays what it is told, keeps all that comes.

    with Guest(url) as guest:
        guest.say("mic", on=True)
        guest.speak(samples)
        receipt = guest.wait("turn")

Its microphone sends periods from the first `speak`, `hum` or `mic` on, silence in between. Its loudspeaker plays at
`speed` times the speed of sound and reports as a page does; `speed=0`: it never plays anything.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.web.protocol import SUBPROTOCOL, Frame, Kind, decode

WAIT_S = 30.0
PERIODS = 2  # in a frame
REPORT_S = 0.1
MS_NS = 1_000_000


class Guest:
    def __init__(
        self,
        url: str,
        token: str = "",
        resume: str = "",
        speed: float = 1.0,
        context: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        hello: Mapping[str, object] | None = None,
    ) -> None:
        given = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        self._connecting = connect(
            url,
            additional_headers=given,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            ssl=context,
            compression=None,
            proxy=None,
            max_size=None,
            close_timeout=1,
        )
        self._socket: ClientConnection = self._connecting.__enter__()
        self._news = threading.Condition()  # guards the next four
        self.messages: list[dict[str, Any]] = []
        self.frames: list[Frame] = []
        self.ended: tuple[int, str] | None = None
        self._mark = 0
        self._speed = speed
        self._leaving = threading.Event()
        self._sound = _Sound()
        self._threads = [threading.Thread(target=each) for each in (self._read, self._play)]
        for thread in self._threads:
            thread.start()
        if hello is None:
            hello = {"path": "native", "format": "pcm", "rate_hz": RATE_HZ, "resume": resume}
        self.say("hello", **hello)

    def __enter__(self) -> Guest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """With a proper farewell. Idempotent."""
        self._leaving.set()
        self._connecting.__exit__(None, None, None)
        self._join()

    def cut(self) -> None:
        """The network breaks, without a word."""
        self._leaving.set()
        self._socket.socket.shutdown(2)
        self._join()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    # What it does.

    def say(self, type: str, **fields: object) -> None:
        self.send(json.dumps({"type": type, **fields}))
        if type == "mic" and fields.get("on"):
            self.hum()

    def send(self, item: str | bytes) -> None:
        self._socket.send(item)

    def hum(self) -> None:
        """Its microphone is on from now on."""
        if len(self._threads) == 2:
            self._threads.append(threading.Thread(target=self._stream))
            self._threads[-1].start()

    def speak(self, samples: Samples) -> float:
        """Say this into the microphone; the monotonic second at which it will be over."""
        self.hum()
        return self._sound.put(samples)

    def begin(self) -> None:
        """What has come so far is the past."""
        with self._news:
            self._mark = len(self.messages)

    # What it heard.

    def wait(
        self, type: str, wanted: Callable[[Any], bool] = lambda message: True, timeout_s: float = WAIT_S
    ) -> dict[str, Any]:
        """The first such message since `begin`."""

        def found() -> dict[str, Any] | None:
            those = (each for each in self.messages[self._mark :] if each["type"] == type and wanted(each))
            return next(those, None)

        with self._news:
            self._news.wait_for(lambda: found() or self.ended, timeout_s)
            message = found()
            assert message, f"no {type}; ended: {self.ended}; there were {self.messages[self._mark :][-12:]}"
            return message

    def wait_ended(self, timeout_s: float = WAIT_S) -> tuple[int, str]:
        """The code and reason with which the connection was closed."""
        with self._news:
            assert self._news.wait_for(lambda: self.ended, timeout_s), "the connection goes on"
            assert self.ended
            return self.ended

    def all(self, type: str) -> list[dict[str, Any]]:
        with self._news:
            return [each for each in self.messages[self._mark :] if each["type"] == type]

    def heard(self, turn: int) -> Samples:
        """What has come of this turn's speech."""
        with self._news:
            those = [each.samples() for each in self.frames if each.kind is Kind.SPEECH and each.number == turn]
        return np.concatenate([np.zeros(0, np.int16), *those])

    def wait_speech(self, turn: int, seconds: float, timeout_s: float = WAIT_S) -> Samples:
        with self._news:
            assert self._news.wait_for(lambda: len(self.heard(turn)) >= seconds * self.speech_hz, timeout_s)
        return self.heard(turn)

    @property
    def welcome(self) -> dict[str, Any]:
        with self._news:
            self._news.wait_for(lambda: self.messages or self.ended, WAIT_S)
            assert self.messages and self.messages[0]["type"] == "welcome", f"{self.messages} {self.ended}"  # noqa: PT018
            return self.messages[0]

    @property
    def speech_hz(self) -> int:
        return int(self.messages[0]["speech_hz"])

    # The rest runs on threads of its own.

    def _read(self) -> None:
        try:
            for given in self._socket:
                with self._news:
                    if isinstance(given, str):
                        self.messages.append(json.loads(given))
                    else:
                        self.frames.append(decode(given))
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        with self._news:
            self.ended = (self._socket.close_code or 1006, self._socket.close_reason or "")
            self._news.notify_all()

    def _stream(self) -> None:
        began, number = time.monotonic(), 0
        while not self._leaving.wait(max(0.0, began + (number + PERIODS) / 100 - time.monotonic())):
            pcm = self._sound.take(PERIODS * PERIOD)
            frame = Frame(Kind.PERIODS, pcm.tobytes(), RATE_HZ, number, (began + number / 100) * 1000)
            try:
                self.send(frame.encode())
            except ConnectionClosed:
                return
            number += PERIODS

    def _play(self) -> None:
        """Turns one after the other, dropped ones not at all."""
        seen, player = 0, _Player(self._speed)
        while self._speed and not self._leaving.wait(REPORT_S) and self.ended is None:
            with self._news:
                messages, frames = self.messages[seen:], [*self.frames]
                seen = len(self.messages)
            for type, report in player.report(messages, frames, time.monotonic()):
                try:
                    self.say(type, **report)
                except ConnectionClosed:
                    return


class _Sound:
    """What is to be said next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: Samples = np.zeros(0, np.int16)

    def put(self, samples: Samples) -> float:
        with self._lock:
            self._left = np.concatenate([self._left, samples])
            return time.monotonic() + len(self._left) / RATE_HZ

    def take(self, count: int) -> Samples:
        with self._lock:
            taken, self._left = self._left[:count], self._left[count:]
        return np.pad(taken, (0, count - len(taken))).astype("<i2")


class _Player:
    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began: dict[int, float] = {}
        self._over = 0  # turns up to this one
        self._ends: set[int] = set()

    def report(
        self, messages: list[dict[str, Any]], frames: list[Frame], now: float
    ) -> list[tuple[str, dict[str, object]]]:
        for each in messages:
            if each["type"] == "drop":
                self._over = max(self._over, each["turn"])
            elif each["type"] == "end":
                self._ends.add(each["turn"])
        turns: dict[int, int] = {}
        for frame in frames:
            if frame.kind is Kind.SPEECH and frame.number > self._over:
                turns[frame.number] = round(frame.time) + len(frame.payload) // 2
        reports: list[tuple[str, dict[str, object]]] = []
        for turn, received in sorted(turns.items()):
            began = self._began.setdefault(turn, now)
            played = min(received, round((now - began) * self._speed * 24_000))
            reports.append(("playing", {"turn": turn, "frames": played, "at": now * 1000}))
            if played >= received and turn in self._ends:
                reports.append(("drained", {"turn": turn}))
                self._over = max(self._over, turn)
        for turn in sorted(self._ends - set(turns)):
            if turn > self._over:
                reports.append(("drained", {"turn": turn}))
                self._over = turn
        return reports
