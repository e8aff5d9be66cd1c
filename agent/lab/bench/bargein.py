"""Barge-in: the wake word said over the agent's reply, by the echo's level at the microphone.

Offline, in a simulated room with the daemon's own parts; `agent.lab.duet` says what is real there and what is not.
`detected` (echo in dB, relative to the visitor → share): `n` times at each level, by all visitors' voices over each of
the replies, whose words are as reverberant as the echo (T60 0.2 s), with clocks that drift apart by 100 ppm one way or
the other and a loudspeaker that bends the sound, each time in another room, with an echo filter that knew nothing of it
when the reply began: the visitor speaks 4 to 5 s after that. `detected_alone`: the same words without an echo, which
bounds the others.
`missed_up_to_6db`: the worst share up to +6 dB.

`silence_p50_ms silence_p95_ms`: from the last loud sample of the word to the last sample of the reply that leaves the
loudspeaker, up to +6 dB. In that the way from the event to the device and back (20 ms each way) is assumed, and the
sound device falls silent at once when told so, as ALSA's does. `duck_p50_ms`: from the first loud sample to the
command that makes the reply softer; `deaf`: share of words for which none came. `false_ducks_per_minute`: of reply in
which nobody spoke, before the visitor does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np

from agent import models
from agent.audio.pcm import RATE_HZ, Samples
from agent.config import Config
from agent.hearing import wakewords
from agent.lab.acoustics import EchoPath, at_level, reverberant
from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.lab.duet import Duet, Outcome, Scene
from agent.lab.script import WAKE
from agent.lab.visitor import VOICES, Voice, resampled, say
from agent.speaking.piper import Piper

BARS = (Bar("missed_up_to_6db", 0.05), Bar("silence_p95_ms", 250), Bar("false_ducks_per_minute", 1.0))
ECHO_DB = (-10, -4, 0, 3, 6, 10)
T60_S = 0.2
CLIP_DBFS = -6.0
REPLY_DBFS = -23.0
REPLIES = (
    "Penguins are birds that cannot fly. They live in the south, where it is cold, and they can stay under water for "
    "more than ten minutes.",
    "The weather tomorrow will be cloudy, with a little rain in the afternoon. In the evening it clears up, and the "
    "night will be cold.",
    "You have three appointments today. The first one is at nine with the dentist, the second at noon, and the last "
    "one at half past four.",
)
EARLY_S, LATE_S = 0.5, 0.6  # around the end of the word: a wake within is this word's


@dataclass(slots=True)
class _Tally:
    found: list[bool] = field(default_factory=list)
    silence_ms: list[float] = field(default_factory=list)
    duck_ms: list[float] = field(default_factory=list)
    early_ducks: int = 0
    before_s: float = 0.0


def run(progress: Progress) -> Figures:
    config = Config()
    duet = Duet(wakewords.load(config), config.wake)
    replies = [agent_says(text) for text in REPLIES]
    alone = _level(duet, replies, None, progress)
    levels = {echo_db: _level(duet, replies, echo_db, progress) for echo_db in ECHO_DB}
    detected = {str(echo_db): _share(tally.found) for echo_db, tally in levels.items()}
    loud = [tally for echo_db, tally in levels.items() if echo_db <= 6]
    p50, p95 = percentiles([each for tally in loud for each in tally.silence_ms], 50, 95)
    ducks = [each for tally in loud for each in tally.duck_ms]
    minutes = sum(tally.before_s for tally in levels.values()) / 60
    return {
        "n": len(alone.found),
        "detected": detected,
        "detected_alone": _share(alone.found),
        "missed_up_to_6db": round(1 - min(_share(tally.found) for tally in loud), 3),
        "silence_p50_ms": p50,
        "silence_p95_ms": p95,
        "duck_p50_ms": percentiles(ducks, 50)[0],
        "deaf": round(1 - len(ducks) / sum(len(tally.found) for tally in loud), 3),
        "false_ducks_per_minute": round(sum(tally.early_ducks for tally in levels.values()) / minutes, 2),
        "config": config.wake.model_dump(),
    }


def _level(duet: Duet, replies: list[Samples], echo_db: int | None, progress: Progress) -> _Tally:
    tally = _Tally()
    label = "no echo" if echo_db is None else f"echo {echo_db:+d} dB"
    cases = list(product(VOICES, replies))
    for number, (voice, reply) in enumerate(cases):
        progress(f"{label}, {number + 1} of {len(cases)}")
        scene = _scene(reply, voice, number, echo_db)
        _count(duet.perform(scene), scene, voice, tally)
    return tally


def _scene(reply: Samples, voice: Voice, number: int, echo_db: int | None) -> Scene:
    drift_ppm = 100.0 if number % 2 else -100.0
    path = EchoPath(t60_s=T60_S, clip_dbfs=CLIP_DBFS, drift_ppm=drift_ppm, seed=number + 3)
    return Scene(reply, in_room(say(WAKE, voice).samples, number), 4.0 + number / 45, echo_db, path, number)


def _count(outcome: Outcome, scene: Scene, voice: Voice, tally: _Tally) -> None:
    word = say(WAKE, voice)
    loud = np.flatnonzero(np.abs(word.samples.astype(np.int32)) > 300)
    begin_s, end_s = (scene.at_s + each / RATE_HZ for each in (loud[0], word.last_loud))
    tally.found.append(any(end_s - EARLY_S < wake < end_s + LATE_S for wake in outcome.wakes))
    if tally.found[-1] and outcome.silent is not None:
        tally.silence_ms.append((outcome.silent - end_s) * 1000)
    tally.duck_ms += [(duck - begin_s) * 1000 for duck in outcome.ducked if begin_s <= duck <= end_s][:1]
    tally.early_ducks += sum(duck < begin_s for duck in outcome.ducked)
    tally.before_s += begin_s


def _share(found: list[bool]) -> float:
    return round(sum(found) / len(found), 3)


def in_room(words: Samples, seed: int) -> Samples:
    """As they arrive at the microphone, with the room's own sound after them."""
    return reverberant(np.pad(words, (0, round(T60_S * RATE_HZ))), T60_S, seed=1000 + seed)


def agent_says(text: str) -> Samples:
    """By the Piper voice that is installed, at 16 kHz. Raises `agent.models.ModelMissing`."""
    voice = Piper(models.require("tts-piper", "en"), threads=1, rate=1.0)
    voice.load()
    parts = [resampled(np.frombuffer(pcm, np.int16), rate_hz) for rate_hz, pcm in voice.synthesise(text)]
    return at_level(np.concatenate(parts), REPLY_DBFS)
