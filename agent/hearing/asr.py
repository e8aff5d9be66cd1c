"""Speech recognition: what the ear asks of a recogniser, and what the recogniser's process asks of an engine.

The engines are native code that takes hundreds of megabytes and can hang, so one runs in a child process
(`agent.hearing.asr_child`); `agent.hearing.recogniser` is its other end. Records between them, all with the turn:

    main -> child   {"type": "start", "word": "hey_jarvis" or null, "lead_ms": 90}, AUDIO (int16, 16 kHz, mono) …,
                    {"type": "pause"}, {"type": "resume"}, END or {"type": "cancel"}
    child -> main   {"type": "ready"}, {"type": "partial", "text", "heard_ms"} …, {"type": "final", "text"},
                    {"type": "standing", "reason"}: why a server is away that is asked, too; "" when it is back

`heard_ms` says how much of the sound a text is of. `word` and `lead_ms` say that the audio begins with so much of that
wake word's end, which is not to be written.
"""

from __future__ import annotations

from typing import Protocol

from agent.audio.pcm import Samples
from agent.events import Turn


class Asr(Protocol):
    """What the ear drives, from its one thread; nothing here blocks. What it hears it emits as events itself:
    `Partial`, then one `Final` or `AsrFailed` for each turn that was not cancelled."""

    def begin(self, turn: Turn, word: str | None = None, lead_ms: int = 0, persona: str = "") -> None:
        """A new utterance, spoken to `persona`; replaces a running one. With `word` the audio begins `lead_ms` before
        that wake word's detection, and may hold some of its end."""
        ...

    def feed(self, turn: Turn, pcm: Samples) -> None: ...

    def pause(self, turn: Turn) -> None:
        """The user is silent: a guess at the final is worth while."""
        ...

    def resume(self, turn: Turn) -> None:
        """The user speaks again."""
        ...

    def finish(self, turn: Turn) -> None:
        """The utterance is over: a `Final` has to come."""
        ...

    def cancel(self, turn: Turn) -> None:
        """Nobody wants to know any more."""
        ...

    def tick(self, mono: float) -> None:
        """Called every quarter of a second or so: time-outs."""
        ...


class Engine(Protocol):
    """One recognition engine inside the child; used by one thread."""

    @property
    def heard(self) -> int:
        """Samples of this utterance that the newest partial text is of, all of them."""
        ...

    def begin(self, word: str | None, lead_ms: int) -> None: ...

    def feed(self, pcm: Samples) -> str | None:
        """A new partial text, or None where it did not change (or was not asked for). After a pause it is given once
        where it did not change, too."""
        ...

    def pause(self) -> str | None:
        """The user is silent: the text so far, changed or not, of all that was fed; or None where that takes longer,
        and a `feed` will give it."""
        ...

    def resume(self) -> None: ...

    def finish(self) -> str:
        """The final text, "" if nothing intelligible was said."""
        ...
