"""openWakeWord without its package's code: three ONNX models driven directly.

Theory (https://github.com/dscripka/openWakeWord, Apache-2.0; the models CC BY-NC-SA 4.0):
- Samples become mel frames (25 ms wide, one every 10 ms), 76 mel frames become one embedding of 96 numbers (an
  embedding every 80 ms: the *hop*), the last 16 embeddings (or what the word's model asks for) become a score. The mel
  frames of a hop are computed from the hop and the 480 samples before it.
- Importing the package costs 280 MB and its wrapper copies ten seconds of audio every hop; only its models are used.

What is added:
- *Phases*: the 80 ms grid is coarse, so while a word's score rises the hop is scored at 2, 4 or 8 staggered places too.
  That costs as many embeddings more; so it begins with a score of `ARM` on the grid itself (in read speech scores stay
  under 0.01) and lasts `ARMED_MS`. A staggered score needs staggered embeddings of the past: the last `BACKFILL` of
  them are computed then, which gives the same scores as computing all; older ones are taken from the grid.
- *Foresight*: the models were trained on words with some silence behind them, and score slow speakers only 100-200 ms
  after the word. So where the sound falls by `DROP_DB` while a score rises, it is supposed that the word has ended now:
  the next `AHEAD` hops are scored as if silence followed, and the highest score counts (a foreseen one for `TRUST` of
  its value: it is a supposition). Had one waited in silence, it would have come anyway; so what this can add is a wake
  where somebody pauses within another word. Looking further ahead, or after smaller falls, it would take the middle of
  the word for all of it ("hey jar"). In noise, which hides the fall, nothing is foreseen.
- Digital silence, which no room has, delays and lowers scores (80 ms at the median); so where most samples are 0 those
  get one bit of noise. Any real microphone's sound is left alone.
- After `reset` the past is silence, computed once: what a stale past does to the score is worse than any noise.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from agent.audio.pcm import Samples
from agent.hearing.wake import Score, WakeModelError

HOP = 1280  # samples
STEP = 160  # samples of a mel frame
BEFORE = 480  # samples that the first mel frame of a hop reaches back
MELS = 76  # mel frames of an embedding
BANDS = 32
SIZE = 96  # numbers of an embedding

ARM = 0.02
ARMED_MS = 400
BACKFILL = 8  # embeddings
AHEAD = 2  # hops
TRUST = 0.85
DROP_DB = 25.0  # from the loudest to the last 10 ms of the last `RECENT`, of the first difference as in the gate
RECENT = 50 * STEP  # samples
KEPT = RECENT + STEP  # samples before the grid that are kept

BAD_MODEL = (errors.Fail, errors.InvalidProtobuf, errors.InvalidGraph, errors.InvalidArgument, errors.NotImplemented)

Floats = NDArray[np.float32]


def load(
    words: Mapping[str, Path], thresholds: Mapping[str, float], phases: int = 4, features: Path | None = None
) -> OpenWakeWord:
    """Open the models. `words`: word -> its .onnx; `features`: the folder with the two models that all words share
    (None: that of the package `openwakeword`). With `phases` of 1 the scores are openWakeWord's own, with neither
    staggered phases nor foresight. Raises WakeModelError.
    """
    folder = features or packaged()
    mel, embedding = _open(folder / "melspectrogram.onnx"), _open(folder / "embedding_model.onnx")
    _expect(mel, folder / "melspectrogram.onnx", 2)
    _expect(embedding, folder / "embedding_model.onnx", 4)
    classifiers = tuple(_classifier(word, path) for word, path in words.items())
    return OpenWakeWord(mel, embedding, classifiers, thresholds, phases)


def packaged() -> Path:
    """The folder with the models of the package `openwakeword`, which is not imported."""
    spec = importlib.util.find_spec("openwakeword")
    if spec is None or spec.origin is None:
        raise WakeModelError("the package openwakeword is not installed; `pip install openwakeword==0.4.0` installs it")
    return Path(spec.origin).parent / "resources" / "models"


def session_options() -> ort.SessionOptions:
    """One thread, which sleeps when it has nothing to do, and no arena that grows."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return options


def _open(path: Path) -> ort.InferenceSession:
    if not path.is_file():
        raise WakeModelError(f"{path} is missing; {_remedy(path)}")
    try:
        return ort.InferenceSession(str(path), session_options(), providers=["CPUExecutionProvider"])
    except BAD_MODEL as error:
        raise WakeModelError(f"{path} is no usable ONNX model ({_first_line(error)}); {_remedy(path)}") from error


def _remedy(path: Path) -> str:
    if path.parent.parts[-3:] == ("openwakeword", "resources", "models"):
        return "`pip install --force-reinstall openwakeword==0.4.0` repairs it"
    return "put a whole copy there, or name another model in [wake]"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _expect(session: ort.InferenceSession, path: Path, rank: int) -> None:
    shape = session.get_inputs()[0].shape
    if len(shape) != rank:
        raise WakeModelError(f"{path} takes an input of shape {shape}: it is another model; {_remedy(path)}")


@dataclass(frozen=True, slots=True)
class Classifier:
    """The model of one word. `hops`: how many embeddings it looks at."""

    word: str
    session: Any
    source: str
    hops: int

    def score(self, embeddings: Floats) -> float:
        """0..1 from (hops, 96). With several classes the first is "none of them" (openWakeWord's timer model)."""
        out: Floats = self.session.run(None, {self.source: embeddings[None]})[0].reshape(-1)
        return float(out[0] if len(out) == 1 else out[1:].max())


def _classifier(word: str, path: Path) -> Classifier:
    session = _open(path)
    source = session.get_inputs()[0]
    match source.shape:
        case [_, int(hops), 96]:
            return Classifier(word, session, source.name, hops)
        case shape:
            raise WakeModelError(f"{path} takes an input of shape {shape}, not (1, n, 96): no openWakeWord model")


class OpenWakeWord:
    """A wake engine. Positions on the 10 ms grid are counted in mel frames (*ticks*) since the last reset."""

    def __init__(
        self,
        mel: Any,
        embedding: Any,
        classifiers: Sequence[Classifier],
        thresholds: Mapping[str, float],
        phases: int,
    ) -> None:
        self._mel = mel
        self._embed = embedding
        self._classifiers = classifiers
        self._thresholds = thresholds
        self._phase = 8 // phases  # ticks between staggered scorings
        self._depth = max(c.hops for c in classifiers)
        self._random = np.random.default_rng(0)
        self._silence = self._silent_context()
        self._hush = self._dithered(np.zeros(AHEAD * HOP, np.int16))  # what is supposed to follow
        self.reset()

    @property
    def thresholds(self) -> Mapping[str, float]:
        return self._thresholds

    def twin(self) -> OpenWakeWord:
        """The sessions are shared: running one is thread-safe (ONNX Runtime, `InferenceSession::Run`)."""
        return OpenWakeWord(self._mel, self._embed, self._classifiers, self._thresholds, 8 // self._phase)

    def reset(self) -> None:
        frame, _ = self._silence
        self._sound: Samples = np.zeros(KEPT, np.int16)  # from KEPT samples before tick `_grid` on
        self._frames = np.tile(frame, (MELS + BACKFILL * 8, 1))  # mel frames up to tick `_grid`
        self._past: dict[int, Floats] = {}  # tick -> the embedding that ends there
        self._start: int | None = None  # position of tick 0
        self._grid = 0  # tick of the last hop on the grid
        self._done = 0  # tick of the last scoring
        self._armed_until = -1  # tick

    def feed(self, pcm: Samples, position: int) -> list[Score]:
        if self._start is None:
            self._start = position
        self._sound = np.concatenate((self._sound, self._dithered(pcm)))
        scores: list[Score] = []
        while (tick := self._next()) * STEP <= self._heard():
            found = self._hop(tick) if tick == self._grid + 8 else self._between(tick)
            scores += [Score(c.word, value, self._start + tick * STEP) for c, value in found]
            self._done = tick
        return scores

    def _dithered(self, pcm: Samples) -> Samples:
        zero = pcm == 0
        if 2 * np.count_nonzero(zero) <= len(pcm):
            return pcm
        noise = self._random.integers(-1, 2, len(pcm), np.int16)
        return np.where(zero, noise, pcm)

    def _heard(self) -> int:
        """Samples since the reset."""
        return self._grid * STEP + len(self._sound) - KEPT

    def _next(self) -> int:
        armed = self._done + self._phase
        return armed if armed <= self._armed_until else self._grid + 8

    def _hop(self, tick: int) -> list[tuple[Classifier, float]]:
        """Score on the grid: openWakeWord's own streaming computation."""
        fresh = self._mels(self._sound[KEPT - BEFORE : KEPT + HOP])
        self._frames = np.concatenate((self._frames[8:], fresh))
        self._sound = self._sound[HOP:]
        self._grid = tick
        self._past[tick] = self._embeddings(self._frames[-MELS:][None])[0]
        for old in [t for t in self._past if t <= tick - 8 * self._depth - 8]:
            del self._past[old]
        scores = self._scores(tick, self._past)
        if self._phase < 8 and any(value >= ARM for _, value in scores):
            self._armed_until = tick + ARMED_MS // 10
        return self._foreseen(scores, tick, self._frames) if tick <= self._armed_until else scores

    def _between(self, tick: int) -> list[tuple[Classifier, float]]:
        """Score `tick`, which lies within a hop that is not complete yet."""
        late = tick - self._grid
        tail = self._mels(self._sound[KEPT - BEFORE : KEPT + late * STEP])
        frames = np.concatenate((self._frames, tail))  # ends at `tick`
        wanted = [tick - 8 * back for back in range(BACKFILL) if tick - 8 * back not in self._past]
        ends = [len(frames) - (tick - t) for t in wanted]
        made = self._embeddings(np.stack([frames[end - MELS : end] for end in ends]))
        self._past.update(zip(wanted, made, strict=True))
        return self._foreseen(self._scores(tick, self._past), tick, frames)

    def _foreseen(
        self, scores: list[tuple[Classifier, float]], tick: int, frames: Floats
    ) -> list[tuple[Classifier, float]]:
        """`scores`, those of `tick`, or higher ones that follow if a word has ended there. `frames` end at `tick`."""
        end = KEPT + (tick - self._grid) * STEP
        if not has_ended(self._sound[end - RECENT - 1 : end]):
            return scores
        quiet = self._mels(np.concatenate((self._sound[end - BEFORE : end], self._hush)))
        frames = np.concatenate((frames[-MELS:], quiet))
        ahead = range(8, 8 * AHEAD + 1, 8)
        made = self._embeddings(np.stack([frames[ticks : ticks + MELS] for ticks in ahead]))
        known = self._past | {tick + ticks: embedding for ticks, embedding in zip(ahead, made, strict=True)}
        foreseen = [[TRUST * value for _, value in self._scores(tick + ticks, known)] for ticks in ahead]
        return [(c, max(value, *later)) for (c, value), *later in zip(scores, *foreseen, strict=True)]

    def _scores(self, tick: int, known: Mapping[int, Floats]) -> list[tuple[Classifier, float]]:
        context = np.stack([self._embedding(tick - 8 * back, known) for back in range(self._depth - 1, -1, -1)])
        return [(c, c.score(context[self._depth - c.hops :])) for c in self._classifiers]

    def _embedding(self, tick: int, known: Mapping[int, Floats]) -> Floats:
        """The embedding ending at `tick`, else the one before it on the grid, else silence."""
        found = known.get(tick)
        return found if found is not None else known.get(tick - tick % 8, self._silence[1])

    def _mels(self, pcm: Samples) -> Floats:
        """(n, 32): the mel frames in `pcm`, scaled as the embedding model was trained."""
        out = self._mel.run(None, {"input": pcm[None].astype(np.float32)})[0]
        scaled: Floats = out.reshape(-1, BANDS) / np.float32(10) + np.float32(2)
        return scaled

    def _embeddings(self, frames: Floats) -> Floats:
        """(n, 96) from (n, 76, 32)."""
        out: Floats = self._embed.run(None, {"input_1": frames[..., None]})[0].reshape(-1, SIZE)
        return out

    def _silent_context(self) -> tuple[Floats, Floats]:
        """One mel frame of digital silence, and the embedding of 76 of them."""
        frame = self._mels(np.zeros(BEFORE + STEP, np.int16))[-1:]
        return frame, self._embeddings(np.tile(frame, (MELS, 1))[None])[0]


def has_ended(sound: Samples) -> bool:
    """Whether a word may end with these samples (one more than whole periods): the last 10 ms are quiet."""
    steps = np.diff(sound.astype(np.float32)).reshape(-1, STEP)
    power = np.add.reduce(steps * steps, axis=1)
    return bool(power[-1] <= power.max() * 10 ** (-DROP_DB / 10))
