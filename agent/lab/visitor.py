"""Visitors: the people who talk to the agent. Synthetic voices, none of them the agent's own (that is Piper's).

An utterance begins and ends with `PAD_S` of silence, its loudest stretch is at −20 dBFS, and it knows the last loud
sample of each of its parts, which is where delays are counted from.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

import numpy as np
import soxr

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.processes import require

PAD_S = 0.02
LEVEL = 3277.0  # RMS of the loudest 100 ms: −20 dBFS
LOUD = 0.03  # of the peak: what is under it is the room, not the voice
SECONDS = 60.0  # more than any synthesiser needs for a sentence
HEADER = 44  # bytes of a WAV file without a sample
RECIPE = "1"  # changes where the same words give other samples, so that old ones in the cache are not used


@dataclass(frozen=True, slots=True)
class Voice:
    """`id` is the synthesiser's own name of the voice."""

    engine: Literal["flite", "festival", "espeak-ng"]
    id: str
    language: str = "en"

    @property
    def name(self) -> str:
        return f"{self.engine} {self.id}"


VOICES: tuple[Voice, ...] = (
    *(Voice("flite", id) for id in ("slt", "rms", "awb", "kal16")),
    *(Voice("festival", id) for id in ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")),
    *(Voice("espeak-ng", id) for id in ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland")),
    *(Voice("espeak-ng", id) for id in ("en-us+f2", "en-us+m3", "en-us+klatt", "en+f4")),
)
KOREAN = Voice("espeak-ng", "ko", "ko")
PACKAGES = {
    "flite": {"flite": "flite"},
    "espeak-ng": {"espeak-ng": "espeak-ng"},
    "festival": {"text2wave": "festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts"},
}


class VoiceFailed(RuntimeError):
    """A synthesiser gave no sound; the text holds what it said."""


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Something said: mono, 16 kHz, int16. `ends`: index of the last loud sample of each part."""

    text: str
    samples: Samples
    ends: tuple[int, ...]

    @property
    def last_loud(self) -> int:
        return self.ends[-1]

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE_HZ

    def then(self, other: Utterance, gap_s: float) -> Utterance:
        """This, a pause (from the last loud sample to where the other begins), and the other."""
        head = self.samples[: self.last_loud + 1]
        pause = np.zeros(round(gap_s * RATE_HZ), np.int16)
        samples = np.concatenate([head, pause, other.samples])
        offset = len(head) + len(pause)
        return Utterance(f"{self.text} {other.text}", samples, (*self.ends, *(offset + end for end in other.ends)))


def voice(name: str) -> Voice:
    """The voice of this name ("flite slt", or "slt" where that is clear). Raises KeyError."""
    for known in (*VOICES, KOREAN):
        if name in (known.name, known.id):
            return known
    raise KeyError(f"no voice {name!r}; there are {', '.join(v.name for v in (*VOICES, KOREAN))}")


def say(text: str, voice: Voice = VOICES[0]) -> Utterance:
    """The text, spoken. Raises PackagesMissing, VoiceFailed. What was once said is kept on disk."""
    key = hashlib.sha256(f"{RECIPE}\0{voice.name}\0{text}".encode()).hexdigest()[:24]
    kept = cache_folder() / f"{key}.npy"
    if kept.exists():
        samples: Samples = np.load(kept)
    else:
        samples = level(trim(synthesise(text, voice)))
        keep(kept, samples)
    return Utterance(text, samples, (len(samples) - 1 - round(PAD_S * RATE_HZ),))


def synthesise(text: str, voice: Voice) -> Samples:
    """As the synthesiser gives it, at 16 kHz. Raises PackagesMissing, VoiceFailed."""
    require(PACKAGES[voice.engine])
    with tempfile.TemporaryDirectory(prefix="visitor-") as folder:
        path = Path(folder) / "said.wav"
        match voice.engine:
            case "flite":
                command = ["flite", "-voice", voice.id, "-f", "/dev/stdin", "-o", str(path)]
            case "festival":
                command = ["text2wave", "-eval", f"(voice_{voice.id})", "-o", str(path)]
            case "espeak-ng":
                command = ["espeak-ng", "-v", voice.id, "-b", "1", "--stdin", "-w", str(path)]
            case never:
                assert_never(never)
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=SECONDS, check=False)
        samples = read_wav(path) if path.exists() and path.stat().st_size > HEADER else np.zeros(0, np.int16)
    if not samples.any():
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise VoiceFailed(f"{voice.name} says nothing: {said[-1] if said else f'exit status {done.returncode}'}")
    return samples


def read_wav(path: Path) -> Samples:
    """A mono, 16-bit WAV file as samples at 16 kHz."""
    with wave.open(str(path)) as file:
        rate_hz = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return resampled(samples, rate_hz)


def resampled(samples: Samples, rate_hz: int) -> Samples:
    """At 16 kHz."""
    return samples if rate_hz == RATE_HZ else soxr.resample(samples, rate_hz, RATE_HZ)


def trim(samples: Samples) -> Samples:
    """Without the silence around it, but for `PAD_S` of perfect silence on either side."""
    magnitude = np.abs(samples.astype(np.int32))
    loud = np.flatnonzero(magnitude >= max(LOUD * magnitude.max(), 1))
    pad = np.zeros(round(PAD_S * RATE_HZ), np.int16)
    return np.concatenate([pad, samples[loud[0] : loud[-1] + 1], pad])


def level(samples: Samples) -> Samples:
    """At the level all visitors speak at; what would clip is limited."""
    window = min(len(samples), RATE_HZ // 10)
    power = np.cumsum(np.concatenate([[0.0], samples.astype(np.float64) ** 2]))
    loudest = float(np.sqrt((power[window:] - power[:-window]).max() / window))
    return (samples * (LEVEL / loudest)).clip(-32768, 32767).astype(np.int16)


def cache_folder() -> Path:
    """Where utterances are kept: `$XDG_CACHE_HOME/voice-agent/visitors`, else under ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voice-agent" / "visitors"


def keep(path: Path, samples: Samples) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    with draft.open("wb") as file:
        np.save(file, samples)
    draft.replace(path)
