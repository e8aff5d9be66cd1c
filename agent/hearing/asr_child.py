"""The recogniser's process: `python -m agent.hearing.asr_child --engine vosk --model FOLDER`. Records as in
`agent.hearing.asr`. With `--wyoming tcp://host:port` a server is asked, too (`agent.hearing.wyoming`)."""

from __future__ import annotations

import argparse
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent.audio.pcm import RATE_HZ
from agent.hearing.asr import Engine
from agent.parent import Parent
from agent.records import Kind, Record

if TYPE_CHECKING:
    from agent.hearing.wyoming import RemoteEngine


def main() -> None:
    parent = Parent()
    arguments = _arguments()
    engine = _load(arguments)
    parent.message("ready")
    hang_up: Callable[[], None] = _nothing
    if arguments.wyoming:
        engine = asked = _with_server(arguments, engine, parent)
        hang_up = asked.hang_up
    turns = Turns(engine, parent, hang_up)
    for record in parent.records():
        turns.take(record)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=("vosk", "moonshine"), required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--grammar", type=json.loads, default=[])
    parser.add_argument("--wake-words", type=json.loads, default=[])
    parser.add_argument("--wyoming", default="")
    parser.add_argument("--language", default="en")
    parser.add_argument("--wait-ms", type=int, default=2000)
    return parser.parse_args()


def _load(arguments: argparse.Namespace) -> Engine:
    """Only the engine in use is imported: each brings a library of its own."""
    if arguments.engine == "vosk":
        from agent.hearing import vosk

        return vosk.load(arguments.model, arguments.grammar, arguments.wake_words)
    from agent.hearing import moonshine

    return moonshine.load(arguments.model)


def _nothing() -> None:
    """There is nobody to tell."""


def _with_server(arguments: argparse.Namespace, local: Engine, parent: Parent) -> RemoteEngine:
    from agent.hearing.wyoming import remote

    threading.excepthook = _die

    def told(reason: str) -> None:
        parent.message("standing", reason=reason)

    return remote(arguments.wyoming, arguments.language, arguments.wait_ms / 1000, local, told, parent.fileno())


def _die(args: threading.ExceptHookArgs) -> None:
    """Without the thread that looks after the server nobody would notice that it is back: the parent starts another."""
    threading.__excepthook__(args)
    os._exit(70)


class Turns:
    """Leads the engine through one utterance after the other. Records of another turn than the running are stale.
    `cancelled` is called where nobody wants to know any more."""

    def __init__(self, engine: Engine, parent: Parent, cancelled: Callable[[], None] = _nothing) -> None:
        self._engine = engine
        self._parent = parent
        self._cancelled = cancelled
        self._turn: int | None = None

    def take(self, record: Record) -> None:
        message = record.message() if record.kind is Kind.MESSAGE else {}
        if message.get("type") == "start":
            self._turn = record.turn
            self._engine.begin(message["word"], message["lead_ms"])
        elif record.turn == self._turn:
            self._go_on(record, message.get("type", ""))

    def _go_on(self, record: Record, what: str) -> None:
        match record.kind, what:
            case (Kind.AUDIO, _):
                self._partial(self._engine.feed(np.frombuffer(record.payload, np.int16)))
            case (Kind.MESSAGE, "pause"):
                self._partial(self._engine.pause())
            case (Kind.MESSAGE, "resume"):
                self._engine.resume()
            case (Kind.MESSAGE, "cancel"):
                self._turn = None
                self._cancelled()
            case (Kind.END, _):
                self._parent.message("final", record.turn, text=self._engine.finish())
                self._turn = None
            case _:
                pass  # a kind or a message that this version does not know

    def _partial(self, text: str | None) -> None:
        if text is not None and self._turn is not None:
            heard_ms = self._engine.heard * 1000 // RATE_HZ
            self._parent.message("partial", self._turn, text=text, heard_ms=heard_ms)


if __name__ == "__main__":
    main()
