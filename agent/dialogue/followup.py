"""Follow-up: after an answer, listen once more without the wake word.

Rules:
- Only after a question that was spoken here and answered to its end: not after an announcement, "stop", a failure, an
  interruption, and not after a question that was typed, since nobody in the room expects the microphone to open then.
- The mouth has told that all of the reply was heard: so the agent does not listen to itself, and the ear knows that a
  voice may still be dying away.
- Where nobody says anything it ends without a sound, and nothing that goes wrong meanwhile is worth a sentence: nobody
  has asked. No other one comes after it.
- At most `Rules.follow_ups` in a row, so that a television cannot hold a conversation for ever.
"""

from __future__ import annotations

from agent.commands import Earcon, StartListening
from agent.dialogue.replies import begin
from agent.dialogue.state import Listening, State, Step, enter


def follow_up(state: State, now: float) -> Step:
    """Listen on, after the turn that has just been answered."""
    wait = state.rules.follow_up
    talk = state.talk
    if wait is None or not talk.aloud or talk.follow_up >= state.rules.follow_ups or not _can_hear(state):
        return state, ()
    begun = begin(state, aloud=True, follow_up=talk.follow_up + 1)
    listening = Listening(now + wait + state.rules.listening_limit, chime_at=None)
    start = StartListening(begun.turn, first_word_ms=round(wait * 1000))
    return enter(begun, listening), (start, Earcon(begun.turn, "wake"))


def _can_hear(state: State) -> bool:
    parts = (state.health[part] for part in ("mic", "asr") if part in state.health)
    return not state.mic_off and all(part.status in ("ok", "degraded") for part in parts)
