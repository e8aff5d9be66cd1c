"""Leaving a turn and speaking in one: the moves that every reducer of this room shares."""

from __future__ import annotations

from dataclasses import replace

from agent.commands import (
    Answer,
    CancelLlm,
    Command,
    Earcon,
    Exchange,
    Hush,
    Outcome,
    ShowEvent,
    ShowReply,
    Speak,
    StopListening,
    TurnEnded,
)
from agent.dialogue.followup import wanted
from agent.dialogue.phrases import phrase
from agent.dialogue.state import (
    Closing,
    Contending,
    Idle,
    Listening,
    Remembered,
    Said,
    Speaking,
    State,
    Step,
    Talk,
    Thinking,
    Transcribing,
    enter,
)
from agent.requests import Clip, SayRequest


def speak(
    state: State,
    now: float,
    text: str,
    outcome: Outcome = "answered",
    chime: bool = False,
    persona: str | None = None,
    afresh: bool = False,
    sound: Clip | None = None,
) -> Step:
    """Speak one whole reply in the current turn, or its end. `persona`: who, if not the one that is talked with;
    `sound`: of the text, where somebody else has spoken it."""
    talk = replace(state.talk, reply=f"{state.talk.reply} {text}".strip())
    until = speaking_until(state, now, talk.reply) + (0.0 if sound is None else sound.seconds)
    invites = outcome == "answered" and wanted(state)
    spoken = replace(state, talk=talk, activity=Speaking(until, complete=True, outcome=outcome, invites=invites))
    voice = talk.persona if persona is None else persona
    return spoken, (Speak(state.turn, text, True, chime, invites, afresh, persona=voice, sound=sound),)


def speaking_until(state: State, now: float, reply: str) -> float:
    """When speech of that length has surely been heard, or something is wrong."""
    return now + state.rules.speaking_grace + state.rules.speaking_per_character * len(reply)


def fail(state: State, now: float, key: str, detail: str = "") -> Step:
    """The turn cannot be answered: never silence, but a sound and a sentence that says why.

    But for a follow-up to which nobody has said anything yet: nobody is owed an answer.
    """
    event = ShowEvent("error", state.turn, {"code": key, "message": detail})
    match state.activity:
        case Listening(spoken=False) if state.talk.follow_up:
            ended, ending = end(state, now, "silence", "")
            return ended, (event, *ending)
    spoken, commands = speak(state, now, phrase(state.language, key), outcome="failed")
    return spoken, (event, Earcon(state.turn, "error"), *commands)


def end(state: State, now: float, outcome: Outcome, heard: str) -> Step:
    """The turn is over and what was heard of its reply is known."""
    finished, commands = _record(state, state.talk, now, outcome, heard)
    return enter(finished, Idle()), commands


def silence(state: State) -> tuple[Command, ...]:
    """End the work of the current activity, so that nothing of it goes on in the background."""
    match state.activity:
        case Idle():
            return ()
        case Listening() | Transcribing() if state.talk.question:
            return (CancelLlm(state.turn), StopListening(state.turn))
        case Contending() | Listening() | Transcribing():
            return (StopListening(state.turn),)
        case Thinking():
            return (CancelLlm(state.turn),)
        case Speaking():
            return (CancelLlm(state.turn), Hush(state.turn))


def leave(state: State, now: float, outcome: Outcome = "interrupted") -> Step:
    """Cut the current turn short. One that was speaking closes when the mouth has told what was heard."""
    state, earlier = close(state, now)
    commands = silence(state)
    match state.activity:
        case Idle():
            return state, earlier
        case Speaking():
            closing = Closing(state.talk, now + state.rules.closing_limit, outcome)
            return replace(state, activity=Idle(), closing=closing), (*earlier, *commands)
        case _:
            ended, ending = end(state, now, outcome, "")
            return ended, (*earlier, *commands, *ending)


def close(state: State, now: float, heard: str = "") -> Step:
    """Write off the interrupted turn, with what was heard of it."""
    if state.closing is None:
        return state, ()
    closed, commands = _record(state, state.closing.talk, now, state.closing.outcome, heard)
    return replace(closed, closing=None), commands


def begin(
    state: State,
    request: str | None = None,
    asked: str = "",
    announcement: SayRequest | None = None,
    aloud: bool = False,
    follow_up: int = 0,
    persona: str = "",
) -> State:
    """A new turn, with the next number; what it does is up to the caller."""
    return replace(state, talk=Talk(state.turn + 1, asked, "", request, announcement, aloud, follow_up, persona))


def _record(state: State, talk: Talk, now: float, outcome: Outcome, heard: str) -> Step:
    """Publish a finished turn and remember it; only what was heard becomes history."""
    commands: list[Command] = []
    if talk.reply:
        commands.append(ShowReply(talk.turn, talk.reply, heard))
        state = replace(state, last_reply=Said(talk.reply, talk.persona))
    if talk.asked and heard and outcome != "failed":
        own = [past for past in state.history if past.persona == talk.persona]
        forgotten = own[: max(0, len(own) + 1 - max(1, state.rules.history_turns))]
        kept = (past for past in state.history if past not in forgotten)
        state = replace(state, history=(*kept, Remembered(Exchange(talk.asked, heard), now, talk.persona)))
    if talk.request is not None:
        data = {"outcome": outcome, "reply": talk.reply, "heard": heard}
        ok = outcome == "answered"
        commands.append(
            Answer(talk.request, ok, "" if ok else outcome, "" if ok else f"the turn ended: {outcome}", data)
        )
    commands.append(TurnEnded(talk.turn, outcome, talk.asked, talk.reply, talk.persona))
    return state, tuple(commands)
