"""A voice that does what its text says: "abort" kills the process, "hang" never ends, "refuse" is an error.

Everything else becomes a buzz, 20 ms for each character: `python -m misbehaving [unusable|crash|never] [rate=8000]`.
"""

from __future__ import annotations

import os
import sys
import threading
from array import array
from collections.abc import Iterator

from agent.parent import Parent
from agent.speaking.tts import SpeechError, Unusable
from agent.speaking.tts_child import serve

SECONDS_PER_CHARACTER = 0.02


class Misbehaving:
    """An `agent.speaking.tts.Engine`."""

    def __init__(self, moods: list[str]) -> None:
        self._moods = moods
        self._rate_hz = next((int(mood.removeprefix("rate=")) for mood in moods if mood.startswith("rate=")), 16_000)
        self._cancelled = threading.Event()

    def load(self) -> None:
        if "crash" in self._moods:
            os._exit(3)
        if "never" in self._moods:
            threading.Event().wait()
        if "unusable" in self._moods:
            raise Unusable("the voice /nowhere/x.onnx is damaged; `voice-agent models install x` repairs it")

    def synthesise(self, text: str) -> Iterator[tuple[int, bytes]]:
        self._cancelled.clear()
        if "abort" in text:
            os.abort()
        if "burst" in text:
            raise ZeroDivisionError
        if "hang" in text:
            threading.Event().wait()
        if "slow" in text:
            self._cancelled.wait(60.0)
        if "refuse" in text:
            raise SpeechError("it refuses")
        if "silent" in text:
            return
        count = round(len(text) * SECONDS_PER_CHARACTER * self._rate_hz)
        yield self._rate_hz, array("h", (8000 if at // 20 % 2 else -8000 for at in range(count))).tobytes()

    def cancel(self) -> None:
        self._cancelled.set()


if __name__ == "__main__":
    serve(Misbehaving(sys.argv[1:]), Parent())
