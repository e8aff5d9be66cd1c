"""espeak-ng: a formant voice for a hundred languages; the second engine and the voice of last resort.

One short-lived process for each clause. The text goes in by stdin, never by argument: a reply that begins with "-w" is
no option. See espeak-ng(1).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

from agent.speaking.tts import SpeechError, Unusable, clean

WORDS_PER_MINUTE = 165  # espeak-ng's default of 175 is hard to follow
LONGEST_S = 10.0  # a clause takes some 20 ms; after this long the process is stuck
RATE_AT, DATA_TAG = 24, b"data"  # of the WAV header; its lengths are unknown when it is written to a pipe

_NAME = re.compile(r"[A-Za-z][\w+/-]*", re.ASCII)


class Espeak:
    """One espeak-ng voice by its name, such as "en-us" or "de"."""

    def __init__(self, voice: str, rate: float, program: str = "espeak-ng") -> None:
        self._voice = voice
        self._speed = round(WORDS_PER_MINUTE * rate)
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def load(self) -> None:
        if not _NAME.fullmatch(self._voice):
            raise Unusable(f'"{self._voice}" is no espeak-ng voice; `espeak-ng --voices` lists them')
        try:
            for _ in self.synthesise("a"):
                pass
        except FileNotFoundError as error:
            raise Unusable(f"{self._program} is missing; `apt-get install espeak-ng` installs it") from error
        except SpeechError as error:
            raise Unusable(
                f'espeak-ng cannot use the voice "{self._voice}" ({error}); see `espeak-ng --voices`'
            ) from error

    def synthesise(self, text: str) -> Iterator[tuple[int, bytes]]:
        command = [self._program, "-v", self._voice, "-s", str(self._speed), "-b", "1", "-z", "--stdin", "--stdout"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            self._process = process
            try:
                wav, complaint = process.communicate(clean(text).encode(), LONGEST_S)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise SpeechError(f"no sound within {LONGEST_S:g} s") from error
            finally:
                self._process = None
        at = wav.find(DATA_TAG)
        if at >= 0:
            pcm = wav[at + 8 :]
            silence = (len(pcm) - len(pcm.lstrip(b"\0"))) // 2 * 2  # some 40 ms, heard as slowness
            yield int.from_bytes(wav[RATE_AT : RATE_AT + 4], "little"), pcm[silence : len(pcm) // 2 * 2]
        elif process.returncode > 0:  # killed is cancelled
            raise SpeechError(complaint.decode(errors="replace").strip()[:200] or f"exit code {process.returncode}")

    def cancel(self) -> None:
        if (process := self._process) is not None:
            process.kill()
