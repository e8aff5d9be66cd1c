"""The agent's own ears in a process of their own, as in the daemon: what they notice, as JSON lines on stdout.

`python -m agent.lab.bench.ears wake`   each wake word: {"at", "audio_at", "score"}
`python -m agent.lab.bench.ears periods SECONDS`   how sound arrived: {"delays_ms", "clicks", "periods", "lost", "late"}

Times are monotonic seconds; "clicks": [when Python had the sample, when it was in the air] of samples over `CLICK`.
It ends at SIGTERM, or when its parent does.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import numpy as np

from agent.audio.capture import Capture
from agent.clock import now
from agent.config import Config, Mic
from agent.engines import AsrChoice
from agent.events import Event, Health, Wake
from agent.hearing.ear import Ear
from agent.hearing.recogniser import Recogniser, child_spec
from agent.models import folder

CLICK = 20_000
CLICK_APART_S = 0.2
WARM_S = 1.0


def say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def fatal(reason: str) -> None:
    say(fatal=reason)


def wakes() -> None:
    """Say what wakes us until we are ended."""
    config = Config()

    def emit(event: Event) -> None:
        match event:
            case Wake():
                say(at=event.at.mono, audio_at=event.audio_at, score=event.score)
            case Health(part="mic", status="ok"):
                say(ready=True)
            case _:
                pass

    capture = Capture(config.audio.mic, emit, now, fatal)
    # Nobody asks it to listen, so it is never started and needs no model.
    recogniser = Recogniser(child_spec(AsrChoice("moonshine", folder()), config), emit, now, fatal, lazy=True)
    ear = Ear(config, capture, recogniser, emit, now, fatal)
    ear.start()
    capture.start()
    threading.Event().wait()


def periods(seconds: float) -> None:
    """Read every period for so long, then tell."""
    ready = threading.Event()

    def emit(event: Event) -> None:
        if isinstance(event, Health) and event.status == "ok":
            ready.set()

    capture = Capture(Mic(), emit, now, fatal)
    capture.start()
    capture.drain_every(1)
    delays_ms: list[float] = []
    clicks: list[tuple[float, float]] = []
    begun_at = time.monotonic()
    said = False
    while time.monotonic() < begun_at + WARM_S + seconds:
        blocks = capture.read(0.25)
        had_at = time.monotonic()
        if ready.is_set() and not said:
            said = True
            begun_at = time.monotonic()
            say(ready=True)
        for block in blocks:
            if had_at > begun_at + WARM_S:
                delays_ms.append((had_at - block.time_of(block.position + len(block.pcm))) * 1000)
            for index in np.flatnonzero(np.abs(block.pcm.astype(np.int32)) > CLICK)[:1]:
                in_air = block.time_of(block.position + int(index))
                if not clicks or in_air - clicks[-1][1] > CLICK_APART_S:
                    clicks.append((had_at, in_air))
    counters = capture.counters()
    capture.stop()
    say(delays_ms=delays_ms, clicks=clicks, periods=counters.periods, lost=counters.lost, late=counters.late)


if __name__ == "__main__":
    if sys.argv[1] == "wake":
        wakes()
    else:
        periods(float(sys.argv[2]))
