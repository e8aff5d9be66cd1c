"""Follow-up: after an answer, listen once more without the wake word.

Rules:
- Where the agent itself has asked which timer is meant, it listens for the answer in any case.
- Only after a question that was spoken here and answered to its end: not after an announcement, "stop", a failure, an
  interruption, and not after a question that was typed, since nobody in the room expects the microphone to open then.
- The sound that invites is the last of the reply, and the ear opens when all of that has been heard (SpeechDone). So it
  hears neither the agent's words nor its sound, which in a quiet room is loud enough to be taken for a voice. What dies
  away in the room after that is for the endpointer.
- Where nobody says anything it ends without a sound, and nothing that goes wrong meanwhile is worth a sentence: nobody
  has asked. No other one comes after it.
- At most `Rules.follow_ups` in a row, so that a television cannot hold a conversation for ever.
"""

from __future__ import annotations

from agent.dialogue.state import State

ASKED_S = 5.0


def waits(state: State) -> float:
    """How long to wait for the first word, seconds."""
    return ASKED_S if state.rules.follow_up is None else state.rules.follow_up


def wanted(state: State) -> bool:
    """Whether the current turn, once it is answered, is to be followed up."""
    talk, rules = state.talk, state.rules
    parts = (state.health[part] for part in ("mic", "asr") if part in state.health)
    hears = not state.mic_off and all(part.status in ("ok", "degraded") for part in parts)
    rings = bool(state.book.bell.rings)  # a timer that has waited for this answer
    invites = rules.follow_up is not None or state.book.asking is not None
    return invites and talk.aloud and talk.follow_up < rules.follow_ups and hears and not rings
