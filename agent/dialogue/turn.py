"""The course of one turn: listening, transcribing, thinking, speaking."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from agent.commands import AskLlm, Command, Earcon, Exchange, Scalar, ShowEvent, ShowTranscript, Speak, StartListening
from agent.dialogue import confirmation
from agent.dialogue.answers import answer
from agent.dialogue.calls import told
from agent.dialogue.followup import waits, wanted
from agent.dialogue.patience import follow
from agent.dialogue.phrases import phrase
from agent.dialogue.replies import begin, end, fail, leave, silence, speak, speaking_until
from agent.dialogue.resumption import kept, resumed
from agent.dialogue.state import HearingEvent, Listening, Speaking, State, Step, Thinking, Transcribing, enter
from agent.dialogue.timerchoice import chosen
from agent.events import (
    AsrFailed,
    ConfirmDue,
    Endpoint,
    Final,
    LlmFailed,
    Partial,
    ReplyDelta,
    ReplyDone,
    SpeechDone,
    SpeechFailed,
    SpeechResumed,
    SpeechStarted,
    ToolUsed,
    Wake,
)
from agent.requests import Intent, shown
from agent.scripts import mostly_foreign

# What makes it quiet has to work whoever is asked first, and only we know what we said.
ALWAYS_LOCAL = frozenset({"stop", "mute", "volume_set", "volume_up", "volume_down", "repeat", "snooze"})


def woken(state: State, event: Wake) -> Step:
    """A wake word begins a new turn, whatever goes on; one that is too old is ignored.

    Without barge-in one is ignored that falls into the agent's own speech; the button and `stop` end that as ever.
    """
    now = event.at.mono
    if state.mic_off or now - event.audio_at > state.rules.stale_wake:
        return state, ()
    if isinstance(state.activity, Speaking) and not state.rules.barge_in:
        return state, ()
    left, leaving = leave(state, now)
    persona, chime_at = state.rules.cast.woken(event.word), event.audio_at + state.rules.chime_after
    listening, commands = listen(left, now, persona, since=event.audio_at, chime_at=chime_at)
    told: dict[str, Scalar] = {"word": event.word, "score": round(event.score, 3), "persona": shown(persona)}
    wake = ShowEvent("wake", listening.turn, told)
    bargein: tuple[Command, ...] = ()
    if isinstance(state.activity, Speaking):
        bargein = (ShowEvent("bargein", state.turn, {"word": event.word}),)
    return listening, (*leaving, wake, *bargein, *commands)


def listen(
    state: State,
    now: float,
    persona: str,
    since: float | None,
    chime_at: float,
    request: str | None = None,
    woken: bool = True,
) -> Step:
    """Open the ear for a new turn."""
    state = begin(state, request, aloud=True, persona=persona)
    limit = state.rules.listening_limit + state.loading
    sound: tuple[Command, ...] = (Earcon(state.turn, "thinking"),) if state.loading else ()
    listening = enter(state, Listening(now + limit, chime_at=None if state.loading else chime_at))
    return listening, (StartListening(state.turn, since, persona=persona, woken=woken), *sound)


def _follow_up(state: State, now: float) -> Step:
    """Listen on after the answered turn, if still nothing stands against it."""
    wait = waits(state)
    if not wanted(state):
        return state, ()
    persona = state.talk.persona
    begun = begin(state, aloud=True, follow_up=state.talk.follow_up + 1, persona=persona)
    listening = Listening(now + wait + state.rules.listening_limit, chime_at=None)
    return enter(begun, listening), (StartListening(begun.turn, None, round(wait * 1000), persona),)


def hearing(state: State, event: HearingEvent) -> Step:
    """What the ear tells of the current turn. Out of place (already transcribed, say), it is ignored."""
    now = event.at.mono
    match (state.activity, event):
        case (Listening() as listening, SpeechStarted()):
            # Whoever speaks on at once needs no acknowledgement, which would only be recorded as "uh".
            return enter(state, replace(listening, chime_at=None, spoken=True)), ()
        case (Listening(spoken=False), Partial()) if state.talk.follow_up:
            return state, ()  # nobody has spoken: a recogniser that makes words of silence
        case (Listening() as listening, Partial()):
            return follow(state, listening, event)
        case (Transcribing(), Partial(text=text)):
            return state, (ShowTranscript(state.turn, text, final=False),)
        case (Listening(), Endpoint(cause="no_speech")):
            return _unasked(state, now)
        case (Listening(), Endpoint()):
            transcribing = enter(state, Transcribing(now + state.rules.final_limit + state.loading))
            late = state.loading and state.rules.cast.languages  # it has just begun to load
            return transcribing, (Earcon(state.turn, "thinking"),) if late else ()
        case (Transcribing() | Thinking() | Speaking(), SpeechResumed()):
            return resumed(state, event)
        case (Listening() | Transcribing(), Final()):
            return _understood(state, event)
        case (Listening() | Transcribing(), AsrFailed(reason=reason)):
            return fail(state, now, "asr_failed", reason)
        case _:
            return state, ()


def _understood(state: State, final: Final) -> Step:
    now, text = final.at.mono, final.text
    if not text.strip():
        return _unasked(state, now)
    told = replace(state, talk=replace(state.talk, asked=text))
    asked, commands = ask(told, now, final.at.wall, text, final.intent, bool(final.elsewhere))
    return asked, (ShowTranscript(state.turn, text, final=True), *commands)


def _unasked(state: State, now: float) -> Step:
    """Nobody said anything that could be understood: a soft sound, but none where the agent has listened unasked."""
    ended, commands = end(state, now, "silence", "")
    sound: tuple[Command, ...] = () if state.talk.follow_up else (Earcon(state.turn, "done"),)
    return ended, (*sound, *commands)


def ask(state: State, now: float, wall: datetime, text: str, intent: Intent | None, elsewhere: bool = False) -> Step:
    """Answer a sentence of the current turn: here, where it is a local command, else by the LLM.

    What is about to be answered `elsewhere` is not answered here as well, or a timer would be set twice.
    """
    state, intent = chosen(state, text, intent)
    here = state.rules.local_first and not elsewhere
    if intent is not None and (here or intent.name in ALWAYS_LOCAL):
        return _locally(state, now, wall, intent)
    fresh = tuple(past for past in state.history if now - past.at <= state.rules.history_for)
    persona = state.talk.persona
    history: tuple[Exchange, ...] = tuple(past.exchange for past in fresh if past.persona == persona)
    thinking = Thinking(now + state.rules.thinking_limit, fallback=intent)
    asked = replace(state, activity=thinking, history=fresh, talk=replace(state.talk, revocable=True))
    return asked, (AskLlm(state.turn, text, history, persona),)


def _locally(state: State, now: float, wall: datetime, intent: Intent) -> Step:
    answered, commands = answer(kept(state), now, wall, intent)
    return answered, (told(state, intent), *commands)


def replying(state: State, event: ReplyDelta | ReplyDone | LlmFailed | ConfirmDue | ToolUsed) -> Step:
    """What the LLM tells of the current turn, or of the one before a question that it had to ask."""
    now = event.at.mono
    match (state.activity, event):
        case (_, ConfirmDue()):
            return confirmation.asked(state, event)
        case (_, ToolUsed()):
            return kept(state), (_used(state, event),)
        case (Thinking() | Speaking(complete=False), ReplyDelta()):
            return _write(state, now, event)
        case (Thinking(fallback=Intent() as intent), ReplyDone() | LlmFailed()):
            return _locally(state, now, event.at.wall, intent)
        case (Thinking(), ReplyDone()):
            return fail(state, now, "bad_reply", "the language model sent an empty answer")
        case (Speaking(complete=False), ReplyDone()):
            return _written(state, now)
        case (Thinking(), LlmFailed(code="unanswered", detail=words)):
            return speak(state, now, words)
        case (Thinking(), LlmFailed(code=code, detail=detail)):
            return fail(state, now, code, detail)
        case (Speaking(complete=False), LlmFailed(code=code, detail=detail)):
            spoken, commands = speak(state, now, " " + phrase(state.language, "cut_off"), outcome="failed", afresh=True)
            return spoken, (ShowEvent("error", state.turn, {"code": code, "message": detail}), *commands)
        case _:
            return state, ()


def _written(state: State, now: float) -> Step:
    """All of the answer is there. Where most of it could not be spoken, that is said."""
    if mostly_foreign(state.talk.reply, state.language):
        sorry = phrase(state.language, "other_script")
        return speak(state, now, sorry, outcome="failed", afresh=True)
    invites = wanted(state)
    done = Speaking(speaking_until(state, now, state.talk.reply), True, invites=invites, written=True)
    return enter(state, done), (Speak(state.turn, "", last=True, invites=invites, persona=state.talk.persona),)


def _used(state: State, event: ToolUsed) -> Command:
    data: dict[str, Scalar] = {"name": event.name, "server": event.server, "decision": event.decision, "ms": event.ms}
    return ShowEvent("tool", state.turn, data)


def _write(state: State, now: float, event: ReplyDelta) -> Step:
    talk = replace(state.talk, reply=event.text if event.instead else state.talk.reply + event.text)
    speaking = Speaking(
        speaking_until(state, now, talk.reply) + state.rules.thinking_limit, complete=False, written=True
    )
    return replace(state, talk=talk, activity=speaking), (
        Speak(state.turn, event.text, instead=event.instead, persona=talk.persona),
    )


def speaking(state: State, event: SpeechDone | SpeechFailed) -> Step:
    """What the mouth tells: of the current turn, or of the interrupted one that is closing."""
    now = event.at.mono
    if state.talk.question and isinstance(state.activity, Speaking):
        return confirmation.put(state, event)
    match (state.activity, event):
        case (Speaking(invites=True), SpeechDone(heard=heard, cut=False)):
            ended, commands = end(state, now, "answered", heard)
            after, listening = _follow_up(ended, now)
            return after, (*commands, *listening)
        case (Speaking(outcome="answered", written=True), SpeechDone(heard="", cut=False)):
            return fail(state, now, "unspeakable", "nothing in the answer could be spoken")
        case (Speaking(outcome=outcome), SpeechDone(heard=heard, cut=cut)):
            return end(state, now, "interrupted" if cut else outcome, heard)
        case (Speaking(), SpeechFailed(reason=reason, heard=heard)):
            ended, commands = end(state, now, "failed", heard)
            error = ShowEvent("error", state.turn, {"code": "speech_failed", "message": reason})
            return ended, (error, *silence(state), Earcon(state.turn, "error"), *commands)
        case _:
            return state, ()
