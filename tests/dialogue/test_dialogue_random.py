"""Whatever happens, in whatever order: no exception, no command for a dead turn, and every deadline leads to idle.

`VOICE_AGENT_RANDOM_EVENTS` sets how many random events are tried (`make nightly`: a million).
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripts import Script

from agent.commands import Answer, AskLlm, Command, Earcon, Speak, StartListening, TurnEnded
from agent.dialogue.state import Idle
from agent.dialogue.step import deadline
from agent.events import (
    AsrFailed,
    Audible,
    ClauseReady,
    DeadlinePassed,
    Endpoint,
    Event,
    Final,
    Health,
    LlmFailed,
    Partial,
    ReplyDelta,
    ReplyDone,
    Requested,
    SpeechDone,
    SpeechFailed,
    SpeechStarted,
    TtsFirst,
    Wake,
)
from agent.requests import AskRequest, Intent, ListenRequest, MuteRequest, SayRequest, StopRequest, VolumeRequest

EVENTS = int(os.environ.get("VOICE_AGENT_RANDOM_EVENTS", "20000"))
PER_SCRIPT = 50

IDS = count()  # no two requests have the same id

INTENTS = [None, *(Intent(n) for n in ("time", "date", "stop", "repeat", "volume_up", "mute", "unheard of"))]
REQUESTS = [
    ListenRequest(),
    StopRequest(),
    SayRequest("dinner"),
    AskRequest("why"),
    AskRequest("time", Intent("time")),
    MuteRequest(on=True),
    MuteRequest(on=False),
    VolumeRequest(30),
]


def event(script: Script, choice: int, lag: int, variant: int) -> Event:
    """One of all events: of the current turn, mostly, of an older or of one that never was."""
    at, turn = script.at, max(0, script.state.turn - lag)
    makers = [
        lambda: Wake(at, "hey_jarvis", 0.7, at.mono - (variant % 3)),
        lambda: SpeechStarted(at, turn, at.mono),
        lambda: Partial(at, turn, "so far"),
        lambda: Endpoint(at, turn, at.mono, ("silence", "no_speech", "too_long")[variant % 3]),  # type: ignore[arg-type]
        lambda: Final(at, turn, ("", "what is it")[variant % 2], INTENTS[variant % len(INTENTS)]),
        lambda: AsrFailed(at, turn, "gone"),
        lambda: ReplyDelta(at, turn, "words "),
        lambda: ReplyDone(at, turn),
        lambda: LlmFailed(at, turn, ("unreachable", "cut_off", "?")[variant % 3]),
        lambda: ClauseReady(at, turn, "words"),
        lambda: TtsFirst(at, turn),
        lambda: Audible(at, turn, at.mono),
        lambda: SpeechDone(at, turn, "words", cut=bool(variant % 2)),
        lambda: SpeechFailed(at, turn, "gone"),
        lambda: Health(at, ("mic", "asr")[variant % 2], ("ok", "loading", "failed")[variant % 3], "why"),  # type: ignore[arg-type]
        lambda: Requested(at, REQUESTS[variant % len(REQUESTS)], f"request-{next(IDS)}"),
        lambda: DeadlinePassed(at),
    ]
    return makers[choice % len(makers)]()


def check(script: Script, before: int, commands: list[Command]) -> None:
    alive = {script.state.turn}
    for command in commands:
        if isinstance(command, StartListening | AskLlm | Speak):
            assert command.turn in alive, f"{command} for a dead turn, alive is {alive}"
        if isinstance(command, Earcon):
            assert command.turn >= before


def to_idle(script: Script) -> None:
    """Firing deadlines alone reaches idle; announcements that wait need a turn each."""
    limit = 10 * (1 + len(script.state.pending))
    for _ in range(limit):
        if deadline(script.state) is None:
            break
        script.wait()
    assert isinstance(script.state.activity, Idle)
    assert script.state.closing is None


@settings(max_examples=EVENTS // PER_SCRIPT, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.integers(0, 16), st.sampled_from([0, 0, 0, 0, 1, 2, -1]), st.integers(0, 23), st.floats(0, 30)),
        min_size=PER_SCRIPT,
        max_size=PER_SCRIPT,
    )
)
def test_anything_may_happen(choices: list[tuple[int, int, int, float]]) -> None:
    script = Script()
    for choice, lag, variant, pause in choices:
        script.time += pause / 10
        before = script.state.turn
        check(script, before, script.play(event(script, choice, lag, variant)))
    to_idle(script)
    ended = Counter(command.turn for command in script.commands if isinstance(command, TurnEnded))
    assert set(ended) == set(range(1, script.state.turn + 1)), "a turn got lost"
    assert set(ended.values()) <= {1}, "a turn ended twice"
    answered = Counter(command.id for command in script.commands if isinstance(command, Answer))
    assert set(answered.values()) <= {1}, "a request was answered twice"
