"""The state diagram of the dialogue, read off the code: every activity meets every event, and `step` tells what comes.

`python -m agent.lab.diagram` prints Mermaid; a test keeps the copy in `docs/design.md` in step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from agent.dialogue.group import Group, Mine
from agent.dialogue.state import Activity, Contending, Idle, Listening, Speaking, State, Talk, Thinking, Transcribing
from agent.dialogue.step import step
from agent.events import (
    AsrFailed,
    ConfirmDue,
    DeadlinePassed,
    Endpoint,
    Event,
    Final,
    Health,
    Instant,
    LlmFailed,
    ReplyDelta,
    ReplyDone,
    Requested,
    RivalClaimed,
    SpeechDone,
    SpeechFailed,
    Wake,
)
from agent.requests import AskRequest, Intent, ListenRequest, MuteRequest, SayRequest, StopRequest

NOW = 100.0
AT = Instant(NOW, datetime(2026, 1, 1, tzinfo=UTC))
TURN = 1


def activities() -> Iterator[Activity]:
    later = NOW + 10
    yield Idle()
    yield Contending(later, Listening(later, chime_at=None))
    yield Listening(later, chime_at=None)
    yield Transcribing(later)
    yield Thinking(later)
    yield Speaking(later, complete=False)


def events() -> Iterator[tuple[str, Event]]:
    """Every event that may change the activity, with its name in the diagram."""
    yield "wake", Wake(AT, "hey_jarvis", 0.9, NOW)
    yield "nothing said", Endpoint(AT, TURN, NOW, "no_speech")
    yield "endpoint", Endpoint(AT, TURN, NOW, "silence")
    yield "local intent", Final(AT, TURN, "what time is it", Intent("time"))
    yield "open question", Final(AT, TURN, "why")
    yield "nothing understood", Final(AT, TURN, "")
    yield "asr failed", AsrFailed(AT, TURN, "")
    yield "reply delta", ReplyDelta(AT, TURN, "so")
    yield "reply done", ReplyDone(AT, TURN)
    yield "llm failed", LlmFailed(AT, TURN, "timeout")
    yield "heard", SpeechDone(AT, TURN, "so")
    yield "speech failed", SpeechFailed(AT, TURN, "")
    yield "mic lost", Health(AT, "mic", "failed")
    yield "cmd listen", Requested(AT, ListenRequest())
    yield "cmd stop", Requested(AT, StopRequest())
    yield "cmd say", Requested(AT, SayRequest("so"))
    yield "urgent cmd say", Requested(AT, SayRequest("so", "high"))
    yield "cmd ask", Requested(AT, AskRequest("why"))
    yield "cmd mute", Requested(AT, MuteRequest(on=True))
    yield "deadline", DeadlinePassed(Instant(NOW + 20, AT.wall))


def transitions() -> dict[tuple[str, str], list[str]]:
    """(activity, activity) -> names of the events that lead from one to the other."""
    found: dict[tuple[str, str], list[str]] = {}
    by_name = dict(events())
    for activity in activities():
        state = State(activity=activity, talk=Talk(TURN, asked="why", reply="so", aloud=True))
        among = replace(state, group=Group("kitchen", 1, mine=Mine(TURN, NOW, 30.0)))
        contending = isinstance(activity, Contending)
        for name, event in events():
            _note(found, name, among if contending else state, event)
        if isinstance(activity, Idle | Listening):
            _note(found, "wake (among others)", among, by_name["wake"])
        _note(found, "another agent claims", among, RivalClaimed(AT, "hall", 90.0))
        if isinstance(activity, Listening | Transcribing):
            waiting = replace(state, talk=replace(state.talk, question="call"))
            _note(found, "yes or no", waiting, Final(AT, TURN, "yes"))
        if isinstance(activity, Thinking | Speaking):
            _note(found, "call to confirm", state, ConfirmDue(AT, TURN, "call", "unlock"))
        if isinstance(activity, Speaking):
            asking = replace(
                state, talk=replace(state.talk, question="call"), activity=replace(activity, complete=True)
            )
            _note(found, "heard (to confirm)", asking, SpeechDone(AT, TURN, "so"))
            inviting = replace(activity, complete=True, invites=True)
            listens_on = replace(state, activity=inviting, rules=replace(state.rules, follow_up=4.0))
            _note(found, "heard (follow-up)", listens_on, SpeechDone(AT, TURN, "so"))
    return found


def _note(found: dict[tuple[str, str], list[str]], name: str, state: State, event: Event) -> None:
    after, _ = step(state, event)
    before = type(state.activity).__name__
    if type(after.activity).__name__ != before or after.turn != state.turn:
        found.setdefault((before, type(after.activity).__name__), []).append(name)


def mermaid() -> str:
    """The diagram as Mermaid's stateDiagram-v2."""
    lines = ["stateDiagram-v2", "    [*] --> Idle"]
    lines += [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in transitions().items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(mermaid())
