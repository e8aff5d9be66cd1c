"""Processes that help a bench: the agent's ears, and engines that keep the machine busy."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from agent import models
from agent.lab.processes import end, spawn
from agent.lab.resident import ResidentFailed

READY_S = 60.0


class Ears:
    """`agent.lab.bench.ears` in a room. `with Ears(env, "wake") as ears: ears.wait(…)`."""

    def __init__(self, env: Mapping[str, str], *arguments: str) -> None:
        self._command = [sys.executable, "-m", "agent.lab.bench.ears", *arguments]
        self._env = dict(env)
        self._said: list[dict[str, Any]] = []
        self._ended = False
        self._more = threading.Condition()  # guards the two above
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Ears:
        """Returns when they hear. Raises ResidentFailed."""
        self._process = spawn(self._command, self._env, stdout=subprocess.PIPE, stderr=None)
        self._thread = threading.Thread(target=self._read, args=(self._process,), name="ears")
        self._thread.start()
        try:
            self.wait(lambda said: "ready" in said, READY_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None or self._thread is None:
            return
        self._process.terminate()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._thread.join()
        end(self._process)

    @property
    def said(self) -> list[dict[str, Any]]:
        with self._more:
            return list(self._said)

    def wait(self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float, after: int = 0) -> dict[str, Any]:
        """The first such line after so many. Raises ResidentFailed where it does not come."""

        def found() -> dict[str, Any] | None:
            return next((said for said in self._said[after:] if wanted(said)), None)

        with self._more:
            self._more.wait_for(lambda: found() or self._ended, timeout_s)
            said = found()
        if said is None:
            raise ResidentFailed("the ears' process said nothing; see above")
        return said

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        rest = b""
        while data := process.stdout.read(65_536):
            *lines, rest = (rest + data).split(b"\n")
            with self._more:
                self._said += [json.loads(line) for line in lines]
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()


@contextmanager
def busy(env: Mapping[str, str]) -> Iterator[list[str]]:
    """Vosk, Piper and the language model work without a pause, as far as they are installed; which ones."""
    engines: list[tuple[str, models.Kind, str]] = [
        ("vosk", "asr-vosk", "en"),
        ("vosk", "asr-vosk", "ko"),
        ("piper", "tts-piper", "en"),
        ("llm", "llm-gguf", "en"),
    ]
    with ExitStack() as stack:
        working: list[str] = []
        for engine, kind, language in engines:
            path = _model(kind, language)
            if path is None or engine in working:
                continue
            process = spawn([sys.executable, "-m", "agent.lab.bench.load", engine, path], env)
            stack.callback(end, process)
            working.append(engine)
        yield working


def _model(kind: models.Kind, language: str) -> str | None:
    try:
        return str(models.require(kind, language))
    except models.ModelMissing:
        return None
