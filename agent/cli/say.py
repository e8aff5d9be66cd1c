"""`voice-agent say TEXT`: through voice and speaker, without the daemon; or into a WAV file."""

from __future__ import annotations

import argparse
import queue
import sys
import wave
from collections.abc import Iterable
from pathlib import Path

from agent import clock, config_file
from agent.audio.pcm import Samples
from agent.audio.playback import Playback
from agent.cli.output import Unavailable, UsageError
from agent.cli.run import overrides
from agent.config import Config
from agent.events import Turn
from agent.speaking.say import Clause, Reader
from agent.speaking.voices import voices

TURN: Turn = 1
POLL_S, STUCK_S = 0.2, 15.0


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


class _Outcome:
    """Waits for the end of one turn's playing; "" where all was heard, else why not."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[str] = queue.SimpleQueue()

    def audible(self, turn: Turn, at: float) -> None:
        """Of no interest here."""

    def played(self, turn: Turn, position: int, rate_hz: int, at: float) -> None:
        """Of no interest here."""

    def drained(self, turn: Turn) -> None:
        self._queue.put("")

    def failed(self, turn: Turn, reason: str) -> None:
        self._queue.put(reason)

    def fatal(self, reason: str) -> None:
        self._queue.put(reason)

    def wait(self, timeout_s: float) -> bool:
        """Whether the turn is over. Raises Unavailable where it failed."""
        try:
            reason = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return False
        if reason:
            raise Unavailable(reason)
        return True


def play(config: Config, clauses: Iterable[Clause]) -> None:
    """Returns when all of it has been heard. Raises Unavailable."""
    outcome = _Outcome()
    playback = Playback(config.audio.speaker, outcome, lambda event: None, clock.now, outcome.fatal)
    playback.start()
    seconds = 0.0
    try:
        for clause in clauses:
            while not playback.play(TURN, clause.pcm, clause.rate_hz):
                outcome.wait(POLL_S)
            seconds += len(clause.pcm) / clause.rate_hz
        playback.end(TURN)
        if not outcome.wait(seconds + STUCK_S):
            raise Unavailable(f"the speaker {config.audio.speaker.device} does not play")
    finally:
        playback.stop()


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
