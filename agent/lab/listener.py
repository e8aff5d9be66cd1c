"""The second recogniser: listens to the room's recording as a person would, apart from the agent's own ears.

It shares nothing with `agent.hearing`: whole segments, split where it is silent and at most 15 s long (what Moonshine
was trained on), each decoded at once, with the library's own segmentation off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples

SEGMENT_S = 15.0
PAUSE_S = 0.35  # a silence this long may split
HOP = RATE_HZ // 100
TAIL = RATE_HZ // 10  # samples of silence behind a segment
QUIET = 0.02  # of the loudest hop's RMS


class Listener(Protocol):
    """Anything that turns sound into words."""

    name: str

    def hear(self, samples: Samples) -> str:
        """What is said in mono, 16 kHz, int16; "" if nothing."""
        ...

    def close(self) -> None: ...


class MoonshineListener:
    """English, from the package `moonshine-voice`. Raises ImportError where it is not installed."""

    name = "moonshine tiny-en (whole segments)"

    def __init__(self) -> None:
        from moonshine_voice import ModelArch, get_model_path
        from moonshine_voice.transcriber import Transcriber

        # Threshold 0: everything is speech, so that the segment stays whole.
        options = {"vad_threshold": "0.0", "vad_max_segment_duration": "30"}
        self._transcriber: Any = Transcriber(str(get_model_path("tiny-en")), ModelArch.TINY, options=options)

    def hear(self, samples: Samples) -> str:
        texts = []
        for segment in segments(samples):
            sound = (segment.astype(np.float32) / 32768).tolist()
            transcript = self._transcriber.transcribe_without_streaming(sound, RATE_HZ)
            texts += [line.text.strip() for line in transcript.lines]
        return " ".join(text for text in texts if text)

    def close(self) -> None:
        self._transcriber.close()


class VoskListener:
    """Any language with a Vosk model in `folder`, free dictation unless `phrases` restrict it."""

    def __init__(self, folder: str, phrases: tuple[str, ...] = ()) -> None:
        import json

        import vosk

        vosk.SetLogLevel(-1)
        self.name = f"vosk {folder.rstrip('/').rsplit('/', 1)[-1]}"
        self._json = json
        self._model = vosk.Model(model_path=folder)
        self._new = vosk.KaldiRecognizer
        self._grammar = json.dumps([*phrases, "[unk]"], ensure_ascii=False) if phrases else None

    def hear(self, samples: Samples) -> str:
        texts = []
        for segment in segments(samples):
            grammar = (self._grammar,) if self._grammar else ()
            recogniser = self._new(self._model, RATE_HZ, *grammar)
            recogniser.AcceptWaveform(segment.tobytes())
            texts.append(str(self._json.loads(recogniser.FinalResult())["text"]))
        return " ".join(text for text in texts if text)

    def close(self) -> None:
        del self._model


def segments(samples: Samples) -> Iterator[Samples]:
    """The stretches with sound, split at silences, none longer than `SEGMENT_S`, each with a little silence behind."""
    hops = samples[: len(samples) // HOP * HOP].reshape(-1, HOP).astype(np.float64)
    level = np.sqrt((hops**2).mean(axis=1))
    if not len(level) or level.max() < 1:
        return
    loud = level > QUIET * level.max()
    for first, last in _joined(_runs(loud.tolist())):
        # Measured over 11 voices: silence in front costs a quarter more word errors, none behind makes words up.
        yield np.pad(samples[first * HOP : last * HOP], (0, TAIL))


def _runs(loud: list[bool]) -> list[tuple[int, int]]:
    """Runs of loud hops (first, one past last), over pauses shorter than `PAUSE_S`."""
    runs: list[tuple[int, int]] = []
    for index in (i for i, is_loud in enumerate(loud) if is_loud):
        if runs and index - runs[-1][1] < PAUSE_S * 100:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs


def _joined(runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbouring runs together while they fit a segment; a run that is longer is cut."""
    most = int(SEGMENT_S * 100)
    current: tuple[int, int] | None = None
    for first, last in runs:
        if current and last - current[0] <= most and first - current[1] < 100:
            current = (current[0], last)
            continue
        if current:
            yield current
        while last - first > most:
            yield first, first + most
            first += most
        current = (first, last)
    if current:
        yield current
