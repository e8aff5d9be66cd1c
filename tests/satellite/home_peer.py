"""Home Assistant, as its Wyoming integration is to a satellite: written with the protocol's own package.

`Home` is one connection, driven by a test. `Assistant` is a whole pipeline on a thread of its own: it takes in the
sound after a "run-pipeline", and answers as it was told to, with a voice that buzzes.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from sick_wyoming import (
    AudioChunk,
    AudioStart,
    AudioStop,
    Error,
    Event,
    Eventable,
    Transcript,
    read_event,
    write_event,
)

WAIT_S = 20.0
SPEAKER_HZ = 22_050
STEP = 1024  # frames in a message, as the integration sends them


class Home:
    """What Home Assistant is to a satellite."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self._file: Any = self._socket.makefile("rwb")
        self._saying = threading.Lock()

    def say(self, *said: Eventable | str, **data: object) -> None:
        """Any thread; nothing comes in between."""
        with self._saying:
            for each in said:
                write_event(Event(each, data) if isinstance(each, str) else each.event(), self._file)

    def raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def next(self) -> Event | None:
        """None at the end of the connection."""
        try:
            return read_event(self._file)
        except ConnectionError:
            return None

    def hear(self, type: str) -> Event:
        while (event := self.next()) is not None:
            if event.type == type:
                return event
        raise AssertionError(f"no {type}")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def shut(self) -> None:
        """End the connection; whoever reads from it finds out."""
        self._socket.shutdown(socket.SHUT_RDWR)


def buzz(seconds: float) -> bytes:
    """A voice that nobody takes for another."""
    frames = round(seconds * SPEAKER_HZ)
    return np.where(np.arange(frames) // 25 % 2, 9000, -9000).astype("<i2").tobytes()


@dataclass(slots=True)
class Run:
    """One pipeline. `ends`: how its sound ended, "audio-stop" of the device, or the text was there before. `deaf`: it
    was begun while another one ran, for which no sound is taken in."""

    asked: dict[str, Any]
    deaf: bool = False
    sound: bytes = b""
    ends: str = ""


@dataclass(slots=True)
class Manner:
    """How the next pipelines go. `text`: what is understood, None: an error; `reply`: None: the pipeline fails there;
    `after_s`: of sound, at which it is understood, else at the device's "audio-stop"; `voice_s`: of its own voice;
    `dies_s`: of sound, at which the connection ends."""

    text: str | None = "what time is it"
    reply: str | None = "It is noon at home."
    after_s: float | None = None
    voice_s: float = 1.0
    dies_s: float | None = None
    hesitates_s: float = 0.0


class Assistant:
    """`with Assistant(port) as home:`; connects, and says "run-satellite"."""

    def __init__(self, port: int, manner: Manner | None = None) -> None:
        self.manner = manner or Manner()
        self.runs: list[Run] = []  # that have heard something
        self.said: list[Event] = []  # all that the device said but for sound
        self.ended = threading.Event()
        self._port = port
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._home: Home | None = None

    def __enter__(self) -> Assistant:
        until = time.monotonic() + WAIT_S
        while self._home is None:
            try:
                self._home = Home(self._port)
            except ConnectionError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        self._home.say("describe")
        self._home.hear("info")
        self._home.say("run-satellite")
        self._thread = threading.Thread(target=self._listen, args=(self._home,), name="home", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._home is not None
        assert self._thread is not None
        if not self.ended.is_set():
            self._home.shut()
        self._thread.join(WAIT_S)
        self._home.close()

    @property
    def home(self) -> Home:
        assert self._home is not None
        return self._home

    def announce(self, seconds: float) -> None:
        """As the integration does: sound alone, as fast as it goes."""
        self._speak(self.home, buzz(seconds))

    def wait(self, wanted: Callable[[], bool], timeout_s: float = WAIT_S) -> bool:
        with self._changed:
            return self._changed.wait_for(wanted, timeout_s)

    def heard(self, type: str) -> int:
        return sum(event.type == type for event in self.said)

    def _listen(self, home: Home) -> None:
        run: Run | None = None
        while (event := home.next()) is not None:
            with self._changed:
                match event.type:
                    case "run-pipeline":
                        run = Run(event.data, deaf=run is not None and not run.ends)
                    case "audio-chunk" if run is not None and run.deaf:
                        pass
                    case "audio-chunk" if run is not None and not run.ends:
                        if not run.sound:
                            self.runs.append(run)
                        run.sound += event.payload or b""
                        self._hears(home, run)
                    case "audio-stop" if run is not None and not run.ends:
                        run.ends = "audio-stop"
                        self._answer(home, run)
                    case _:
                        pass
                if event.type != "audio-chunk":
                    self.said.append(event)
                self._changed.notify_all()
        self.ended.set()

    def _hears(self, home: Home, run: Run) -> None:
        seconds = len(run.sound) / 32_000
        if self.manner.dies_s is not None and seconds >= self.manner.dies_s:
            home.shut()
            run.ends = "died"
        elif self.manner.after_s is not None and seconds >= self.manner.after_s:
            run.ends = "understood"
            self._answer(home, run)

    def _answer(self, home: Home, run: Run) -> None:
        manner = self.manner
        time.sleep(manner.hesitates_s)
        if manner.text is None or not run.sound:
            home.say(Error(text="No text recognized", code="stt-no-text-recognized"))
            return
        home.say("voice-stopped", timestamp=0)
        home.say(Transcript(manner.text))
        if manner.reply is None:
            home.say(Error(text="Unexpected error during intent recognition", code="intent-failed"))
            return
        home.say("synthesize", text=manner.reply, voice={"name": "joe"})
        self._speak(home, buzz(manner.voice_s))

    def _speak(self, home: Home, pcm: bytes) -> None:
        shape = {"rate": SPEAKER_HZ, "width": 2, "channels": 1}
        chunks = (AudioChunk(audio=pcm[at : at + 2 * STEP], **shape) for at in range(0, len(pcm), 2 * STEP))
        home.say(AudioStart(**shape), *chunks, AudioStop())
