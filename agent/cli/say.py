"""`voice-agent say TEXT`: through voice and speaker, without the daemon; or into a WAV file."""

from __future__ import annotations

import argparse
import sys
import wave
from collections.abc import Iterable
from pathlib import Path

from agent import config_file
from agent.audio.pcm import Samples
from agent.cli.output import Unavailable, UsageError
from agent.cli.run import overrides
from agent.config import Config
from agent.fitting import loudspeaker
from agent.fitting.loudspeaker import SpeakerTrouble
from agent.speaking.say import Clause, Reader
from agent.speaking.voices import voices


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="+", help='"-" reads it from stdin')
    parser.add_argument("--config", type=Path, metavar="FILE")
    parser.add_argument("--speaker", metavar="DEVICE", help="instead of audio.speaker.device")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write a WAV file instead")


def run(args: argparse.Namespace) -> int:
    config = config_file.load(args.config, overrides(args))
    text = sys.stdin.read() if args.text == ["-"] else " ".join(args.text)
    if not any(letter.isalnum() for letter in text):
        raise UsageError("there is nothing to say in that text")
    with Reader(voices(config), config.persona.language) as reader:
        if args.out:
            write(args.out, reader.read(text))
        else:
            play(config, reader.read(text))
    return 0


def play(config: Config, clauses: Iterable[Clause]) -> None:
    """Returns when all of it has been heard. Raises Unavailable."""
    try:
        loudspeaker.play(config.audio.speaker, ((clause.pcm, clause.rate_hz) for clause in clauses))
    except SpeakerTrouble as trouble:
        raise Unavailable(str(trouble)) from trouble


def write(path: Path, clauses: Iterable[Clause]) -> None:
    """One WAV file, at the rate of the first clause. Raises OSError."""
    with path.open("wb") as raw, wave.open(raw, "wb") as file:
        rate_hz = 0
        for clause in clauses:
            if not rate_hz:
                rate_hz = clause.rate_hz
                file.setparams((1, 2, rate_hz, 0, "NONE", ""))
            file.writeframes(_at_rate(clause, rate_hz).tobytes())


def _at_rate(clause: Clause, rate_hz: int) -> Samples:
    """Another voice may have taken over in the middle, with another rate."""
    if clause.rate_hz == rate_hz:
        return clause.pcm
    import soxr

    resampled: Samples = soxr.resample(clause.pcm, clause.rate_hz, rate_hz)
    return resampled
