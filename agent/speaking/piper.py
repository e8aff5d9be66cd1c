"""Piper: a neural voice (VITS) in ONNX, driven through a session of our own.

What is different from `PiperVoice.load` and why (x86_64, two cores, a voice of "medium" size, 6 s of speech):
- Threads are the configuration's and do not spin: the defaults take all cores, and burn them while they wait.
- The memory arena stays (without it synthesis takes 20 to 30 % more CPU time), but is shrunk after each run, without
  memory patterns, and malloc's free pages go back to the kernel: 117 MB between clauses instead of 280 MB and more.
- A run is ended from another thread by `RunOptions.terminate`, within a millisecond, so a clause that nobody wants any
  more does not delay the next answer.
- Levels: the library scales every clause to full level, so that "Okay," shouts. Here the gain is the same for all.
- The 30 to 60 ms of silence before the first sound are cut: they would be heard as slowness.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort
from piper.config import PhonemeType, PiperConfig
from piper.voice import PiperVoice

from agent.speaking.tts import SpeechError, Unusable, clean

GAIN, CEILING = 1.3, 0.95  # of full scale
SILENCE = 0.003  # of full scale: −50 dB
KEEP_S = 0.005  # of the silence before the first sound
WARM_UP = "Okay."

_ORT_ERRORS = (ort.Fail, ort.InvalidArgument, ort.InvalidGraph, ort.InvalidProtobuf, ort.NoSuchFile, ort.NotImplemented)
_RUN_ERRORS = (*_ORT_ERRORS, ort.RuntimeException)


class Piper:
    """One Piper voice: `model` is the .onnx file, with its .onnx.json beside it."""

    def __init__(self, model: Path, threads: int, rate: float) -> None:
        self._model = model
        self._threads = threads
        self._rate = rate
        self._voice: PiperVoice | None = None
        self._run: Any = None  # onnxruntime.RunOptions of the running synthesis
        self._malloc = ctypes.CDLL(None)

    def load(self) -> None:
        try:
            config = PiperConfig.from_dict(json.loads(_beside(self._model).read_text(encoding="utf-8")))
            session = onnxruntime.InferenceSession(
                str(self._model), self._options(), providers=["CPUExecutionProvider"]
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, *_RUN_ERRORS) as error:
            raise Unusable(f"Piper cannot read the voice {self._model} ({_short(error)}); {_remedy()}") from error
        self._refuse_downloads(config)
        self._voice = PiperVoice(session=session, config=config, download_dir=self._model.parent)
        try:
            for _ in self.synthesise(WARM_UP):
                pass
        except (ImportError, OSError, SpeechError) as error:
            raise Unusable(f"the voice {self._model} cannot speak ({_short(error)}); {_remedy()}") from error

    def synthesise(self, text: str) -> Iterator[tuple[int, bytes]]:
        voice = self._voice
        assert voice is not None, "load first"
        try:
            sentences = voice.phonemize(clean(text))
        except (ValueError, KeyError, RuntimeError) as error:
            raise SpeechError(f"no phonemes: {_short(error)}") from error
        for phonemes in filter(None, sentences):
            audio = self._infer(voice, voice.phonemes_to_ids(phonemes))
            if audio is None:
                break
            yield voice.config.sample_rate, _pcm(audio, voice.config.sample_rate)
        self._malloc.malloc_trim(0)

    def cancel(self) -> None:
        if (run := self._run) is not None:
            run.terminate = True

    def _infer(self, voice: PiperVoice, ids: list[int]) -> NDArray[np.float32] | None:
        """Phoneme ids -> samples of about ±1; None where it was cancelled."""
        config = voice.config
        inputs: dict[str, NDArray[Any]] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(
                [config.noise_scale, config.length_scale / self._rate, config.noise_w_scale], np.float32
            ),
        }
        if config.num_speakers > 1:
            inputs["sid"] = np.array([config.default_speaker_id], np.int64)
        run = self._run = onnxruntime.RunOptions()
        run.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        try:
            return np.asarray(voice.session.run(None, inputs, run)[0], np.float32).reshape(-1)
        except _RUN_ERRORS as error:
            if run.terminate:
                return None
            raise SpeechError(_short(error)) from error
        finally:
            self._run = None

    def _options(self) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return options

    def _refuse_downloads(self, config: PiperConfig) -> None:
        """Chinese voices with pinyin would fetch their dictionary from the network at the first word."""
        dictionary = self._model.parent / "g2pW"
        if config.phoneme_type is PhonemeType.PINYIN and not dictionary.is_dir():
            raise Unusable(f"the voice {self._model} needs the dictionary {dictionary}; {_remedy()}")


def _pcm(audio: NDArray[np.float32], rate_hz: int) -> bytes:
    """Samples of about ±1 -> int16, without the silence before the first sound."""
    loud = np.flatnonzero(np.abs(audio) > SILENCE)
    if not len(loud):
        return b""
    audio = audio[max(0, int(loud[0]) - int(KEEP_S * rate_hz)) :]
    gain = min(GAIN, CEILING / float(np.abs(audio).max()))
    return (audio * (gain * 32767)).astype("<i2").tobytes()


def _beside(model: Path) -> Path:
    return Path(f"{model}.json")


def _short(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _remedy() -> str:
    return "`voice-agent models verify` names what is damaged, `voice-agent models install NAME` repairs it"
