"""Time-outs: when the next one is due, and what happens then. From every state they lead to idle."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from agent.commands import Earcon, ShowEvent
from agent.dialogue import interruption, ringing, waiting
from agent.dialogue.actions import overdue
from agent.dialogue.confirmation import too_late
from agent.dialogue.contest import decide
from agent.dialogue.replies import close, end, fail, silence
from agent.dialogue.state import Contending, Idle, Listening, Speaking, State, Step, Thinking, Transcribing, enter


def deadline(state: State) -> float | None:
    """Monotonic seconds at which `DeadlinePassed` is due; None where nothing is waited for."""
    due = ringing.deadlines(state) + ([] if state.closing is None else [state.closing.until])
    due += [] if state.acting is None else [state.acting.until]
    due += [soon for soon in (waiting.due(state), interruption.due(state)) if soon is not None]
    match state.activity:
        case Idle():
            pass
        case Listening(until=until, chime_at=soon):
            due += [until] if soon is None else [until, soon]
        case Contending(until=until) | Transcribing(until=until) | Thinking(until=until) | Speaking(until=until):
            due.append(until)
        case unknown:
            assert_never(unknown)
    return min(due, default=None)


def passed(state: State, now: float) -> Step:
    """Act on whatever is due at `now`."""
    closing: Step = (state, ())
    if state.closing is not None and state.closing.until <= now:
        closing = close(state, now)
    state, commands = closing
    state, ducking = interruption.passed(state, now)
    state, late = overdue(state, now)
    acted, acting = _activity(state, now)
    return acted, (*commands, *ducking, *late, *acting)


def _activity(state: State, now: float) -> Step:
    match state.activity:
        case Contending(until=until) if until <= now:
            return decide(state, now)
        case Listening(until=until) | Transcribing(until=until) if until <= now and state.talk.question:
            return too_late(state, now)
        case Listening(until=until) | Transcribing(until=until) if until <= now:
            failed, commands = fail(state, now, "asr_failed", "no result in time")
            return failed, (*silence(state), *commands)
        case Thinking(until=until) if until <= now:
            failed, commands = fail(state, now, "timeout", "no answer in time")
            return failed, (*silence(state), *commands)
        case Speaking(until=until) if until <= now:
            ended, commands = end(state, now, "failed", "")
            error = ShowEvent("error", state.turn, {"code": "speech_failed", "message": "not spoken in time"})
            return ended, (*silence(state), error, Earcon(state.turn, "error"), *commands)
        case Listening(chime_at=float(soon)) as listening if soon <= now:
            return enter(state, replace(listening, chime_at=None)), (Earcon(state.turn, "wake"),)
        case _ if (silent := waiting.due(state)) is not None and silent <= now:
            return state, (Earcon(state.turn, "thinking"),)
        case _:
            return state, ()
