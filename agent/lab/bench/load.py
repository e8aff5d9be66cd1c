"""Work for the machine while something else is measured: the real engines, busy without a pause.

`python -m agent.lab.bench.load vosk FOLDER | piper ONNX | llm GGUF`. It ends at SIGTERM, or when its parent does.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from agent.audio.pcm import RATE_HZ

TEXT = "This is a long sentence that is spoken again and again while the microphone is being watched."


def vosk(folder: str) -> None:
    import vosk as library

    library.SetLogLevel(-1)
    model = library.Model(model_path=folder)
    noise = np.random.default_rng(0).normal(0, 800, RATE_HZ).astype(np.int16).tobytes()
    while True:
        recogniser = library.KaldiRecognizer(model, RATE_HZ)
        for _ in range(5):
            recogniser.AcceptWaveform(noise)
        recogniser.FinalResult()


def piper(voice: str) -> None:
    from piper import PiperVoice

    loaded = PiperVoice.load(voice)
    while True:
        for _ in loaded.synthesize(TEXT):
            pass


def llm(gguf: str) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.n_ctx, params.port, params.verbosity = 1024, 0, 0
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads, cpu.poll = 1, 0
    server = xllamacpp.Server(params)
    body = json.dumps({"messages": [{"role": "user", "content": TEXT}], "max_tokens": 200}).encode()
    while True:
        url = f"{server.listening_address}/v1/chat/completions"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()


ENGINES: Mapping[str, Callable[[str], None]] = {"vosk": vosk, "piper": piper, "llm": llm}

if __name__ == "__main__":
    ENGINES[sys.argv[1]](str(Path(sys.argv[2])))
