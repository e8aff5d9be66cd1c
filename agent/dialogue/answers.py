"""Local answers: what an intent does and says, with no network and no language model."""

from __future__ import annotations

from datetime import datetime

from agent.actions import INTENT
from agent.commands import Earcon
from agent.dialogue import actions
from agent.dialogue.origin import Spoken
from agent.dialogue.phrases import phrase, spoken_date, spoken_time
from agent.dialogue.replies import end, fail, speak
from agent.dialogue.ringing import hush
from agent.dialogue.settings import set_mute, set_volume
from agent.dialogue.state import State, Step
from agent.dialogue.timers import INTENTS, perform
from agent.events import Instant
from agent.requests import Intent

VOLUME_STEP = 10


def answer(state: State, now: float, wall: datetime, intent: Intent) -> Step:
    """Carry out a local intent in the current turn. One this version does not know fails aloud."""
    language = state.language
    match intent.name:
        case "time":
            return speak(state, now, phrase(language, "time", time=spoken_time(language, wall)))
        case "date":
            return speak(state, now, phrase(language, "date", date=spoken_date(language, wall)))
        case "repeat":
            return _repeat(state, now)
        case "stop":
            hushed, hushing = hush(state, Instant(now, wall), "stop", state.turn)
            ended, commands = end(hushed, now, "answered", "")
            return ended, (*hushing, Earcon(state.turn, "done"), *commands)
        case "volume_set" | "volume_up" | "volume_down":
            changed, commands = set_volume(state, _percent(state, intent))
            spoken, speaking = speak(changed, now, phrase(language, "volume", percent=changed.volume))
            return spoken, (*commands, *speaking)
        case "mute":
            muted, commands = set_mute(state, on=True, source="voice")
            spoken, speaking = speak(muted, now, phrase(language, "muted"))
            return spoken, (*commands, *speaking)
        case name if name == INTENT:
            return actions.perform(state, Instant(now, wall), intent, Spoken(state.turn))
        case timed if timed in INTENTS:
            return perform(state, Instant(now, wall), intent, Spoken(state.turn))
        case unknown:
            return fail(state, now, "failed", f"no answer to the intent {unknown}")


def _repeat(state: State, now: float) -> Step:
    """In the voice and the language in which it was said."""
    last = state.last_reply
    if not last.text:
        return speak(state, now, phrase(state.language, "nothing_to_repeat"))
    return speak(state, now, last.text, persona=last.persona)


def _percent(state: State, intent: Intent) -> int:
    match intent.name:
        case "volume_up":
            return state.volume + VOLUME_STEP
        case "volume_down":
            return state.volume - VOLUME_STEP
        case _:
            return int(intent.slots.get("percent", state.volume))
