"""The receipt of a turn: where the time went between the last word of the user and the first of the agent.

All offsets are milliseconds from the last speech frame, on the audio's clock: the microphone's time stamps at one end,
the speaker's device delay at the other. `stages_ms` are the increments along the critical path; they sum to `ttfa_ms`,
since each stage counts only what it added to the latest moment reached before it (work done early costs nothing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.commands import AskLlm, Command, ListenOn, ShowReply, StartListening, TurnEnded
from agent.events import Audible, ClauseReady, Endpoint, Event, Final, ReplyDelta, TtsFirst, Turn, Wake
from agent.requests import shown

STAGES = ("endpoint", "asr_final", "llm_first_token", "first_clause", "tts_first", "audible")
OPEN_TURNS = 4


@dataclass(slots=True)
class _Marks:
    """The moments of one turn, in monotonic seconds; `zero` is the last speech frame."""

    zero: float | None = None
    wake_ms: int | None = None
    word: str | None = None
    elsewhere: str = ""  # who has understood it, where that is not this device
    asked_llm: bool = False
    profile: str = ""  # that answered
    heard: str = ""
    moments: dict[str, float] = field(default_factory=dict)

    def mark(self, stage: str, moment: float) -> None:
        self.moments.setdefault(stage, moment)


class Receipts:
    """Watches what passes the inbox and writes the receipt of each turn that ends. Owned by the inbox's thread."""

    def __init__(self, engines: Mapping[str, Mapping[str, str]], keep_texts: bool) -> None:
        """`engines`: persona -> part -> who does the work."""
        self.renew(engines, keep_texts)
        self._open: dict[Turn, _Marks] = {}
        self._wake: Wake | None = None

    def renew(self, engines: Mapping[str, Mapping[str, str]], keep_texts: bool) -> None:
        """From now on other engines do the work, or texts are kept otherwise; open turns go on."""
        self._engines = dict(engines)
        self._keep_texts = keep_texts

    def see(self, event: Event) -> None:
        """Note the moment of an event, whether or not the dialogue will act on it."""
        match event:
            case Wake():
                self._wake = event
            case Endpoint(cause="silence" | "too_long"):
                marks = self._marks(event.turn)
                marks.zero = event.audio_at
                marks.mark("endpoint", event.at.mono)
            case Final():
                marks = self._marks(event.turn)
                marks.mark("asr_final", event.at.mono)
                marks.elsewhere = event.elsewhere
            case ReplyDelta():
                marks = self._marks(event.turn)
                marks.mark("llm_first_token", event.at.mono)
                marks.profile = event.profile or marks.profile
            case ClauseReady():
                self._marks(event.turn).mark("first_clause", event.at.mono)
            case TtsFirst():
                self._marks(event.turn).mark("tts_first", event.at.mono)
            case Audible():
                self._marks(event.turn).mark("audible", event.audio_at)
            case _:
                pass

    def done(self, command: Command, wall: datetime) -> dict[str, Any] | None:
        """Note a command; the end of a turn gives its receipt."""
        match command:
            case StartListening(turn=turn, since=since):
                wake = self._wake
                if wake is not None and since == wake.audio_at:
                    marks = self._marks(turn)
                    marks.wake_ms = round((wake.at.mono - wake.audio_at) * 1000)
                    marks.word = wake.word
            case ListenOn(turn=turn, of=of):
                self._marks(turn).word, self._marks(turn).wake_ms = self._marks(of).word, self._marks(of).wake_ms
            case AskLlm(turn=turn):
                self._marks(turn).asked_llm = True
            case ShowReply(turn=turn, heard=heard):
                self._marks(turn).heard = heard
            case TurnEnded():
                return self._receipt(command, wall)
            case _:
                pass
        return None

    def _marks(self, turn: Turn) -> _Marks:
        marks = self._open.setdefault(turn, _Marks())
        while len(self._open) > OPEN_TURNS:
            del self._open[min(self._open)]
        return marks

    def _receipt(self, ended: TurnEnded, wall: datetime) -> dict[str, Any]:
        marks = self._open.pop(ended.turn, _Marks())
        at_ms, stages_ms = timing(marks.zero, marks.moments)
        ttfa_ms = at_ms["audible"]
        all_engines = self._engines.get(ended.persona) or self._engines.get("", {})
        engines = {part: name for part, name in all_engines.items() if part != "llm" or marks.asked_llm}
        if marks.elsewhere:
            engines["asr"] = marks.elsewhere
        if marks.profile:
            engines["llm"] = marks.profile
        texts = {"transcript": ended.transcript, "reply": ended.reply, "heard": marks.heard}
        return {
            "turn": ended.turn,
            "at": wall.isoformat(timespec="milliseconds"),
            "outcome": ended.outcome,
            "persona": shown(ended.persona),
            "word": marks.word,
            "wake_ms": marks.wake_ms,
            "at_ms": at_ms,
            "stages_ms": stages_ms,
            "ttfa_ms": ttfa_ms,
            "blame": max(stages_ms, key=lambda stage: stages_ms[stage]) if stages_ms and ttfa_ms is not None else None,
            "engines": engines,
            **(texts if self._keep_texts else {}),
        }


def timing(zero: float | None, moments: Mapping[str, float]) -> tuple[dict[str, int | None], dict[str, int]]:
    """Offsets from `zero` and increments along the critical path, both in ms; a stage that never came is null."""
    if zero is None:
        return dict.fromkeys(STAGES, None), {}
    at_ms = {stage: round((moments[stage] - zero) * 1000) if stage in moments else None for stage in STAGES}
    stages_ms: dict[str, int] = {}
    reached = 0
    for stage, offset in at_ms.items():
        if offset is not None:
            stages_ms[stage] = offset - reached if stage == STAGES[-1] else max(0, offset - reached)
            reached = max(reached, offset)
    return at_ms, stages_ms
