"""The end of speech: is anybody cut off who only pauses, and how soon is it noticed that somebody has finished?

Each utterance is heard in a whole turn (`agent.lab.sitting`), in `quiet` and among ten others who talk 10 dB weaker
(`babble`). `cutoff_rate`: the share of `n` utterances, in all conditions, of which the last word was not listened to:
they were ended before it (by more than `EARLY_MS`, since a last sound may be too weak to count), and not taken up
again, or only `ANSWER_MS` after the language model was asked, when its answer may be heard already. `cutoff_by_answer`:
the same for answers that are heard after so many ms; 0: without taking up again. `taken_back`: the share in which a
question was asked too early, and taken back; `in_vain`: taken back although all had been said. `delay_p50_ms`,
`delay_p90_ms`: from the last loud sample to the endpoint, of what visitors say to an agent. `conditions`: the same for
each; `kinds`: p50 of the delay by what is said (a local command, a question, another sentence). `held_out`: the same of
the half of the sentences and visitors that was looked at for figures alone.

What visitors say is synthetic, by those whom the recogniser understands best, since it is their words that are judged:
each sentence is spoken in parts, as a phrase or a clause ends, with pauses of `PAUSES_MS` between them (from one loud
sample to the next part), and every other one without. People are those of installed packages, who read aloud with the
pauses that they make: stretches that end with a pause of more than `APART_MS`, or after `ENOUGH_S` with any, and have
shorter ones of `PAUSE_MS` and more within; they
count for `cutoff_rate` (`human`), not for the delay, for nobody reads a novel to an agent.

Simulated: the wake word before each is not looked for but told (`bench wake` measures that), and the recogniser answers
after the time that a decode of so much sound takes on an idle machine (`decode_ms` for a second of sound). Everything
else counts samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.config import Config
from agent.hearing import wakewords
from agent.lab.acoustics import crowd, with_noise
from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.lab.script import WAKE
from agent.lab.sitting import DECODE_S, Sitting, Told
from agent.lab.visitor import LEVEL, read_wav, say, voice
from agent.thinking.intents import Intents

BARS = (Bar("cutoff_rate", 0.02), Bar("delay_p50_ms", 450), Bar("delay_p90_ms", 850))
BABBLE_DB = 10.0
ANSWERS_MS = (0, 250, 500, 1000)
ANSWER_MS = 500
PAUSES_MS = (200, 300, 400, 500, 600)
EARLY_MS = 200
BEFORE_S, GAP_S, AFTER_S = 2.5, 0.4, 2.5
NOISE = 10.0  # LSB RMS
PAUSE_MS, APART_MS = 150, 600  # of people reading
ENOUGH_S = 4.0
LOOKED_AT = (
    ("command", "set a timer for | ten minutes"),
    ("command", "turn the volume | up to fifty percent"),
    ("command", "what time is it"),
    ("command", "remind me in ten minutes | to call my mother"),
    ("command", "cancel the | pasta timer"),
    ("command", "set an alarm for | half past seven"),
    ("command", "stop"),
    ("question", "what is the weather like | in london"),
    ("question", "how far away | is the moon"),
    ("question", "do i need | an umbrella today"),
    ("sentence", "tell me a story about | a dragon"),
    ("sentence", "if it rains tomorrow | what should i wear"),
)
HELD_OUT = (
    ("command", "start a | five minute timer"),
    ("command", "make it | a bit louder"),
    ("command", "what day | is it today"),
    ("command", "how much time is left on | the timer"),
    ("command", "add two minutes | to the timer"),
    ("command", "wake me up at | six thirty tomorrow"),
    ("command", "repeat that please"),
    ("question", "who wrote | romeo and juliet"),
    ("question", "how long does it take | to boil an egg"),
    ("question", "what is the capital of | new zealand"),
    ("sentence", "give me a recipe for | bread without yeast"),
    ("sentence", "i would like to know | how rainbows are made"),
)
VOICES = (("kal_diphone", "en-gb", "kal16"), ("cmu_us_slt_arctic_hts", "en-us+klatt", "en-gb-x-rp"))


@dataclass(frozen=True, slots=True)
class Case:
    """Something said, its last loud sample, and whether anything but the end is worth a look."""

    kind: str
    text: str
    sound: Samples
    last_loud: int
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    case: Case
    condition: str
    ended: bool  # too early, for good
    needed_ms: float  # for how long the language model must not have answered, for all to be heard
    in_vain: bool
    delay_ms: float

    def cut(self, answer_ms: float = ANSWER_MS) -> bool:
        return self.ended or self.needed_ms > answer_ms


def run(progress: Progress) -> Figures:
    config = Config()
    match = Intents("en", ("hey jarvis",)).match
    sitting = Sitting(config, wakewords.load(config), lambda text, _: match(text), answer_s=math.inf)
    cases = [*_visitors(), *_people()]
    results: list[Result] = []
    for condition, others in (("quiet", None), ("babble", crowd())):
        for number, case in enumerate(cases):
            progress(f"{condition}: {number + 1} of {len(cases)}")
            results.append(_result(sitting, case, condition, others, number))
    return {
        **_figures(results),
        "conditions": {name: _figures([r for r in results if r.condition == name]) for name in ("quiet", "babble")},
        "human": _figures([r for r in results if r.case.kind == "human"]),
        "held_out": _figures([r for r in results if r.case.held_out]),
        "kinds": {kind: _p50(results, kind) for kind in ("command", "question", "sentence")},
        "decode_ms": round(DECODE_S * 1000),
        "cut": [f"{r.condition}: {r.case.text}" for r in results if r.cut() and not r.case.held_out],
        "config": config.endpoint.model_dump(),
    }


def _visitors() -> Iterator[Case]:
    for half, sentences in enumerate((LOOKED_AT, HELD_OUT)):
        for number, (kind, text) in enumerate(sentences):
            speaker = voice(VOICES[half][number % len(VOICES[half])])
            parts = [say(part.strip(), speaker) for part in text.split("|")]
            whole = say(text.replace("| ", ""), speaker)
            pause_s = PAUSES_MS[number % len(PAUSES_MS)] / 1000
            paused = parts[0] if len(parts) == 1 else parts[0].then(parts[1], pause_s)
            yield Case(kind, text, paused.samples, paused.last_loud, half == 1)
            if number % 2:
                yield Case(kind, whole.text, whole.samples, whole.last_loud, half == 1)


def _people() -> Iterator[Case]:
    """Stretches of human speech with pauses in them, at the visitors' level."""
    import moonshine_voice

    novel = Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav"
    others = Path("/usr/share/pocketsphinx/test/data/librivox")
    for path in (novel, *sorted(others.glob("*.wav"))):
        sound = read_wav(path)
        for number, (begin, end) in enumerate(_stretches(sound)):
            part = sound[begin:end].astype(np.float64)
            loud = np.sqrt((part[np.abs(part) > np.abs(part).max() / 10] ** 2).mean())
            yield Case("human", f"{path.stem} {number}", (part * (LEVEL / 2 / loud)).astype(np.int16), end - begin - 1)


def _stretches(sound: Samples) -> Iterator[tuple[int, int]]:
    """From and to, in samples: speech with a pause in it, that ends with a long one or, after `ENOUGH_S`, with any."""
    levels = np.sqrt((sound[: len(sound) // PERIOD * PERIOD].astype(np.float64) ** 2).reshape(-1, PERIOD).mean(axis=1))
    loud = np.flatnonzero(levels > 0.05 * np.percentile(levels, 95))
    first, paused = 0, False
    for at, gap_ms in enumerate([*(np.diff(loud) * 10), APART_MS + 1]):
        long_enough = (loud[at] - loud[first]) / 100 >= ENOUGH_S
        if gap_ms > APART_MS or (gap_ms > PAUSE_MS and paused and long_enough):
            if paused:
                yield int(loud[first]) * PERIOD, (int(loud[at]) + 1) * PERIOD
            first, paused = at + 1, False
        elif gap_ms > PAUSE_MS:
            paused = True


def _result(sitting: Sitting, case: Case, condition: str, others: Samples | None, seed: int) -> Result:
    hello = say(WAKE, voice("slt"))
    gap = np.zeros(round(GAP_S * RATE_HZ), np.int16)
    before, after = round(BEFORE_S * RATE_HZ) + PERIOD * (seed % 8), round(AFTER_S * RATE_HZ)
    word = hello.samples[: hello.last_loud + 1]
    whole = np.pad(np.concatenate([word, gap, case.sound]), (before, after))
    noise = np.random.default_rng(seed).normal(0, NOISE, len(whole))
    sound = np.clip(whole + noise, -32768, 32767).astype(np.int16)
    if others is not None:
        sound = with_noise(sound, np.roll(others, seed * 7919), BABBLE_DB)
    woken_at = before + len(word)
    told = sitting.sit(sound, woken_at=woken_at)
    return _judged(told, case, condition, woken_at + len(gap) + case.last_loud, len(sound))


def _judged(told: Told, case: Case, condition: str, ended: int, length: int) -> Result:
    endpoint = told.endpoint
    at = length / RATE_HZ if endpoint is None else endpoint.at.mono  # none: it waits still
    delay_ms = (at - ended / RATE_HZ) * 1000
    over = ended / RATE_HZ
    needed_ms = max((asked_s for at, asked_s in told.taken_back if at <= over), default=0.0) * 1000
    in_vain = any(at > over for at, _ in told.taken_back)
    return Result(case, condition, endpoint is not None and delay_ms < -EARLY_MS, needed_ms, in_vain, delay_ms)


def _figures(results: Sequence[Result]) -> Figures:
    delays = [r.delay_ms for r in results if not r.cut() and r.case.kind != "human"]
    p50, p90 = percentiles(delays, 50, 90)
    return {
        "n": len(results),
        "cutoff_rate": _share(r.cut() for r in results),
        "cutoff_by_answer": {str(ms): _share(r.cut(ms) for r in results) for ms in ANSWERS_MS},
        "taken_back": _share(r.needed_ms > 0 for r in results),
        "in_vain": _share(r.in_vain for r in results),
        "delay_p50_ms": p50,
        "delay_p90_ms": p90,
    }


def _share(found: Iterable[bool]) -> float:
    each = list(found)
    return round(sum(each) / max(1, len(each)), 3)


def _p50(results: Sequence[Result], kind: str) -> float | None:
    return percentiles([r.delay_ms for r in results if not r.cut() and r.case.kind == kind], 50)[0]
