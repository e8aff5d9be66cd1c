"""The course of turns on one time axis: what was published (receipts, transcripts, events) put in its place.

Lanes follow the way of the sound. Times are monotonic seconds; a turn's `zero` is the last speech frame, from which its
receipt counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Lane = Literal["visitor", "wake", "listening", "asr", "llm", "tts", "agent"]
LANES: tuple[Lane, ...] = ("visitor", "wake", "listening", "asr", "llm", "tts", "agent")
LANE_OF: Mapping[str, Lane] = {
    "endpoint": "listening",
    "asr_final": "asr",
    "llm_first_token": "llm",
    "first_clause": "llm",
    "tts_first": "tts",
    "audible": "agent",
}
STAGE_WORDS: Mapping[str, str] = {
    "endpoint": "waiting for silence",
    "asr_final": "recognising",
    "llm_first_token": "first token",
    "first_clause": "first clause",
    "tts_first": "voice",
    "audible": "speaker",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One message of the agent: topic below its root, JSON object or bare word, and when it was written."""

    at: float
    topic: str
    data: Any

    @property
    def turn(self) -> int | None:
        turn = self.data.get("turn") if isinstance(self.data, dict) else None
        return turn if isinstance(turn, int) else None


@dataclass(frozen=True, slots=True)
class Span:
    lane: Lane
    start: float
    end: float
    text: str = ""
    waiting: bool = False  # time that passed in this stage rather than work that was done


@dataclass(frozen=True, slots=True)
class Mark:
    lane: Lane
    at: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn, ready to be drawn. `start` and `end` bound what is worth seeing."""

    number: int
    start: float
    end: float
    zero: float | None
    receipt: Mapping[str, Any]
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]

    @property
    def audible(self) -> float | None:
        offset = self.receipt["ttfa_ms"]
        return None if self.zero is None or offset is None else self.zero + offset / 1000


def turn_view(receipt: Mapping[str, Any], notices: Sequence[Notice], spoken: tuple[float, float] | None) -> TurnView:
    """`notices`: of the whole session, in order of time; `spoken`: when the visitor spoke in this turn, if known."""
    number = int(receipt["turn"])
    own = [notice for notice in notices if notice.turn == number]
    ended = next((n.at for n in own if n.topic == "turn"), own[-1].at if own else 0.0)
    wake = next((n for n in own if n.topic == "event/wake"), None)
    began = min([n.at for n in own] + ([spoken[0]] if spoken else []), default=ended)
    zero = _zero(receipt, own)
    marks = [Mark("wake", wake.at, _wake_text(receipt, wake))] if wake else []
    marks += [Mark("asr", n.at, str(n.data["text"])) for n in own if n.topic == "transcript"]
    spans = tuple(_spans(receipt, zero, wake.at if wake else began, ended))
    return TurnView(number, began, ended, zero, receipt, spans, tuple(marks))


def _zero(receipt: Mapping[str, Any], own: Sequence[Notice]) -> float | None:
    """The receipt counts from the last speech frame; the final transcript tells when that was."""
    offset = receipt["at_ms"]["asr_final"]
    final = next((n.at for n in own if n.topic == "transcript" and n.data.get("final")), None)
    return None if offset is None or final is None else final - offset / 1000


def _wake_text(receipt: Mapping[str, Any], wake: Notice) -> str:
    delay = receipt.get("wake_ms")
    return f"“{str(wake.data.get('word', '')).replace('_', ' ')}”" + (f" {delay:+d} ms" if delay is not None else "")


def _spans(receipt: Mapping[str, Any], zero: float | None, woken: float, ended: float) -> list[Span]:
    if zero is None:
        return [Span("listening", woken, ended, "nothing said")]
    at = {stage: zero + ms / 1000 for stage, ms in receipt["at_ms"].items() if ms is not None}
    endpoint = at.get("endpoint", ended)
    spans = [Span("listening", woken, min(zero, endpoint))]
    spans.append(Span("listening", min(zero, endpoint), endpoint, _text(receipt, "endpoint"), waiting=True))
    reached = endpoint
    for stage in ("asr_final", "llm_first_token", "first_clause", "tts_first"):
        if stage not in at:
            continue
        lane = LANE_OF[stage]
        begins = woken if stage == "asr_final" else min(reached, at[stage])
        spans.append(Span(lane, begins, at[stage], _text(receipt, stage), waiting=stage == "llm_first_token"))
        reached = max(reached, at[stage])
    return spans


def _text(receipt: Mapping[str, Any], stage: str) -> str:
    added = receipt["stages_ms"].get(stage)
    return f"{STAGE_WORDS[stage]} +{added} ms" if added else ""
