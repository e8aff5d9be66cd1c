"""What one guest records in containers -> samples: the main process's end of the decoding child.

Rules:
- Frames are taken by their number. 0 begins a recording, and so it has to after anything that went wrong: a frame that
  is missing, bytes that make no sense, a child that died. Until then nothing is decoded, and the guest is told once.
- The child is this guest's alone: its deaths end this guest's recording and nobody else's, never the agent.
- What waits for the child is bounded; a guest that sends more than it decodes has to begin anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent.audio.pcm import Samples
from agent.child import Child, ChildSpec, ChildState
from agent.records import Kind, Record, split_audio
from agent.web.protocol import Frame

MS_NS = 1_000_000
SPEC = ChildSpec(
    "web-container", "agent.web.container_child", env={"OPENBLAS_NUM_THREADS": "1"}, queue_bytes=256 * 1024,
    oom_score_adj=900,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Mono, 16 kHz. `position`: of the first sample since its `recording` (1, 2, …) began. `handed_ms`: the time of the
    frame that completed it, on the guest's clock; its last sample was in the air before.
    """

    pcm: Samples
    position: int
    recording: int
    handed_ms: float


class Recording:
    """`take` from one thread; the callbacks come from the child's I/O thread and must not block.

    `on_broken`: why the guest has to begin a new recording. `on_over`: why no further one will be decoded.
    """

    def __init__(
        self,
        on_sound: Callable[[Decoded], None],
        on_broken: Callable[[str], None],
        on_over: Callable[[str], None],
        spec: ChildSpec = SPEC,
    ) -> None:
        self._on_sound = on_sound
        self._on_broken = on_broken
        self._child = Child(spec, self._on_record, self._on_state, on_over)
        self._lock = threading.Lock()  # guards the two below
        self._turn = 0  # of the running recording
        self._next: int | None = 0  # number of the frame that must come; None: only 0 will do

    @property
    def pid(self) -> int | None:
        """Of the child."""
        return self._child.pid

    def start(self) -> None:
        self._child.start()

    def stop(self) -> None:
        """Ends the child; joins its thread. Idempotent."""
        self._child.stop(grace_s=0.1)

    def take(self, frame: Frame) -> None:
        """A frame of kind CONTAINER."""
        with self._lock:
            if frame.number == 0:
                self._turn += 1
                self._next = 0
            expected, turn = self._next, self._turn
            if expected is not None:
                self._next = frame.number + 1
        if expected is None:
            return
        if frame.number != expected:
            self._break(turn, f"frame {frame.number} of the recording came instead of {expected}")
            return
        handed_ns = round(min(max(frame.time, 0.0), 1e12) * MS_NS)
        pieces = split_audio(frame.payload, 1, turn)
        if not self._child.send(*(Record(Kind.AUDIO, each.payload, turn, mono_ns=handed_ns) for each in pieces)):
            self._break(turn, "more is recorded than can be decoded")

    def end(self) -> None:
        """The recording is complete: what its decoder still owes comes out."""
        with self._lock:
            turn, self._next = self._turn, None
        self._child.send(Record(Kind.END, turn=turn))

    def _break(self, turn: int, reason: str) -> None:
        """Once for each recording."""
        with self._lock:
            if self._next is None or turn != self._turn:
                return
            self._next = None
        self._on_broken(reason)

    # On the child's I/O thread.

    def _on_record(self, record: Record) -> None:
        if record.kind is Kind.AUDIO and record.turn == self._turn:
            pcm = np.frombuffer(record.payload, np.int16)
            self._on_sound(Decoded(pcm, record.position, record.turn, record.mono_ns / MS_NS))
        elif record.kind is Kind.MESSAGE and (message := record.message())["type"] == "bad":
            self._break(record.turn, message["reason"])

    def _on_state(self, state: ChildState, reason: str) -> None:
        if state in ("died", "hung"):
            self._break(self._turn, f"the decoder {state}: {reason}")
