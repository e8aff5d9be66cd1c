"""Noise: how often the wake word is missed and how many words are misheard, by engine, and whether it helps to process
the sound before.

Over recorded sound, offline, through the daemon's own parts. `miss_rate` (engine → condition → treatment → share of
`n_wakes` voices whose "hey jarvis" was missed): gate, engine and detector, and `either`: missed raw and with noise
suppression too, as if both were listened to. `wer` (recogniser → condition → treatment → errors per word): of
`n_sentences` by all visitors in turn, and by a human reader (Debian's `pocketsphinx-testdata`, where it is installed);
`vosk_ko`, where its model is installed: the `n_commands` in Korean of the local grammar that it understands at all,
when nothing else is heard, by one voice. The recogniser gets the
sound from 0.2 s before the first word to 0.6 s after the last, as in a turn without a wake word; the processing hears
2 s of the room before, as it would from the preroll. `cpu_percent` of one core, by treatment.

What conditions and treatments are, and that the noises are simulated: `agent.lab.noisy`, `agent.lab.acoustics`. The
babble is by the voices that are to be understood, which is harder than other people's. A level of -30 dB is -50 dBFS at
the loudest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from agent import engines, models
from agent.audio.pcm import RATE_HZ, Samples
from agent.config import AsrSection, Config, WakeSection
from agent.hearing import wakewords
from agent.hearing.asr import Engine
from agent.hearing.offline import find_wakes
from agent.lab.bench.report import Bar, Figures, Progress
from agent.lab.noisy import TREATMENTS, Change, conditions, cpu_percent
from agent.lab.scoring import total_word_error_rate
from agent.lab.script import WAKE
from agent.lab.visitor import KOREAN, VOICES, read_wav, say
from agent.thinking.intents import phrases

BARS: tuple[Bar, ...] = ()
SENTENCES = (
    "tell me a fun fact about penguins",
    "what is the capital of france",
    "set a timer for ten minutes",
    "turn on the light in the kitchen",
    "how far away is the moon",
    "add milk and eggs to my shopping list",
    "play some music in the living room",
    "will it rain tomorrow morning",
    "what time does the library close",
    "remind me to call my mother at six",
    "turn the volume down a little",
    "what is the weather like in london",
    "wake me up at half past seven",
    "is the front door locked",
    "how do i make a cup of tea",
)
STRIDE = 4  # from a sentence's voice to the next one's: engines by turns
HUMAN_FOLDER = Path("/usr/share/pocketsphinx/test/data/librivox")
HUMAN = {
    "0880": "he was not an ill disposed young man",
    "0890": "unless to be rather cold hearted and rather selfish is to be ill disposed",
    "0930": "he might even have been made amiable himself",
}
BEFORE, AFTER, LEAD = 2 * RATE_HZ, round(0.6 * RATE_HZ), round(0.2 * RATE_HZ)
STEP = 8 * RATE_HZ // 100
CPU_S = 30

Rates = dict[str, dict[str, float]]  # condition -> treatment -> rate
Said = tuple[str, Samples]


def run(progress: Progress) -> Figures:
    changes = conditions()
    sentences, commands = list(_sentences()), []
    rates: dict[str, Rates] = {"moonshine": _errors(moonshine_engine(), sentences, changes, "moonshine", progress)}
    if korean := vosk_engine():
        commands = list(_commands(korean))
        rates["vosk_ko"] = _errors(korean, commands, changes, "vosk_ko", progress)
    speech = np.resize(np.concatenate([sound for _, sound in sentences]), CPU_S * RATE_HZ)
    return {
        "n_wakes": len(VOICES),
        "n_sentences": len(sentences),
        "n_commands": len(commands),
        "miss_rate": {kind: _misses(kind, changes, progress) for kind in ("openwakeword", "microwakeword")},
        "wer": rates,
        "cpu_percent": {name: round(cpu_percent(name, speech), 3) for name in TREATMENTS},
        "config": Config().wake.model_dump(),
    }


def _misses(kind: str, changes: Mapping[str, Change], progress: Progress) -> Rates:
    config = Config(wake=WakeSection.model_validate({"engine": kind}))
    engine = wakewords.load(config)
    words = [np.pad(say(WAKE, voice).samples, (BEFORE, RATE_HZ)) for voice in VOICES]
    rates: Rates = {}
    for name, change in changes.items():
        progress(f"{kind}, {name}")
        sounds = [change(word, number) for number, word in enumerate(words)]
        missed = {
            treatment: [not find_wakes(treat(sound), engine, config.wake, STEP) for sound in sounds]
            for treatment, treat in TREATMENTS.items()
        }
        missed["either"] = [raw and ns for raw, ns in zip(missed["raw"], missed["ns"], strict=True)]
        rates[name] = {treatment: round(sum(each) / len(each), 3) for treatment, each in missed.items()}
    return rates


def _errors(
    engine: Engine, said: Sequence[Said], changes: Mapping[str, Change], label: str, progress: Progress
) -> Rates:
    rates: Rates = {}
    for name, change in changes.items():
        progress(f"{label}, {name}")
        sounds = [change(np.pad(sound, (BEFORE, AFTER)), number) for number, (_, sound) in enumerate(said)]
        rates[name] = {
            treatment: round(total_word_error_rate(list(_heard(engine, treat, said, sounds))), 3)
            for treatment, treat in TREATMENTS.items()
        }
    return rates


def _heard(
    engine: Engine, treat: Callable[[Samples], Samples], said: Sequence[Said], sounds: Sequence[Samples]
) -> Iterator[tuple[str, str]]:
    for (text, _), sound in zip(said, sounds, strict=True):
        yield text, transcribe(engine, treat(sound)[BEFORE - LEAD :])


def transcribe(engine: Engine, sound: Samples) -> str:
    """A whole utterance at once. In the pause an engine that decodes again and again does not (`Engine.pause`)."""
    engine.begin(None, 0)
    engine.pause()
    for at in range(0, len(sound), STEP):
        engine.feed(sound[at : at + STEP])
    engine.resume()
    return engine.finish()


def _sentences() -> Iterator[Said]:
    for number, text in enumerate(SENTENCES):
        yield text, say(text, VOICES[STRIDE * number % len(VOICES)]).samples
    for name, text in HUMAN.items():
        for path in sorted(HUMAN_FOLDER.glob(f"*-{name}.wav")):
            yield text, read_wav(path)


def _commands(engine: Engine) -> Iterator[Said]:
    """Korean espeak-ng speaks and Vosk listens unlike people: what is not understood in silence tells nothing."""
    for text in phrases("ko"):
        sound = say(text, KOREAN).samples
        if transcribe(engine, np.pad(sound, (LEAD, AFTER))) == text:
            yield text, sound


def moonshine_engine() -> Engine:
    """English. Raises ModelMissing."""
    model = engines.recogniser(AsrSection(engine="moonshine"), "en").model
    from agent.hearing import moonshine

    return moonshine.load(model)


def vosk_engine() -> Engine | None:
    """Korean with the grammar of the local commands; None where its model is not installed."""
    try:
        model = engines.recogniser(AsrSection(engine="vosk"), "ko").model
    except models.ModelMissing:
        return None
    from agent.hearing import vosk

    return vosk.load(model, phrases("ko"), ())


def render(figures: Figures) -> Table:
    """The table, one cell for each engine and condition: percent by treatment."""
    columns = {f"{name}, missed": rates for name, rates in figures["miss_rate"].items()}
    columns |= {f"{name}, WER": rates for name, rates in figures["wer"].items()}
    cpu = ", ".join(f"{name} {percent:.2f}" for name, percent in figures["cpu_percent"].items())
    counts = f"{figures['n_wakes']} wake words, {figures['n_sentences']} sentences, {figures['n_commands']} commands"
    title = f"noise   {figures['machine']}, reference {figures['reference_ms']} ms\n{counts}\npercent of a core: {cpu}"
    grid = Table(title=title, title_justify="left", box=None, header_style="dim")
    grid.add_column("percent")
    for title, rates in columns.items():
        grid.add_column(f"{title}\n{' / '.join(next(iter(rates.values())))}")
    for condition in next(iter(columns.values())):
        grid.add_row(condition, *[_cell(rates[condition]) for rates in columns.values()])
    grid.add_row("mean", *[_cell(mean(rates)) for rates in columns.values()], style="bold")
    return grid


def _cell(rates: Mapping[str, float]) -> str:
    return " / ".join(f"{100 * rate:.0f}" for rate in rates.values())


def mean(rates: Rates) -> dict[str, float]:
    """Over all conditions, by treatment."""
    treatments = next(iter(rates.values()))
    return {name: sum(each[name] for each in rates.values()) / len(rates) for name in treatments}
