"""One engine's child process, seen from the main process: jobs in, reports out.

Reports come on the child's I/O thread and go straight into the mouth's inbox. A report names its voice by number and,
where there is one, its job: whoever reads it drops what belongs to a job that is no longer the current one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from agent.child import Child, ChildState
from agent.events import Turn
from agent.records import Kind, Record, split_message
from agent.speaking.voices import VoiceSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VoiceReady:
    """The engine is loaded; or, where `error` is not "", cannot be used at all."""

    voice: int
    error: str


@dataclass(frozen=True, slots=True)
class VoiceAway:
    """The server that a voice lives on cannot be asked, and why; "": it can be asked (again)."""

    voice: int
    reason: str


@dataclass(frozen=True, slots=True)
class VoiceLost:
    """The process died or hung, with all it had to do. Another one is on its way, unless it was the last (`final`)."""

    voice: int
    reason: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class JobDone:
    """All the sound of a job: int16 little-endian mono; b"" if there is none in this text."""

    voice: int
    job: int
    rate_hz: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class JobFailed:
    voice: int
    job: int
    reason: str


Report = VoiceReady | VoiceAway | VoiceLost | JobDone | JobFailed


class Voice:
    """A supervised engine. All methods but the callbacks are for one thread."""

    def __init__(self, number: int, spec: VoiceSpec, report: Callable[[Report], None]) -> None:
        self._number = number
        self._spec = spec
        self._report = report
        self._child: Child | None = None
        self._rate_hz = 0  # these two are the I/O thread's
        self._pcm = bytearray()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the process, or another one after three deaths; "ready" is reported."""
        self.stop()
        self._child = Child(self._spec.child, self._on_record, self._on_state, self._on_fatal)
        self._child.start()

    def stop(self) -> None:
        if self._child:
            self._child.stop()
            self._child = None

    def say(self, job: int, turn: Turn, text: str) -> bool:
        """False where it cannot be sent."""
        return self._send({"type": "say", "job": job, "text": text}, turn)

    def hush(self, turn: Turn) -> None:
        """What is being synthesised for this turn or an older one is not wanted any more."""
        self._send({"type": "hush"}, turn)

    def replace(self, reason: str) -> None:
        if self._child:
            self._child.replace(reason)

    def _send(self, message: dict[str, object], turn: Turn) -> bool:
        return self._child is not None and self._child.send(*split_message(message, turn))

    # The rest runs on the child's I/O thread.

    def _on_record(self, record: Record) -> None:
        match record.kind:
            case Kind.AUDIO:
                self._pcm += record.payload
            case Kind.MESSAGE:
                self._on_message(record.message())
            case Kind.END | Kind.HEARTBEAT:
                pass

    def _on_message(self, message: dict[str, object]) -> None:
        match message:
            case {"type": "ready", "error": str(error)}:
                self._report(VoiceReady(self._number, error))
            case {"type": "standing", "reason": str(reason)}:
                self._report(VoiceAway(self._number, reason))
            case {"type": "sound", "rate_hz": int(rate_hz)}:
                self._rate_hz = rate_hz
            case {"type": "done", "job": int(job)}:
                self._report(JobDone(self._number, job, self._rate_hz, bytes(self._pcm)))
                self._pcm.clear()
            case {"type": "failed", "job": int(job), "reason": str(reason)}:
                self._pcm.clear()
                self._report(JobFailed(self._number, job, reason))
            case _:
                log.warning("a voice wrote an unknown message: %.100r", message)

    def _on_state(self, state: ChildState, reason: str) -> None:
        match state:
            case "starting":
                self._pcm.clear()
            case "died" | "hung":
                self._report(VoiceLost(self._number, reason))
            case "ready" | "stopped":
                pass

    def _on_fatal(self, reason: str) -> None:
        self._report(VoiceLost(self._number, reason, final=True))
