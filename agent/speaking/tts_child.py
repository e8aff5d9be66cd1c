"""The process in which an engine speaks: `python -m agent.speaking.tts_child piper|espeak|wyoming VOICE`.

In:  MESSAGE "say" {job, text}; MESSAGE "hush" (everything of its turn and older ones is not wanted any more).
Out: MESSAGE "ready" {error}: "" or why this voice cannot be used at all; then it waits for its end.
     For each job MESSAGE "sound" {job, rate_hz} and AUDIO, any number of times, and
     MESSAGE "done" {job} or "failed" {job, reason}.
     MESSAGE "standing" {reason}: why the server is away that VOICE, an address, is of; "" when it is back.

The main thread reads; a second one loads and synthesises, so that "hush" is obeyed within a sentence.
"""

from __future__ import annotations

import argparse
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.parent import Parent
from agent.records import Kind, split_audio
from agent.speaking.tts import Engine, SpeechError, Unusable


@dataclass(frozen=True, slots=True)
class Job:
    number: int
    turn: int
    text: str


class Worker:
    """Loads the engine and speaks one job after the other, in its own thread."""

    def __init__(self, engine: Engine, parent: Parent) -> None:
        self._engine = engine
        self._parent = parent
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()  # the parent sends one at a time
        self._hushed = -1  # turns up to this one are not wanted
        self._turn = 0

    def say(self, job: Job) -> None:
        self._jobs.put(job)

    def hush(self, turn: int) -> None:
        self._hushed = max(self._hushed, turn)
        if self._turn <= self._hushed:
            self._engine.cancel()

    def run(self) -> None:
        try:
            self._engine.load()
        except Unusable as error:
            self._parent.message("ready", error=str(error))
            return
        self._parent.message("ready", error="")
        while True:
            self._speak(self._jobs.get())

    def _speak(self, job: Job) -> None:
        self._turn = job.turn
        if job.turn <= self._hushed:
            self._parent.message("done", job.turn, job=job.number)
            return
        try:
            for rate_hz, pcm in self._engine.synthesise(job.text):
                if job.turn <= self._hushed:
                    break
                self._parent.message("sound", job.turn, job=job.number, rate_hz=rate_hz)
                self._parent.send(*split_audio(pcm, 2, job.turn))
        except SpeechError as error:
            self._parent.message("failed", job.turn, job=job.number, reason=str(error))
        else:
            self._parent.message("done", job.turn, job=job.number)


def engine(told: Callable[[str], None], arguments: Sequence[str] | None = None) -> Engine:
    """The engine that the command line asks for; Piper is imported only where it is wanted. `told`: hears why a server
    is away, or ""."""
    parser = argparse.ArgumentParser(prog="tts_child")
    parser.add_argument("engine", choices=["piper", "espeak", "wyoming"])
    parser.add_argument("voice")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--name", default="", help="of the server's voice")
    parser.add_argument("--language", default="en", help="of the server's voice")
    wanted = parser.parse_args(arguments)
    if wanted.engine == "espeak":
        from agent.speaking.espeak import Espeak

        return Espeak(wanted.voice, wanted.rate)
    if wanted.engine == "wyoming":
        from agent.speaking.wyoming import Remote

        return Remote(wanted.voice, wanted.name, wanted.language, told)
    from agent.speaking.piper import Piper

    return Piper(Path(wanted.voice), wanted.threads, wanted.rate)


def serve(engine: Engine, parent: Parent) -> None:
    """Until the parent is gone."""
    threading.excepthook = _die
    worker = Worker(engine, parent)
    threading.Thread(target=worker.run, name="synthesis", daemon=True).start()
    for record in parent.records():
        if record.kind is not Kind.MESSAGE:
            continue
        message = record.message()
        match message.get("type"):
            case "say":
                worker.say(Job(message["job"], record.turn, message["text"]))
            case "hush":
                worker.hush(record.turn)
            case other:
                raise ValueError(f"unknown message {other!r}")
    os._exit(0)  # the other thread may be deep in native code, which has nothing to save


def _die(args: threading.ExceptHookArgs) -> None:
    """A process that only listens is no voice: the parent starts another."""
    threading.__excepthook__(args)
    os._exit(70)


if __name__ == "__main__":
    parent = Parent()
    serve(engine(lambda reason: parent.message("standing", reason=reason)), parent)
