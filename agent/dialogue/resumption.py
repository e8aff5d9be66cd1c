"""Whoever goes on speaking after the endpoint had only paused: the question is taken back and listened to on.

Rules:
- What was said before the pause and what comes after it are one utterance, of a new turn; the old one ends as
  "continued". So whatever still arrives for it changes nothing, as for any turn that is over.
- It holds while nothing but the question has gone out and nothing of an answer has been heard (`Talk.revocable`). A
  local command is carried out at once, and what has been done, by us or by the language model, is not taken back.
- Our own voice must never count as the user's: `Audible` comes when sound is handed to the device, before the ear can
  hear any of it.
- Who sent a command is answered when all of it is done. A yes or no is not gone on with: it was consent or none.
"""

from __future__ import annotations

from dataclasses import replace

from agent.commands import ListenOn, StopListening
from agent.dialogue.replies import begin, leave
from agent.dialogue.state import Listening, Speaking, State, Step, Thinking, Transcribing, enter
from agent.events import SpeechResumed


def resumed(state: State, event: SpeechResumed) -> Step:
    if state.mic_off or state.talk.question or not _revocable(state):
        return state, ()
    now, talk = event.at.mono, state.talk
    left, leaving = leave(replace(state, talk=replace(talk, request=None)), now, "continued")
    # The ear is to go on with what it has.
    silencing = tuple(command for command in leaving if not isinstance(command, StopListening))
    begun = begin(left, talk.request, aloud=True, follow_up=talk.follow_up, persona=talk.persona)
    listening = Listening(now + state.rules.listening_limit, chime_at=None, spoken=True)
    return enter(begun, listening), (ListenOn(begun.turn, talk.turn, talk.persona), *silencing)


def _revocable(state: State) -> bool:
    match state.activity:
        case Transcribing():
            return True
        case Thinking() | Speaking():
            return state.talk.aloud and state.talk.revocable
        case _:
            return False


def kept(state: State) -> State:
    """The question stands: something has been done for it, or its answer is heard."""
    return replace(state, talk=replace(state.talk, revocable=False)) if state.talk.revocable else state
