"""The recogniser as the ear sees it: the main process's end of the recognising child.

Rules:
- The ear's thread gives audio, the child's I/O thread brings texts; `_lock` guards what both touch, and events are
  emitted outside it.
- What was sent in the running utterance is kept, so that a child that dies or is replaced in the middle gets all of it
  again, once; a second loss is reported. `KEPT_S` bounds it.
- A final that does not come within `FINAL_S` of the endpoint is given up, and the child replaced: it hangs or cannot
  keep up. While the models still load, `loading_s` are added.
- After `RECYCLE` utterances the child is replaced while nobody needs it, since the libraries leak.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.audio.pcm import RATE_HZ, Samples
from agent.child import Child, ChildSpec, ChildState
from agent.clock import Clock
from agent.config import Config
from agent.engines import AsrChoice
from agent.events import AsrFailed, Event, Final, Health, Partial, Status, Turn
from agent.hearing.words import wake_name
from agent.records import Kind, Record, split_audio, split_message
from agent.wyoming.offer import primary

FINAL_S = 3.0
LOADING_S = 5.0
KEPT_S = 20
RECYCLE = 500
READY_S = 60.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Utterance:
    """What was sent for the running turn. `finish_by`: monotonic seconds, once the end was sent."""

    turn: Turn
    records: list[Record] = field(default_factory=list)
    samples: int = 0
    finish_by: float | None = None
    resent: bool = False


def child_spec(choice: AsrChoice, config: Config) -> ChildSpec:
    """How the child for this engine and model is run."""
    words = [wake_name(word.model) for word in config.wake.words]
    arguments = ["--engine", choice.engine, "--model", str(choice.model)]
    arguments += ["--grammar", json.dumps(config.asr.grammar), "--wake-words", json.dumps(words)]
    if config.asr.wyoming and not config.asr.grammar:
        arguments += ["--wyoming", config.asr.wyoming, "--wait-ms", str(config.asr.wyoming_wait_ms)]
        arguments += ["--language", primary(config.persona.language)]
    return ChildSpec("asr", "agent.hearing.asr_child", tuple(arguments), ready_s=READY_S)


class Recogniser:
    """An `Asr` whose engine runs in a child process."""

    def __init__(
        self,
        spec: ChildSpec,
        emit: Callable[[Event], None],
        clock: Clock,
        on_fatal: Callable[[str], None],
        lazy: bool = False,
        loading_s: float = LOADING_S,
    ) -> None:
        self._child = Child(spec, self._on_record, self._on_state, on_fatal)
        self._emit = emit
        self._clock = clock
        self._lazy = lazy
        self._loading_s = loading_s
        self._lock = threading.Lock()
        self._now: Utterance | None = None
        self._running = False
        self._born = False  # a first process was started
        self._ready = False
        self._served = 0

    @property
    def pid(self) -> int | None:
        return self._child.pid

    @property
    def busy(self) -> bool:
        """An utterance is going on, or its final is due."""
        return self._now is not None

    def start(self) -> None:
        """Start the child, or leave that to the first utterance (`lazy`)."""
        if not self._lazy:
            self._run()

    def stop(self) -> None:
        with self._lock:
            self._now = None
        if self._running:
            self._child.stop()

    def _run(self) -> None:
        self._running = True
        self._child.start()

    # Called by the ear.

    def begin(self, turn: Turn, word: str | None = None, lead_ms: int = 0, persona: str = "") -> None:
        """It hears all personas alike; who has several of them is `agent.hearing.recognisers`."""
        if not self._running:
            self._run()
        self.cancel(self._now.turn if self._now else turn)
        with self._lock:
            self._now = Utterance(turn)
            self._served += 1
        self._tell(turn, {"type": "start", "word": word, "lead_ms": lead_ms})

    def feed(self, turn: Turn, pcm: Samples) -> None:
        if self._now and self._now.samples < KEPT_S * RATE_HZ:
            self._send(turn, split_audio(pcm.tobytes(), 2, turn), len(pcm))

    def pause(self, turn: Turn) -> None:
        self._tell(turn, {"type": "pause"})

    def resume(self, turn: Turn) -> None:
        self._tell(turn, {"type": "resume"})

    def finish(self, turn: Turn) -> None:
        with self._lock:
            if self._now and self._now.turn == turn:
                wait = FINAL_S if self._ready else FINAL_S + self._loading_s
                self._now.finish_by = self._clock().mono + wait
        self._send(turn, [Record(Kind.END, turn=turn)])

    def cancel(self, turn: Turn) -> None:
        self._tell(turn, {"type": "cancel"})
        with self._lock:
            if self._now and self._now.turn == turn:
                self._now = None

    def tick(self, mono: float) -> None:
        with self._lock:
            now = self._now
            late = now is not None and now.finish_by is not None and mono > now.finish_by
            tired = now is None and self._served >= RECYCLE
            if late:
                self._now = None
            if tired:
                self._served = 0
        if late and now:
            self._child.replace("no final in time")
            self._emit(AsrFailed(self._clock(), now.turn, "the speech recogniser did not answer in time"))
        if tired:
            self._child.replace(f"recycled after {RECYCLE} utterances")

    def _tell(self, turn: Turn, message: dict[str, object]) -> None:
        self._send(turn, split_message(message, turn))

    def _send(self, turn: Turn, records: list[Record], samples: int = 0) -> None:
        with self._lock:
            if self._now is None or self._now.turn != turn:
                return
            self._now.records += records
            self._now.samples += samples
            sent = self._child.send(*records)
        if not sent:
            log.warning("asr: the child takes nothing in any more")

    # Called by the child's thread.

    def _on_record(self, record: Record) -> None:
        if record.kind is not Kind.MESSAGE:
            return
        message = record.message()
        match message.get("type"):
            case "partial" if self._is_now(record.turn):
                self._emit(Partial(self._clock(), record.turn, message["text"], message["heard_ms"]))
            case "final" if self._is_now(record.turn):
                with self._lock:
                    self._now = None
                self._emit(Final(self._clock(), record.turn, message["text"]))
            case "standing":
                self._health("degraded" if message["reason"] else "ok", message["reason"])
            case _:
                pass  # "ready", or of a turn that nobody waits for

    def _is_now(self, turn: Turn) -> bool:
        now = self._now
        return now is not None and now.turn == turn

    def _on_state(self, state: ChildState, reason: str) -> None:
        self._ready = state == "ready"
        match state:
            case "starting":
                self._health("loading")
                if self._born:
                    self._send_again()
                self._born = True
            case "ready":
                self._health("ok")
            case "died" | "hung":
                self._health("failed", f"the speech recogniser {state}: {reason}")
            case "stopped":
                return

    def _health(self, status: Status, reason: str = "") -> None:
        self._emit(Health(self._clock(), "asr", status, reason))

    def _send_again(self) -> None:
        """A new child: give it the running utterance from its beginning, unless that has failed once already."""
        with self._lock:
            now = self._now
            if now is None or not now.records:
                return
            lost, now.resent = now.resent, True
            if lost:
                self._now = None
            else:
                self._child.send(*now.records)
        if lost:
            self._emit(AsrFailed(self._clock(), now.turn, "the speech recogniser failed twice"))
