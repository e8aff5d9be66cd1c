"""Recognition, with the recogniser's process fed as in a turn: 10 ms at a time, in real time.

`wer` of English sentences by several visitors; `first_partial_p50_ms` from the first loud sample to the first text;
`final_p50_ms` from the endpoint (the configured silence after the last loud sample) to the final; `rtf` CPU time of the
process per second of sound; `pss_mb` its memory. `human_wer` of human speech, decoded as a whole. `vosk_ko`, where the
model is installed: Korean commands with a grammar (`exact`: share).
"""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent import engines, models
from agent.audio.pcm import PERIOD, RATE_HZ, Samples
from agent.clock import now
from agent.config import AsrSection, Config, Persona
from agent.engines import AsrChoice
from agent.events import AsrFailed, Event, Final, Health, Partial
from agent.hearing.recogniser import Recogniser, child_spec
from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.lab.bench.usage import cpu_s, pss_mb
from agent.lab.resident import ResidentFailed
from agent.lab.scoring import total_word_error_rate, words
from agent.lab.script import KOREAN_SCENES
from agent.lab.visitor import KOREAN, Utterance, read_wav, say, voice
from agent.thinking.intents import phrases

BARS: tuple[Bar, ...] = ()
SENTENCES = (
    "tell me a fun fact about penguins",
    "what is the capital of france",
    "tell me a long story about the sea",
    "how far away is the moon",
    "why is the sky blue",
    "where do polar bears live",
    "what is the weather like in london",
    "how do i make a cup of tea",
)
SPEAKERS = ("cmu_us_slt_arctic_hts", "slt", "rms", "kal_diphone")
PAUSE_S = 0.2  # of silence, after which the recogniser is told that it may work ahead
HUMAN = "it was the best of times it was the worst of times it was the age of wisdom it was the age of foolishness"
LOADED_S, FINAL_S = 90.0, 20.0


class Bench:
    """One recogniser and what came of it."""

    def __init__(self, choice: AsrChoice, config: Config) -> None:
        self._events: queue.SimpleQueue[Event | str] = queue.SimpleQueue()
        self._silence_s = config.endpoint.silence_ms / 1000
        self._recogniser = Recogniser(child_spec(choice, config), self._events.put, now, self._events.put)
        self._turn = 0
        self.audio_s = 0.0
        self.first_ms: list[float] = []
        self.final_ms: list[float] = []

    def __enter__(self) -> Bench:
        self._recogniser.start()
        while not (isinstance(event := self._next(LOADED_S), Health) and event.status == "ok"):
            pass
        return self

    def __exit__(self, *_: object) -> None:
        self._recogniser.stop()

    @property
    def pid(self) -> int:
        return self._recogniser.pid or 0

    def hear(self, said: Utterance) -> str:
        """What it makes of an utterance in real time."""
        self._turn += 1
        silence = np.zeros(round(self._silence_s * RATE_HZ), np.int16)
        sound = np.concatenate([said.samples[: said.last_loud + 1], silence])
        pause_at = (said.last_loud + round(PAUSE_S * RATE_HZ)) // PERIOD * PERIOD
        began = time.monotonic()
        self._recogniser.begin(self._turn)
        for at in range(0, len(sound), PERIOD):
            time.sleep(max(0.0, began + (at + PERIOD) / RATE_HZ - time.monotonic()))
            self._recogniser.feed(self._turn, sound[at : at + PERIOD])
            if at == pause_at:
                self._recogniser.pause(self._turn)
        ended = time.monotonic()
        self._recogniser.finish(self._turn)
        self.audio_s += len(sound) / RATE_HZ
        return self._final(began, ended)

    def decode(self, sound: Samples) -> str:
        """What it makes of a sound that is fed as fast as it goes."""
        self._turn += 1
        self._recogniser.begin(self._turn)
        for at in range(0, len(sound), PERIOD * 10):
            self._recogniser.feed(self._turn, sound[at : at + PERIOD * 10])
        self._recogniser.finish(self._turn)
        self.audio_s += len(sound) / RATE_HZ
        return self._final(None, None)

    def _final(self, began: float | None, ended: float | None) -> str:
        first: float | None = None
        while True:
            match self._next(FINAL_S):
                case Partial(turn=turn, at=at) if turn == self._turn and first is None:
                    first = at.mono
                case Final(turn=turn, at=at, text=text) if turn == self._turn:
                    if began is not None and first is not None:
                        self.first_ms.append((first - began) * 1000)
                    if ended is not None:
                        self.final_ms.append((at.mono - ended) * 1000)
                    return text
                case AsrFailed(reason=reason):
                    raise ResidentFailed(f"the recogniser failed: {reason}")
                case _:
                    pass

    def _next(self, timeout_s: float) -> Event:
        try:
            event = self._events.get(timeout=timeout_s)
        except queue.Empty:
            raise ResidentFailed(f"the recogniser said nothing for {timeout_s:g} s") from None
        if isinstance(event, str):
            raise ResidentFailed(event)
        return event


def run(progress: Progress) -> Figures:
    config = Config()
    choice = engines.recogniser(config.asr, "en")
    pairs: list[tuple[str, str]] = []
    with Bench(choice, config) as bench:
        before = cpu_s(bench.pid)
        for speaker in SPEAKERS:
            for text in SENTENCES:
                progress(f"{choice.engine}, {speaker}: {text}")
                pairs.append((text, bench.hear(say(text, voice(speaker)))))
        rtf = (cpu_s(bench.pid) - before) / bench.audio_s
        progress("human speech")
        human = bench.decode(human_speech())
        pss = pss_mb(bench.pid)
    return {
        "engine": f"{choice.engine}:{choice.model.name}",
        "n": len(pairs),
        "wer": round(total_word_error_rate(pairs), 3),
        "human_wer": round(total_word_error_rate([(HUMAN, " ".join(words(human)[: len(words(HUMAN))]))]), 3),
        **_figures(bench, rtf, pss),
        "vosk_ko": _korean(progress),
        "config": {"asr": config.asr.model_dump(), "endpoint": config.endpoint.model_dump()},
    }


def _figures(bench: Bench, rtf: float, pss: float) -> Figures:
    (first,), (final,) = percentiles(bench.first_ms, 50), percentiles(bench.final_ms, 50)
    return {"rtf": round(rtf, 3), "pss_mb": round(pss, 1), "first_partial_p50_ms": first, "final_p50_ms": final}


def _korean(progress: Progress) -> Figures | None:
    """Vosk with a grammar; None where its Korean model is not installed."""
    try:
        choice = engines.recogniser(AsrSection(engine="vosk"), "ko")
    except models.ModelMissing:
        return None
    config = Config(asr=AsrSection(engine="vosk", grammar=phrases("ko")), persona=Persona(language="ko"))
    texts: Sequence[str] = sorted({scene.text for scene in KOREAN_SCENES if scene.text})
    with Bench(choice, config) as bench:
        before = cpu_s(bench.pid)
        exact = 0
        for text in texts:
            progress(f"vosk, Korean: {text}")
            exact += bench.hear(say(text, KOREAN)) == text
        rtf, pss = (cpu_s(bench.pid) - before) / bench.audio_s, pss_mb(bench.pid)
    return {"n": len(texts), "exact": round(exact / len(texts), 3), **_figures(bench, rtf, pss)}


def human_speech() -> Samples:
    """The beginning of a reading that the package `moonshine-voice` brings along."""
    import moonshine_voice

    return read_wav(Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav")[: 10 * RATE_HZ]
