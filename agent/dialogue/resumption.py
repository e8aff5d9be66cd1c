"""Whoever goes on speaking after the endpoint had only paused: the question is taken back and listened to on.

Rules:
- What was said before the pause and what comes after it are one utterance, of a new turn; the old one ends as
  "continued". So whatever still arrives for it changes nothing, as for any turn that is over.
- It holds while nothing but the question has gone out: until the language model begins to answer or uses a tool. A
  local command is carried out at once, and what has been done is not taken back.
- Who sent a command is answered when all of it is done. A yes or no is not gone on with: it was consent or none.
"""

from __future__ import annotations

from dataclasses import replace

from agent.commands import CancelLlm, ListenOn
from agent.dialogue.replies import begin, end
from agent.dialogue.state import Listening, State, Step, Thinking, Transcribing, enter
from agent.events import SpeechResumed


def resumed(state: State, event: SpeechResumed) -> Step:
    if state.mic_off or state.talk.question or not _revocable(state):
        return state, ()
    now, talk = event.at.mono, state.talk
    cancelled = (CancelLlm(talk.turn),) if isinstance(state.activity, Thinking) else ()
    ended, ending = end(replace(state, talk=replace(talk, request=None)), now, "continued", "")
    begun = begin(ended, talk.request, aloud=True, follow_up=talk.follow_up, persona=talk.persona)
    listening = Listening(now + state.rules.listening_limit, chime_at=None, spoken=True)
    listen_on = ListenOn(begun.turn, talk.turn, talk.persona)
    return enter(begun, listening), (listen_on, *cancelled, *ending)


def _revocable(state: State) -> bool:
    match state.activity:
        case Transcribing():
            return True
        case Thinking(revocable=revocable):
            return revocable and state.talk.aloud
        case _:
            return False


def kept(state: State) -> State:
    """Something has been done for the question: it is not taken back any more."""
    if isinstance(state.activity, Thinking):
        return enter(state, replace(state.activity, revocable=False))
    return state
