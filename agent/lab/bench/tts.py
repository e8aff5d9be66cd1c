"""The voice, through its own process: `rtf` CPU time per second of speech, `first_audio_p50_ms` from a text until its
first clause is there, `pss_mb` of the process. `n` texts, none of them twice (a clause said again needs no engine)."""

from __future__ import annotations

import time

from agent import engines
from agent.config import Config
from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.lab.bench.usage import cpu_s, pss_mb
from agent.speaking.say import Reader
from agent.speaking.voices import voices

BARS: tuple[Bar, ...] = ()
TEXTS = (
    "Okay.",
    "It's six forty two PM.",
    "The capital of France is Paris.",
    "Penguins cannot fly, but they are very good swimmers.",
    "Today is Monday, November twenty third. It will be cold, with some rain in the evening.",
    "Once upon a time there was a sea, and it was blue, and it was deep, and ships sailed over it to far away lands.",
    "Light from the sun is scattered by the air. Blue light is scattered more than red light, so the sky looks blue.",
    "I can't answer that, because no language model is configured.",
)


def run(progress: Progress) -> Figures:
    config = Config()
    first_ms, speech_s = [], 0.0
    with Reader(voices(config), config.persona.language) as reader:
        reader.wait()
        before, began = sum(map(cpu_s, reader.pids)), time.monotonic()
        for text in TEXTS:
            progress(text)
            clauses = list(reader.read(text))
            first_ms.append(clauses[0].at_s * 1000)
            speech_s += sum(len(clause.pcm) / clause.rate_hz for clause in clauses)
        took, cpu = time.monotonic() - began, sum(map(cpu_s, reader.pids)) - before
        pss = sum(map(pss_mb, reader.pids))
    choice = engines.voice(config.tts.engine, config.tts.voice, config.persona.language)
    (first,) = percentiles(first_ms, 50)
    return {
        "engine": choice.engine + (f":{choice.model.stem}" if choice.model else ""),
        "n": len(TEXTS),
        "rtf": round(cpu / speech_s, 3),
        "wall_rtf": round(took / speech_s, 3),
        "first_audio_p50_ms": first,
        "pss_mb": round(pss, 1),
        "config": config.tts.model_dump(),
    }
