"""How sound comes from the microphone to Python while Vosk, Piper and the language model are busy.

`periods` of 10 ms were read, `lost` never came, `late_20ms` came more than 20 ms late. `p50_ms p99_ms max_ms`: from the
last sample of a period being in the air (by its time stamp) until Python has it. `delay_p50_ms`: from a click in the
room (by the room's clock) until Python has the period it is in. `quiet` has the same figures without the load.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.config import Config
from agent.lab.bench.helpers import Ears, busy
from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.lab.playing import Played
from agent.lab.room import Room

BARS = (Bar("lost", 0), Bar("late_20ms", 0))
SECONDS = 40.0
QUIET_SECONDS = 15.0
CLICK_EVERY_S = 0.5
LOADING_S = 6.0


def run(progress: Progress) -> Figures:
    with Room() as room:
        progress(f"{QUIET_SECONDS:g} s on a quiet machine")
        quiet = _measure(room, QUIET_SECONDS)
        with busy(room.env) as engines:
            progress(f"loading {', '.join(engines)}")
            room.play(np.zeros(round(LOADING_S * RATE_HZ), np.int16))
            progress(f"{SECONDS:g} s with {', '.join(engines)} busy")
            loaded = _measure(room, SECONDS)
    return {**loaded, "busy": engines, "quiet": quiet, "config": Config().audio.mic.model_dump()}


def _measure(room: Room, seconds: float) -> dict[str, Any]:
    with Ears(room.env, "periods", str(seconds)) as ears:
        played = room.play(clicks(seconds - 2))
        told = ears.wait(lambda said: "periods" in said, seconds + 30)
    p50, p99, top = percentiles(told["delays_ms"], 50, 99, 100)
    (delay,) = percentiles(delays_ms(told["clicks"], played), 50)
    return {
        "periods": told["periods"],
        "lost": told["lost"],
        "late_20ms": told["late"],
        "p50_ms": p50,
        "p99_ms": p99,
        "max_ms": top,
        "delay_p50_ms": delay,
    }


def clicks(seconds: float) -> Samples:
    """A click every `CLICK_EVERY_S`, after as much silence. None is like the next, so that the room can place them."""
    sound = np.zeros(round(seconds * RATE_HZ), np.int16)
    rng = np.random.default_rng(1)
    for at in np.arange(CLICK_EVERY_S, seconds, CLICK_EVERY_S):
        start = round(at * RATE_HZ)
        size = len(sound[start : start + 16])
        sound[start : start + 16] = (rng.integers(24_000, 32_000, size) * rng.choice([-1, 1], size)).astype(np.int16)
    return sound


def delays_ms(found: list[tuple[float, float]], played: Played) -> list[float]:
    """From each click in the room until Python had it."""
    at = [
        played.start + index * CLICK_EVERY_S for index in range(1, round((played.end - played.start) / CLICK_EVERY_S))
    ]
    pairs = ((had_at, min(at, key=lambda moment: abs(moment - in_air))) for had_at, in_air in found)
    return [(had_at - moment) * 1000 for had_at, moment in pairs]
