"""Confirmation: what the language model wants to do, and somebody has to agree to.

    Thinking ─ConfirmDue─▶ Speaking the question ─heard to its end─▶ Listening ─yes, no, nothing─▶ Thinking

Rules:
- The question is put by us, from the call itself; nothing that the model writes is in it, and what it writes meanwhile
  is not heard. The turn ends with the question as its reply.
- The answer is the next turn, which begins without a wake word when the question has been heard to its end, and not
  before: so neither the agent's own speech nor the model's words can agree to anything. It belongs to this one call.
- A whole "yes" within `ANSWER_S` is consent (`agent.dialogue.assent`). Everything else is none: another word, silence,
  a recogniser that fails. Then the model is told so, and answers.
- Whoever typed the question cannot be heard, and no microphone opens for it: that is no consent.
- A wake word, "stop", mute: the whole is given up, and with it the call.
"""

from __future__ import annotations

from dataclasses import replace

from agent.commands import (
    CancelLlm,
    Command,
    Confirmed,
    ShowEvent,
    ShowTranscript,
    Speak,
    StartListening,
    StopListening,
)
from agent.dialogue.assent import agrees
from agent.dialogue.phrases import phrase
from agent.dialogue.replies import begin, end, speaking_until
from agent.dialogue.state import Listening, Speaking, State, Step, Thinking, Transcribing, enter
from agent.events import AsrFailed, ConfirmDue, Endpoint, Final, SpeechDone, SpeechFailed

ANSWER_S = 10.0
FIRST_WORD_MS = 6000


def asked(state: State, event: ConfirmDue) -> Step:
    """Put the question, where there is somebody to answer it."""
    if not isinstance(state.activity, Thinking | Speaking) or state.talk.question or not _hears(state):
        return state, (Confirmed(event.turn, event.call, yes=False),)
    if isinstance(state.activity, Speaking) and state.activity.complete:
        return state, (Confirmed(event.turn, event.call, yes=False),)
    text = phrase(state.language, "confirm", words=event.words)
    reply = f"{state.talk.reply} {text}".strip()
    talk = replace(state.talk, reply=reply, question=event.call, thinker=event.turn)
    activity = Speaking(speaking_until(state, event.at.mono, reply), complete=True)
    speak = Speak(state.turn, f" {text}", last=True, invites=True, afresh=True, persona=talk.persona)
    return replace(state, talk=talk, activity=activity), (speak,)


def _hears(state: State) -> bool:
    parts = (state.health[part] for part in ("mic", "asr") if part in state.health)
    return state.talk.aloud and not state.mic_off and all(part.status in ("ok", "degraded") for part in parts)


def put(state: State, event: SpeechDone | SpeechFailed) -> Step:
    """The question has been heard: listen. Cut short or not spoken, it was not put, and the turn is over."""
    now, talk = event.at.mono, state.talk
    if isinstance(event, SpeechFailed) or event.cut:
        ended, commands = end(state, now, "failed" if isinstance(event, SpeechFailed) else "interrupted", event.heard)
        error: tuple[Command, ...] = ()
        if isinstance(event, SpeechFailed):
            error = (ShowEvent("error", state.turn, {"code": "speech_failed", "message": event.reason}),)
        return ended, (*error, CancelLlm(state.turn), *commands)
    # Whoever sent a command is answered when all is done.
    ended, commands = end(replace(state, talk=replace(talk, request=None)), now, "answered", event.heard)
    begun = begin(ended, talk.request, aloud=True, follow_up=talk.follow_up, persona=talk.persona)
    begun = replace(begun, talk=replace(begun.talk, question=talk.question, thinker=talk.thinker))
    listening = StartListening(begun.turn, first_word_ms=FIRST_WORD_MS, persona=talk.persona)
    return enter(begun, Listening(now + ANSWER_S, chime_at=None)), (*commands, listening)


def answered(state: State, event: Endpoint | Final | AsrFailed) -> Step | None:
    """What the ear tells while an answer is waited for; None where that is the turn's own business."""
    match (state.activity, event):
        case (Listening() | Transcribing(), Final(text=text)):
            told = replace(state, talk=replace(state.talk, asked=text))
            after, commands = settle(told, event.at.mono, agrees(state.language, text))
            return after, (ShowTranscript(state.turn, text, final=True), *commands)
        case (Listening(), Endpoint(cause="no_speech")) | (Listening() | Transcribing(), AsrFailed()):
            return settle(state, event.at.mono, yes=False)
        case _:
            return None


def settle(state: State, now: float, yes: bool) -> Step:
    """It is decided; the language model goes on."""
    answer = Confirmed(state.talk.thinker, state.talk.question, yes)
    thinking = Thinking(now + state.rules.thinking_limit)
    return replace(state, talk=replace(state.talk, question=""), activity=thinking), (answer,)


def too_late(state: State, now: float) -> Step:
    """No answer in time."""
    after, commands = settle(state, now, yes=False)
    return after, (StopListening(state.turn), *commands)
