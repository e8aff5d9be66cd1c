"""The rules: what of the configuration shapes behaviour, and how long the dialogue waits for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.actions import Action
from agent.dialogue.cast import Cast
from agent.dialogue.quiet import Hours
from agent.events import Hint

USUAL: Mapping[Hint, int] = MappingProxyType({"complete": 250, "asking": 450, "hanging": 1000, "open": 700})


@dataclass(frozen=True, slots=True)
class Patience:
    """Silence in ms that ends an utterance, by what it is so far; "open" is the rule."""

    milliseconds: Mapping[Hint, int] = field(default_factory=lambda: USUAL)

    def after(self, hint: Hint) -> int:
        return self.milliseconds[hint]


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that shape behaviour; seconds, unless the name says otherwise.

    `follow_up`: how long to wait for the next question without a wake word, after an answer; None: not at all.
    `follow_ups`: of them in a row at most. `barge_in`: the wake word interrupts the agent's speech. `local_first`: what
    is a local command is answered here; else the LLM is asked first, and this is what remains where it does not answer.
    `late_limit`: how long for a recogniser that is loaded when its persona is first spoken to.
    `language`: that of the persona "", the others' are the cast's. `rings`: timers ring here; not at a guest's
    (`agent.dialogue.guests`).
    """

    language: str = "en"
    chime_after: float = 0.3
    listening_limit: float = 22.0
    final_limit: float = 3.0
    loading_limit: float = 5.0
    late_limit: float = 15.0
    thinking_sound_after: float = 1.8
    thinking_limit: float = 75.0
    speaking_grace: float = 10.0
    speaking_per_character: float = 0.12
    closing_limit: float = 1.0
    stale_wake: float = 1.0
    history_turns: int = 6
    history_for: float = 300.0
    pending_says: int = 8
    volume: int = 70  # percent, until somebody changes it
    quiet: Hours | None = None
    night_volume: int = 30  # percent at most, in quiet hours
    barge_in: bool = True
    follow_up: float | None = None
    follow_ups: int = 8
    local_first: bool = True
    cast: Cast = field(default_factory=Cast)
    actions: Mapping[str, Action] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    rings: bool = True
