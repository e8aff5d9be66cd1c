"""The wake word: how soon after the word it is noticed, how often it is missed, how often it is heard in other speech.

Live, in the room, in silence: `n` words by all visitors' voices, `missed`, and from the last loud sample of the word
to the event `p10_ms p50_ms p90_ms`. Over recorded sound, through the same gate, engine and detector: `miss_rate`, by
signal-to-noise ratio against a crowd of other voices, and by reverberation time; `false_per_hour` in `false_hours` of
unique ordinary speech without the word, and `false_bound`, the upper 95 % bound of the rate (Poisson); `confused`, the
share of voices that wake it with words that are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.config import Config
from agent.hearing import wakewords
from agent.hearing.offline import find_wakes
from agent.hearing.wake import WakeEngine
from agent.lab.acoustics import SENTENCES, crowd, reverberant, with_noise
from agent.lab.bench.helpers import Ears
from agent.lab.bench.report import Bar, Figures, Progress, percentiles, poisson_bound
from agent.lab.room import Room
from agent.lab.script import WAKE
from agent.lab.visitor import VOICES, read_wav, say

BARS = (Bar("missed", 0), Bar("p50_ms", 60, 10), Bar("p90_ms", 110))
ROUNDS = 3
PAUSE_S = 1.2
EVENT_S = 1.5
SNR_DB = (20, 10, 5, 0)
T60_S = (0.3, 0.6)
CONFUSABLE = ("hey charles, could you pass me the bread please", "hey jeremy, how are you", "a jar of his honey")


def run(progress: Progress) -> Figures:
    config = Config()
    delays, missed = _live(progress)
    p10, p50, p90 = percentiles(delays, 10, 50, 90)
    engine = wakewords.load(config)
    return {
        "n": ROUNDS * len(VOICES),
        "missed": missed,
        "p10_ms": p10,
        "p50_ms": p50,
        "p90_ms": p90,
        "miss_rate": _misses(engine, config, progress),
        **_false_wakes(engine, config, progress),
        "confused": _confused(engine, config, progress),
        "config": config.wake.model_dump(),
    }


def _live(progress: Progress) -> tuple[list[float], int]:
    delays: list[float] = []
    rng = np.random.default_rng(7)
    words = [say(WAKE, voice) for voice in VOICES]
    with Room() as room, Ears(room.env, "wake") as ears:
        for turn in range(ROUNDS):
            for number, word in enumerate(words):
                progress(f"word {turn * len(words) + number + 1} of {ROUNDS * len(words)}")
                # Whole hops apart the word would always meet the model at the same phase.
                pause = np.zeros(round((PAUSE_S + rng.uniform(0, 0.1)) * RATE_HZ), np.int16)
                mark = len(ears.said)
                played = room.play(np.concatenate([pause, word.samples]))
                ended = played.time_of(len(pause) + word.last_loud)
                room.wait_heard(ended + EVENT_S / 2)
                delays += [(said["at"] - ended) * 1000 for said in ears.said[mark:] if "score" in said][:1]
    return delays, ROUNDS * len(words) - len(delays)


def _misses(engine: WakeEngine, config: Config, progress: Progress) -> dict[str, float]:
    others = crowd()
    conditions: dict[str, Callable[[Samples], Samples]] = {"clean": lambda sound: sound}
    conditions |= {f"snr_{snr}db": lambda sound, snr=snr: with_noise(sound, others, snr) for snr in SNR_DB}  # type: ignore[misc]
    conditions |= {f"t60_{t60}s": lambda sound, t60=t60: reverberant(sound, t60) for t60 in T60_S}  # type: ignore[misc]
    rates: dict[str, float] = {}
    for name, change in conditions.items():
        progress(f"missed words, {name}")
        heard = [bool(find_wakes(change(_alone(say(WAKE, voice).samples)), engine, config.wake)) for voice in VOICES]
        rates[name] = round(1 - sum(heard) / len(heard), 3)
    return rates


def _false_wakes(engine: WakeEngine, config: Config, progress: Progress) -> Figures:
    samples = wakes = 0
    for number, sound in enumerate(_other_speech()):
        progress(f"speech without the word, part {number + 1}")
        samples += len(sound)
        wakes += len(find_wakes(sound, engine, config.wake))
    hours = samples / RATE_HZ / 3600
    bound = poisson_bound(wakes)
    return {
        "false_per_hour": round(wakes / hours, 2),
        "false_hours": round(hours, 3),
        "false_bound": round(bound / hours, 1),
    }


def _confused(engine: WakeEngine, config: Config, progress: Progress) -> dict[str, float]:
    shares: dict[str, float] = {}
    for text in CONFUSABLE:
        progress(f"“{text}”")
        woken = [bool(find_wakes(_alone(say(text, voice).samples), engine, config.wake)) for voice in VOICES]
        shares[text] = round(sum(woken) / len(woken), 3)
    return shares


def _other_speech() -> Iterator[Samples]:
    for voice in VOICES:
        yield np.concatenate([np.pad(say(text, voice).samples, (0, RATE_HZ // 2)) for text in SENTENCES])
    yield from human_speech()


def human_speech() -> Iterator[Samples]:
    """Human English from installed packages: `moonshine-voice`'s samples, Debian's `pocketsphinx-testdata`."""
    import moonshine_voice

    folders = [Path(moonshine_voice.__file__).parent / "assets", Path("/usr/share/pocketsphinx/test/data")]
    for folder in folders:
        for path in sorted(folder.rglob("*.wav")):
            yield read_wav(path)


def _alone(sound: Samples) -> Samples:
    return np.pad(sound, (RATE_HZ, RATE_HZ))
