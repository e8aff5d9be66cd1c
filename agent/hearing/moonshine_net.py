"""Moonshine's networks, driven directly: sound -> what the model writes, and how sure it is of that.

Theory (https://github.com/moonshine-ai/moonshine, MIT): an encoder turns the whole sound into features, a decoder
writes one token after the other, each from the features and the tokens before it; the likeliest is taken. Nobody says
more than `TOKENS_A_SECOND`: then the model repeats itself.

Why not by the package's own library: it does not tell how likely its words are, its memory grows with each sound, and
its threads wait for each other by spinning. The same models write much the same here. (By hand, on 60 sounds of 2 s: it
kept 1.6 MB of each; 53 texts were alike, and the others hard to understand.)

`tokenizer.bin`: for each token the length of its text (one byte; or two, 128 + the lower seven bits, and the higher
ones), and the text in UTF-8, with "▁" for a space.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from agent.audio.pcm import RATE_HZ

TOKENS_A_SECOND = 6.5
BEGIN, END = 1, 2  # tokens
THREADS = 2

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Written:
    """`sureness`: mean log probability of the tokens, 0 at most."""

    text: str
    sureness: float


class MoonshineNet:
    """A model that is not a streaming one. `folder` holds encoder, decoder and tokenizer."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError for a missing file, and what ONNX Runtime raises for a bad one."""
        self._tokens = read_tokens((folder / "tokenizer.bin").read_bytes())
        self._encoder = _session(folder / "encoder_model.ort")
        self._decoder = _session(folder / "decoder_model_merged.ort")
        inputs = {each.name: each.shape for each in self._decoder.get_inputs()}
        self._past = [name for name in inputs if name.startswith("past_key_values")]
        self._nothing = {name: np.zeros((1, inputs[name][1], 0, inputs[name][3]), np.float32) for name in self._past}
        self._outputs = [each.name for each in self._decoder.get_outputs()]

    def __call__(self, sound: Floats) -> Written:
        """`sound`: mono, 16 kHz, ±1."""
        whole = sound[None]
        features = self._encoder.run(None, {"input_values": whole, "attention_mask": np.ones(whole.shape, np.int64)})[0]
        heard = {
            "encoder_hidden_states": features,
            "encoder_attention_mask": np.ones(features.shape[:2], np.int64),
        }
        past: dict[str, Floats] = dict(self._nothing)
        tokens, sure = [BEGIN], []
        for step in range(max(1, int(len(sound) / RATE_HZ * TOKENS_A_SECOND))):
            said = {"input_ids": np.array([[tokens[-1]]]), "use_cache_branch": np.array([step > 0])}
            outputs = dict(zip(self._outputs, self._decoder.run(None, {**heard, **past, **said}), strict=True))
            logits = outputs["logits"][0, -1]
            tokens.append(int(logits.argmax()))
            sure.append(float(logits.max() - _log_sum(logits)))
            if tokens[-1] == END:
                break
            for name in self._past:
                if step == 0 or ".decoder." in name:  # the sound's own stays as it was
                    past[name] = outputs[name.replace("past_key_values", "present")]
        text = b"".join(self._tokens[token] for token in tokens[1:] if token != END)
        return Written(text.decode(errors="replace").replace("▁", " ").strip(), float(np.mean(sure)))


def read_tokens(data: bytes) -> list[bytes]:
    """The text of each token. Raises ValueError where the file is cut off."""
    tokens, at = [], 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length += 128 * data[at] - 128 if at < len(data) else len(data)
            at += 1
        if at + length > len(data):
            raise ValueError("tokenizer.bin is cut off")
        tokens.append(data[at : at + length])
        at += length
    return tokens


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _log_sum(logits: Floats) -> float:
    """log Σ exp, without overflow."""
    most = float(logits.max())
    return most + float(np.log(np.exp(logits - most).sum()))
