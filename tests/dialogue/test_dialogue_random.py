"""Whatever happens, in whatever order: no exception, no command for a dead turn, and every deadline leads to idle.

And the manners hold: nobody is disturbed who does not want to be, nothing is louder than it may be, a microphone that
is off stays so. No timer is told to be set before it is kept, and what is due rings, whatever clocks and disks do.

`VOICE_AGENT_RANDOM_EVENTS` sets how many random events are tried (`make nightly`: a million).
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import time, timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripts import Script

from agent.actions import Action, Choice
from agent.commands import (
    Answer,
    AskLlm,
    CancelLlm,
    Command,
    Confirmed,
    Earcon,
    IntentDone,
    KeepTimers,
    ListenOn,
    SetVolume,
    ShowEvent,
    Speak,
    StartListening,
    TurnEnded,
)
from agent.dialogue.cast import Cast
from agent.dialogue.loudness import loudness
from agent.dialogue.quiet import Hours
from agent.dialogue.rules import Rules
from agent.dialogue.state import Contending, Idle, Listening, Speaking, State, Thinking, Transcribing
from agent.events import (
    Acted,
    AsrFailed,
    Audible,
    ClauseReady,
    ClockChanged,
    ConfirmDue,
    DeadlinePassed,
    Endpoint,
    Event,
    Final,
    Health,
    Instant,
    IntentCalled,
    LlmFailed,
    Partial,
    PeersChanged,
    ReplyDelta,
    ReplyDone,
    Requested,
    RivalClaimed,
    RivalWoke,
    SpeechDone,
    SpeechFailed,
    SpeechResumed,
    SpeechStarted,
    TimersKept,
    ToolUsed,
    TtsFirst,
    Wake,
)
from agent.requests import (
    AskRequest,
    DoctorRequest,
    Intent,
    ListenRequest,
    MuteRequest,
    RestartRequest,
    SayRequest,
    SettingRequest,
    StopRequest,
    VolumeRequest,
)

EVENTS = int(os.environ.get("VOICE_AGENT_RANDOM_EVENTS", "20000"))
PER_SCRIPT = 50

RIVALS = ("hall", "office")
WORDS = ("hey_jarvis", "alexa")
IDS = count()  # no two requests have the same id

TIMED = [
    Intent("timer_set", {"seconds": 20}),
    Intent("timer_set", {"seconds": 3, "name": "tea"}),
    Intent("timer_set", {"seconds": 40, "message": "call mum"}),
    Intent("alarm_set", {"hour": 15, "minute": 46}),
    Intent("alarm_set", {"hour": 3, "minute": 47, "half": 1, "day": "daily"}),
    Intent("timer_add", {"seconds": -5}),
    Intent("timer_cancel", {"name": "tea"}),
    Intent("timer_cancel", {"every": 1}),
    Intent("timer_left"),
    Intent("alarm_left"),
    Intent("snooze", {"seconds": 5}),
]
BRIGHT = Action("light", "home/light", "{state}", slots={"state": Choice({"on": 1})}, replies={"": "It is bright."})
ACTIONS = [Intent("action", {"action": "light", "state": state}) for state in ("on", "off")]
INTENTS = [
    None,
    *ACTIONS,
    *(Intent(n) for n in ("time", "date", "stop", "repeat", "volume_up", "mute", "unheard of")),
    *TIMED,
]
REQUESTS = [
    ListenRequest(),
    StopRequest(),
    SayRequest("dinner"),
    SayRequest("tea", "low", volume_percent=10),
    SayRequest("bell", chime=True, volume_percent=90),
    SayRequest("fire", "high"),
    SayRequest("flood", "high", volume_percent=100),
    SettingRequest("do_not_disturb", True),
    SettingRequest("do_not_disturb", False),
    SettingRequest("volume", 50),
    SettingRequest("night_volume", 10),
    AskRequest("why"),
    AskRequest("warum", persona="butler"),
    SayRequest("Tee", "low", persona="butler"),
    ListenRequest("nobody"),
    AskRequest("time", Intent("time")),
    AskRequest("set", TIMED[0]),
    MuteRequest(on=True),
    MuteRequest(on=False),
    VolumeRequest(30),
    SettingRequest("volume", None),
    DoctorRequest(),
    RestartRequest(),
]
# A script begins at 15:45 and lasts some minutes.
RULES = [
    Rules(actions={"light": BRIGHT}),
    Rules(follow_up=4.0, follow_ups=2, barge_in=False),
    Rules(follow_up=4.0, history_turns=2, cast=Cast("", {"butler": "de", "nari": "ko"}, {"alexa": "nari"})),
    Rules(follow_up=1.0, quiet=Hours(time(15, 46), time(15, 47)), night_volume=20, pending_says=2),
]


def event(script: Script, choice: int, lag: int, variant: int) -> Event:
    """One of all events: of the current turn, mostly, of an older or of one that never was."""
    at, turn = script.at, max(0, script.state.turn - lag)
    makers = [
        lambda: Wake(at, WORDS[variant // 3 % 2], 0.7, at.mono - (variant % 3), float(variant)),
        lambda: SpeechStarted(at, turn, at.mono),
        lambda: Partial(at, turn, "so far"),
        lambda: SpeechResumed(at, turn, at.mono),
        lambda: Endpoint(at, turn, at.mono, ("silence", "no_speech", "too_long")[variant % 3]),  # type: ignore[arg-type]
        lambda: Final(at, turn, ("", "what is it")[variant % 2], INTENTS[variant % len(INTENTS)]),
        lambda: AsrFailed(at, turn, "gone"),
        lambda: ReplyDelta(at, turn, "words "),
        lambda: ReplyDone(at, turn),
        lambda: LlmFailed(at, turn, ("unreachable", "cut_off", "?")[variant % 3]),
        lambda: ConfirmDue(at, (turn, script.state.talk.thinker)[variant % 2], f"call-{variant}", "unlock"),
        lambda: ToolUsed(at, turn, "unlock", "home", "done", 9),
        lambda: ReplyDelta(at, script.state.talk.thinker, "words "),
        lambda: Final(at, turn, "yes"),
        lambda: ClauseReady(at, turn, "words"),
        lambda: TtsFirst(at, turn),
        lambda: Audible(at, turn, at.mono),
        lambda: SpeechDone(at, turn, "words", cut=bool(variant % 2)),
        lambda: SpeechFailed(at, turn, "gone"),
        lambda: Health(at, ("mic", "asr")[variant % 2], ("ok", "loading", "failed")[variant % 3], "why"),  # type: ignore[arg-type]
        lambda: Requested(at, REQUESTS[variant % len(REQUESTS)], f"request-{next(IDS)}"),
        lambda: DeadlinePassed(at),
        lambda: TimersKept(at, script.state.book.revision - variant % 3 + 1, ok=variant % 4 != 0),
        lambda: ClockChanged(Instant(at.mono, at.wall + timedelta(seconds=(variant - 20) ** 3))),
        lambda: PeersChanged(at, ("kitchen", "")[variant % 4 == 0], variant % 3),
        lambda: Acted(at, turn, "light", ok=variant % 3 != 0),
        lambda: IntentCalled(at, (turn, script.state.talk.thinker)[variant % 2], "c", [*ACTIONS, *TIMED][variant % 9]),
        lambda: RivalWoke(at, RIVALS[variant % 2], float(variant)),
        lambda: RivalClaimed(at, RIVALS[variant % 2], float(variant), answering=variant % 5 == 0),
    ]
    return makers[choice]() if choice < len(makers) else usual(script, variant)


def usual(script: Script, variant: int) -> Event:
    """What mostly comes next: without it, hardly a question would ever be answered."""
    at, turn = script.at, script.state.turn
    if script.state.book.keeping and variant % 8:
        return TimersKept(at, script.state.book.keeping[0].revision, ok=variant % 5 != 0)
    match script.state.activity:
        case Idle():
            return Wake(at, WORDS[variant % 2], 0.7, at.mono)
        case Contending():
            return DeadlinePassed(at)
        case Listening():
            return Endpoint(at, turn, at.mono, "silence" if variant % 4 else "no_speech")
        case Transcribing():
            return Final(
                at, turn, "yes" if script.state.talk.question else "what is it", INTENTS[variant % len(INTENTS)]
            )
        case Thinking() | Speaking(complete=False):
            asked = script.state.talk.thinker or turn
            if variant % 4 == 0:
                return ConfirmDue(at, asked, f"call-{variant}", "unlock")
            return ReplyDelta(at, asked, "words ") if variant % 2 else ReplyDone(at, asked)
        case Speaking():
            return SpeechDone(at, turn, "words")


def check(script: Script, before: int, commands: list[Command]) -> None:
    """What was held while agents contended comes all at once: a question, and that it is taken back."""
    alive = {script.state.turn}
    for at, command in enumerate(commands):
        if isinstance(command, AskLlm) and CancelLlm(command.turn) in commands[at:]:
            continue
        if isinstance(command, StartListening | AskLlm | Speak):
            assert command.turn in alive, f"{command} for a dead turn, alive is {alive}"
        if isinstance(command, Earcon):
            assert command.turn >= before


def check_manners(script: Script, before: State, happened: Event, commands: list[Command]) -> None:
    after = script.state
    assert after.told == loudness(after, happened.at.wall)
    told = [command.percent for command in commands if isinstance(command, SetVolume)]
    assert told[-1:] == ([after.told] if told else []), "the speaker was told something else"
    assert told or before.told == after.told, "the speaker was not told"
    announced = after.talk.announcement
    if announced is not None and after.turn != before.turn and announced.priority != "high":
        assert not after.do_not_disturb
    for command in commands:
        if isinstance(command, ListenOn):
            assert not after.mic_off
            assert isinstance(before.activity, Transcribing | Contending) or before.talk.revocable
        if isinstance(command, StartListening):
            assert not after.mic_off
            assert (command.first_word_ms is None) == (after.talk.follow_up == 0 and not after.talk.question)
    assert after.talk.follow_up <= after.rules.follow_ups


def check_consent(script: Script, before: State, happened: Event, commands: list[Command]) -> None:
    """Only a "yes" to this very question, heard when all of it had been said, is one; and a call is never forgotten."""
    for command in commands:
        if isinstance(command, Confirmed) and command.yes:
            assert isinstance(happened, Final)
            assert happened.text == "yes"
            assert isinstance(before.activity, Listening | Transcribing)
            assert (before.talk.question, before.talk.thinker) == (command.call, command.turn)
    cancelled = any(isinstance(command, CancelLlm) for command in commands)
    settled = any(isinstance(command, Confirmed) for command in commands)
    waiting = before.talk.question and not isinstance(before.activity, Idle)
    if waiting and script.state.talk.question != before.talk.question:
        assert cancelled or settled


def check_timers(script: Script, before: State, happened: Event, commands: list[Command]) -> None:
    """Told to be set only when it is kept; revisions only grow; whoever rings is among those that are kept."""
    book = script.state.book
    for command in commands:
        if isinstance(command, ShowEvent) and command.type == "timer" and command.data["action"] in ("set", "snoozed"):
            assert isinstance(happened, TimersKept)
            assert happened.ok
            assert happened.revision in {keeping.revision for keeping in before.book.keeping}
    revisions = [command.revision for command in commands if isinstance(command, KeepTimers)]
    assert revisions == sorted(set(revisions))
    assert all(revision > before.book.revision for revision in revisions)
    assert book.revision >= before.book.revision
    assert set(book.ringing) <= {timer.id for timer in book.timers}
    assert len({timer.id for timer in book.wanted}) == len(book.wanted)
    last = [command for command in commands if isinstance(command, KeepTimers)][-1:]
    assert all(command.timers == book.wanted for command in last), "the disk is given something else"


def check_actions(before: State, happened: Event, commands: list[Command]) -> None:
    """Nobody is told that something is done before the broker has it; each call is answered in its own turn."""
    bright = any(isinstance(each, Speak) and each.text == BRIGHT.replies[""] for each in commands)
    told = any(isinstance(each, IntentDone) and each.ok and each.text == BRIGHT.replies[""] for each in commands)
    if (bright and before.last_reply.text != BRIGHT.replies[""]) or told:
        assert isinstance(happened, Acted)
        assert happened.ok
        assert before.acting is not None
        assert (before.acting.turn, before.acting.action) == (happened.turn, happened.action)


def check_personas(script: Script, commands: list[Command]) -> None:
    """All of a turn is one persona's, and no persona is told what was said to another."""
    talk, cast = script.state.talk, script.state.rules.cast
    assert talk.persona in ("", *cast.languages)
    for command in commands:
        if isinstance(command, StartListening | AskLlm):
            assert command.persona == talk.persona
        if isinstance(command, AskLlm):
            own = [past.exchange for past in script.state.history if past.persona == talk.persona]
            assert list(command.history) == own
    kept = Counter(past.persona for past in script.state.history)
    assert all(count <= script.state.rules.history_turns for count in kept.values())


def rests(state: State) -> bool:
    return isinstance(state.activity, Idle) and state.closing is None and not state.pending


def to_idle(script: Script) -> None:
    """Firing deadlines alone reaches idle; announcements that wait need a turn each, timers a moment each.

    From there on, whatever is due rings, until nobody has stopped it for too long: nothing is left but what repeats.
    """
    book = script.state.book
    for _ in range(10 * (1 + len(script.state.pending)) + len(book.timers) + len(book.keeping)):
        if rests(script.state):
            break
        script.wait()
    assert rests(script.state)
    for _ in range(1000):
        book = script.state.book
        if rests(script.state) and not book.keeping and all(timer.days for timer in book.timers):
            break
        script.wait()
    assert all(timer.days for timer in script.state.book.timers)
    assert not script.state.book.keeping


@settings(max_examples=EVENTS // PER_SCRIPT, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.integers(0, 39), st.sampled_from([0, 0, 0, 0, 1, 2, -1]), st.integers(0, 47), st.floats(0, 30)),
        min_size=PER_SCRIPT,
        max_size=PER_SCRIPT,
    ),
    st.sampled_from(RULES),
)
def test_anything_may_happen(choices: list[tuple[int, int, int, float]], rules: Rules) -> None:
    script = Script(State(rules=rules))
    for choice, lag, variant, pause in choices:
        script.time += pause / 10
        before = script.state
        happened = event(script, choice, lag, variant)
        commands = script.play(happened)
        check(script, before.turn, commands)
        check_manners(script, before, happened, commands)
        check_consent(script, before, happened, commands)
        check_personas(script, commands)
        check_actions(before, happened, commands)
        check_timers(script, before, happened, commands)
    to_idle(script)
    ended = Counter(command.turn for command in script.commands if isinstance(command, TurnEnded))
    assert set(ended) == set(range(1, script.state.turn + 1)), "a turn got lost"
    assert set(ended.values()) <= {1}, "a turn ended twice"
    answered = Counter(command.id for command in script.commands if isinstance(command, Answer))
    assert set(answered.values()) <= {1}, "a request was answered twice"
