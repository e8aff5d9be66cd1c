"""Is the device fast enough? The voice speaks a short sentence, the recogniser and the wake words hear it, for real.

A real-time factor of 0.25 means: a second of sound takes a quarter of a second of work. The wake word has to be heard
beside everything else, all the time; recogniser and voice must at least keep up with people. Counted is what passed, or
the processor's time where that is less: what else happens to run now is not the engine's fault.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import soxr
from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from agent import engines
from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.config import Config, WakeWord
from agent.doctor import report
from agent.doctor.board import available_mb
from agent.doctor.context import Context
from agent.doctor.finding import Finding, Severity, of_problem
from agent.hearing import wakewords
from agent.hearing.offline import Transcriber
from agent.hearing.recogniser import child_spec
from agent.hearing.wake import WakeModelError
from agent.hearing.words import wake_name
from agent.models import ModelMissing
from agent.speaking.say import Reader
from agent.speaking.tts import SpeechError
from agent.speaking.voices import voices

LISTS = "voice-agent models list shows what there is"
LOAD_S, HEAR_S = 120.0, 60.0
DAY = date(2026, 11, 23)
NOISE_S = 3.0
NEEDED_MB = 500  # for a second copy of recogniser and voice beside the service's


@dataclass(frozen=True, slots=True)
class Limit:
    """Real-time factors from which it is slow (a warning), and too slow."""

    slow: float
    too_slow: float


WAKE, ASR, TTS = Limit(0.3, 0.7), Limit(0.7, 1.0), Limit(0.6, 1.0)


class Stopwatch:
    """Seconds that some processes needed: those that passed, or those of the processor, whichever are fewer."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._began = time.monotonic(), sum(map(_cpu_s, pids))

    def seconds(self) -> float:
        began, used = self._began
        passed, worked = time.monotonic() - began, sum(map(_cpu_s, self._pids)) - used
        return min(passed, worked) if worked > 0 else passed


def _cpu_s(pid: int) -> float:
    """User and system time of all threads; 0.0 of a process that is gone. proc(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def examine(context: Context) -> Iterator[Finding]:
    free_mb = available_mb(context)
    if report.running() and 0 < free_mb < NEEDED_MB:
        shown = f"left out: {free_mb} MB are free beside the running service, {NEEDED_MB} are needed"
        remedy = "sudo systemctl stop voice-agent; voice-agent doctor --only engines; sudo systemctl start voice-agent"
        yield Finding("engines", "info", "speed", shown, remedy)
        return
    context.say("the voice speaks a sentence")
    config = here(context.config)
    finding, speech = _voice(config)
    yield finding
    context.say("the recogniser hears it")
    yield _recogniser(config, speech)
    context.say("the wake words hear it")
    yield from _wake(context.config, speech)


def here(config: Config) -> Config:
    """The same configuration without servers on other machines, which `agent.doctor.wyoming` looks at."""
    asr = config.asr.model_copy(update={"wyoming": None})
    tts = config.tts.model_copy(update={"wyoming": None, "wyoming_voice": None})
    return config.model_copy(update={"asr": asr, "tts": tts})


def sentence(language: str) -> str:
    """A date in full, which every language can say."""
    try:
        return str(format_date(DAY, "full", Locale.parse(language, sep="-")))
    except (UnknownLocaleError, ValueError):
        return "1, 2, 3, 4, 5, 6."


def paced(title: str, name: str, factor: float, limit: Limit, more: str, figures: dict[str, object]) -> Finding:
    """A real-time factor, judged. `more`: what else there is to say."""
    shown = f"{name}: {factor:.2f} × real time{more}"
    remedy = f"too slow for this device (limit {limit.too_slow:g}): a smaller model, or another engine"
    severity: Severity = "ok"
    if factor >= limit.too_slow:
        severity = "failure"
    elif factor >= limit.slow:
        severity, remedy = (
            "warning",
            f"slow for this device (good: under {limit.slow:g}): a smaller model; more cooling",
        )
    all_figures = {"rtf": round(factor, 3), "limit": limit.too_slow, **figures}
    return Finding("engines", severity, title, shown, "" if severity == "ok" else remedy, all_figures)


def _voice(config: Config) -> tuple[Finding, Samples]:
    """How fast it speaks, and what it said at 16 kHz (noise where it did not)."""
    noise = np.random.default_rng(0).normal(0, 800, round(NOISE_S * RATE_HZ)).astype(np.int16)
    try:
        with Reader(voices(config), config.persona.language) as reader:
            began = time.monotonic()
            reader.wait(LOAD_S)
            loaded_s = time.monotonic() - began
            watch = Stopwatch(reader.pids)
            clauses = list(reader.read(sentence(config.persona.language)))
            took_s = watch.seconds()
        choice = engines.voice(config.tts.engine, config.tts.voice, config.persona.language)
    except (SpeechError, ModelMissing) as error:
        return of_problem("engines", "voice", str(error), LISTS), noise
    seconds = sum(len(clause.pcm) / clause.rate_hz for clause in clauses)
    if not seconds:
        remedy = "another voice; voice-agent say hello"
        return Finding("engines", "failure", "voice", "it spoke a sentence of no sound at all", remedy), noise
    first_ms = clauses[0].at_s * 1000
    name = choice.model.stem if choice.model else "espeak-ng"
    figures: dict[str, object] = {
        "engine": choice.engine,
        "load_s": round(loaded_s, 2),
        "first_ms": round(first_ms),
    }
    found = paced("voice", name, took_s / seconds, TTS, f", loaded in {loaded_s:.1f} s", figures)
    heard = [soxr.resample(clause.pcm, clause.rate_hz, RATE_HZ) for clause in clauses]
    return found, np.concatenate([*heard, np.zeros(RATE_HZ // 2, np.int16)])


def _recogniser(config: Config, speech: Samples) -> Finding:
    try:
        choice = engines.recogniser(config.asr, config.persona.language)
    except ModelMissing as error:
        return of_problem("engines", "recogniser", str(error), LISTS)
    transcriber = Transcriber(child_spec(choice, config))
    began = time.monotonic()
    try:
        transcriber.start(LOAD_S)
        loaded_s = time.monotonic() - began
        watch = Stopwatch([transcriber.pid] if transcriber.pid else [])
        heard = transcriber.transcribe(speech, timeout_s=HEAR_S)
        took_s = watch.seconds()
    except RuntimeError as error:
        remedy = "voice-agent models verify; out of memory? dmesg tells"
        return Finding("engines", "failure", "recogniser", f"{choice.model.name}: {error}", remedy)
    finally:
        transcriber.stop()
    figures: dict[str, object] = {"engine": choice.engine, "load_s": round(loaded_s, 2), "understood": heard.text}
    understood = f' and understood "{heard.text}"' if heard.text else ""
    more = f", loaded in {loaded_s:.1f} s{understood}"
    return paced("recogniser", choice.model.name, took_s * RATE_HZ / len(speech), ASR, more, figures)


def _wake(config: Config, speech: Samples) -> Iterator[Finding]:
    """Each word by itself, and then all together, as they run: what words of one engine share is computed once."""
    words = config.wake.words
    found = [_words(f"wake word {wake_name(word.model)}", with_words(config, (word,)), speech) for word in words]
    yield from found
    if len(words) > 1 and all("rtf" in finding.figures for finding in found):
        yield _words("wake words", config, speech)


def with_words(config: Config, words: tuple[WakeWord, ...]) -> Config:
    """The same configuration with these wake words."""
    return config.model_copy(update={"wake": config.wake.model_copy(update={"words": words})})


def _words(title: str, config: Config, speech: Samples) -> Finding:
    names = ", ".join(Path(word.model).stem for word in config.wake.words)
    began = time.monotonic()
    try:
        engine = wakewords.load(config)
    except WakeModelError as error:
        return of_problem("engines", title, str(error), LISTS)
    loaded_s = time.monotonic() - began
    engine.reset()
    engine.feed(speech[:RATE_HZ], 0)
    watch, fed = Stopwatch([os.getpid()]), 0
    for at in range(RATE_HZ, len(speech), PERIOD):
        engine.feed(speech[at : at + PERIOD], at)
        fed += len(speech[at : at + PERIOD])
    factor = watch.seconds() * RATE_HZ / max(1, fed)
    kinds = {engines.wake(config.wake, word, config.persona.language).engine for word in config.wake.words}
    figures: dict[str, object] = {"engine": ", ".join(sorted(kinds)), "load_s": round(loaded_s, 2)}
    return paced(title, names, factor, WAKE, f", loaded in {loaded_s:.1f} s", figures)
