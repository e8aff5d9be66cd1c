"""The first word of a command: is it understood, however soon after the wake word it comes?

`n` commands, each by one of several visitors, `gaps` of 0 to 500 ms between the wake word and it, in a room with a
little noise, each heard in a whole turn (`agent.lab.sitting`: real parts, the sound's own time; without partial texts
but in pauses, since only the final counts), once with the acknowledging sound in the room (`OWN_DB` below the visitor,
with its echo, when the dialogue makes it) and once without. `recall`: gap in ms -> share of commands whose first word
is the first of the final text, the worse of the two; `exact`: the same for the whole command. `one_breath`: wake word
and command synthesised as one sentence; `breath_woken`: how many of those wake it at all, for a word that blurs into
the next one may be missed, and only what wakes is counted there. `held_out`: the recall of the second half of the
commands, by visitors of its own, which was looked at less.

Recognisers make mistakes, which are not the matter here, and the same sound a little later may make another: each
command is given to the first visitor of its half whose first word is understood where the command is said alone, in
each of `TAKES` takes, which begin anywhere within a period as people do: one that is understood only from one sample on
tells nothing about a wake word. `alone`: how many visitors that took; what nobody says so that it is understood is left
out of `n`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.config import Config
from agent.hearing import wakewords
from agent.lab.bench.report import Bar, Figures, Progress
from agent.lab.scoring import words
from agent.lab.script import WAKE
from agent.lab.sitting import Sitting, Told
from agent.lab.visitor import say, voice
from agent.thinking.intents import Intents

BARS: tuple[Bar, ...] = (Bar("lost", 0),)
GAPS_MS = (0, 100, 200, 300, 500)
OWN_DB = -12.0
NOISE = 10.0  # LSB RMS: a quiet room
NO_PARTIALS_MS = 60_000
TAKES = 4
BEFORE_S, AFTER_S = 1.0, 2.0
LOOKED_AT = (
    "what time is it",
    "set a timer for ten minutes",
    "turn on the kitchen lights",
    "how far away is the moon",
    "is it going to rain tomorrow",
    "who wrote hamlet",
    "stop",
    "add milk to my shopping list",
    "play some music",
    "louder",
    "tell me a story",
    "where do polar bears live",
    "volume up",
    "cancel the timer",
    "open the garage door",
    "good morning",
    "remind me in ten minutes to call my mother",
    "when is the next full moon",
    "read me the news",
    "do i need an umbrella today",
    "turn down the heating",
    "how tall is mount everest",
)
HELD_OUT = (
    "what is the capital of france",
    "why is the sky blue",
    "switch off the heating",
    "dim the light in the bedroom",
    "how long does it take to boil an egg",
    "can you hear me",
    "mute the microphone",
    "close the blinds",
    "snooze",
    "give me a recipe for bread",
    "are there any messages",
    "wake me up at seven",
    "find my phone",
    "call the office",
    "repeat that",
    "pause the radio",
    "start the dishwasher",
    "which day is it today",
    "lower the volume",
    "my glasses are broken",
    "never mind",
    "show me the way to the station",
    "lock the front door",
    "tell me a joke",
)
HALVES = (
    (LOOKED_AT, ("slt", "kal_diphone", "en-gb", "en-us+f2", "awb")),
    (HELD_OUT, ("rms", "cmu_us_slt_arctic_hts", "ked_diphone", "en-us+m3", "en-gb-x-rp", "kal16")),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A command, and who says it."""

    text: str
    voice: str
    held_out: bool


class Hearing:
    """Two sittings with one engine: with the agent's own sound in the room, and without."""

    def __init__(self, config: Config) -> None:
        wake = wakewords.load(config)
        match = Intents("en").match
        self.quiet = Sitting(config, wake, lambda text, _: match(text), every_ms=NO_PARTIALS_MS)
        self.sounding = Sitting(config, wake, lambda text, _: match(text), OWN_DB, NO_PARTIALS_MS)

    def understood(self, case: Case) -> bool:
        """Whether the first word is, without a wake word, in each of some takes."""
        said = say(case.text, voice(case.voice)).samples
        begun = round(BEFORE_S * RATE_HZ / 2)
        heard = (self.quiet.sit(in_a_room(said, 100 + take), begun, woken_at=0) for take in range(TAKES))
        return all(_first(case, told.text) for told in heard)


def in_a_room(sound: Samples, seed: int = 0) -> Samples:
    """With quiet around it, and a little noise over all; at another phase of models and periods for each seed."""
    rng = np.random.default_rng(seed)
    before = round(BEFORE_S * RATE_HZ) + int(rng.integers(0, 8 * PERIOD))
    whole = np.pad(sound, (before, round(AFTER_S * RATE_HZ)))
    return np.clip(whole + rng.normal(0, NOISE, len(whole)), -32768, 32767).astype(np.int16)


def run(progress: Progress) -> Figures:
    config = Config()
    hearing = Hearing(config)
    trials: list[int] = []
    cases = list(_cases(hearing, trials, progress))
    gaps: dict[str, list[list[str]]] = {}
    for gap_ms in GAPS_MS:
        gaps[str(gap_ms)] = [_heard(hearing, case, gap_ms, progress) for case in cases]
    breath = [_in_one_breath(hearing, case, progress) for case in cases]
    woken = [(case, told.text) for case, told in zip(cases, breath, strict=True) if told.woken]
    recall = {gap: _recall(cases, texts) for gap, texts in gaps.items()}
    return {
        "n": len(cases),
        "recall": recall,
        "lost": sum(round((1 - share) * len(cases)) for share in recall.values()),
        "exact": {gap: _recall(cases, texts, exactly=True) for gap, texts in gaps.items()},
        "held_out": {gap: _recall(cases, texts, held_out=True) for gap, texts in gaps.items()},
        "one_breath": round(sum(_first(case, text) for case, text in woken) / max(1, len(woken)), 3),
        "breath_woken": len(woken),
        "alone": sum(trials),
        "misheard": _misheard(cases, gaps),
        "config": config.endpoint.model_dump(),
    }


def _cases(hearing: Hearing, trials: list[int], progress: Progress) -> Iterator[Case]:
    """Each command by a visitor whose first word is understood; the visitors take turns."""
    for half, (texts, voices) in enumerate(HALVES):
        for number, text in enumerate(texts):
            progress(f"alone: {text}")
            for tried, name in enumerate(islice(cycle(voices), number, number + len(voices)), 1):
                case = Case(text, name, half == 1)
                if hearing.understood(case):
                    trials.append(tried)
                    yield case
                    break


def _heard(hearing: Hearing, case: Case, gap_ms: int, progress: Progress) -> list[str]:
    """What is written without and with the sound."""
    progress(f"{gap_ms} ms, {case.voice}: {case.text}")
    speaker = voice(case.voice)
    said = say(WAKE, speaker).then(say(case.text, speaker), gap_ms / 1000)
    sound = in_a_room(said.samples, seed=gap_ms)
    without = hearing.quiet.sit(sound)
    if not without.sounds:  # nothing to be heard of it
        return [without.text]
    return [without.text, hearing.sounding.sit(sound).text]


def _in_one_breath(hearing: Hearing, case: Case, progress: Progress) -> Told:
    progress(f"one breath, {case.voice}: {case.text}")
    return hearing.quiet.sit(in_a_room(say(f"{WAKE} {case.text}", voice(case.voice)).samples))


def _first(case: Case, text: str) -> bool:
    return words(text)[:1] == words(case.text)[:1]


def _recall(cases: list[Case], texts: list[list[str]], held_out: bool = False, exactly: bool = False) -> float:
    chosen = [(case, heard) for case, heard in zip(cases, texts, strict=True) if case.held_out or not held_out]

    def right(case: Case, text: str) -> bool:
        return words(text) == words(case.text) if exactly else _first(case, text)

    counts = [sum(right(case, heard[at]) for case, heard in chosen) for at in (0, -1)]
    return round(min(counts) / len(chosen), 3)


def _misheard(cases: list[Case], gaps: dict[str, list[list[str]]]) -> list[str]:
    """Each loss in words, for whoever wants to do better; of the half that may be looked at."""
    return [
        f"{gap} ms, {case.voice}: {case.text} -> {text}"
        for gap, texts in gaps.items()
        for case, heard in zip(cases, texts, strict=True)
        for text in dict.fromkeys(heard)
        if not case.held_out and not _first(case, text)
    ]
