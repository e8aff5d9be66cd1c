"""What the lights show: the state of the agent -> a look. Pure.

One look has one meaning, whatever the lights can do: colours tell it, and where there is only one, the motion does.

    listening  blue, steady          muted     red, steady, on any occasion but these
    thinking   violet, turning       starting  white, breathing
    speaking   green, breathing      trouble   amber, a flash every four seconds
    idle       dark                  offline   the same, faint

With the microphone off, thinking and speaking move as ever, but in red; trouble flashes in red.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from agent.events import Part, Phase, Status

Colour = tuple[int, int, int]
Motion = Literal["steady", "breathing", "turning", "flashing"]

DARK_COLOUR: Colour = (0, 0, 0)
BLUE: Colour = (0, 80, 255)
VIOLET: Colour = (150, 0, 255)
GREEN: Colour = (0, 255, 60)
RED: Colour = (255, 0, 0)
AMBER: Colour = (255, 110, 0)
WHITE: Colour = (255, 255, 255)

VITAL: frozenset[Part] = frozenset({"mic", "speaker", "wake", "asr", "tts"})
DISTANT: frozenset[Part] = frozenset({"llm", "mqtt"})
HEARING: frozenset[Part] = frozenset({"mic", "wake"})


@dataclass(frozen=True, slots=True)
class Look:
    """`level`: 0 to 1, the share of the configured brightness as the eye judges it."""

    colour: Colour
    level: float
    motion: Motion = "steady"


DARK = Look(DARK_COLOUR, 0.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to show.

    `starting`: it does not hear yet; `trouble`: it cannot do its work; `offline`: broker or language model are away.
    """

    phase: Phase = "idle"
    mic_off: bool = False
    starting: bool = False
    trouble: bool = False
    offline: bool = False


def look(scene: Scene) -> Look:
    """The look of a scene."""
    shown = _phase(scene)
    return replace(shown, colour=RED) if scene.mic_off and shown.level > 0 else shown


def _phase(scene: Scene) -> Look:
    match scene:
        case Scene(phase="listening"):
            return Look(BLUE, 1.0)
        case Scene(phase="thinking"):
            return Look(VIOLET, 1.0, "turning")
        case Scene(phase="speaking"):
            return Look(GREEN, 1.0, "breathing")
        case Scene(trouble=True):
            return Look(AMBER, 1.0, "flashing")
        case Scene(mic_off=True):
            return Look(RED, 0.6)
        case Scene(starting=True):
            return Look(WHITE, 0.4, "breathing")
        case Scene(offline=True):
            return Look(AMBER, 0.25, "flashing")
        case _:
            return DARK


@dataclass(frozen=True, slots=True)
class Health:
    """The health of the parts, as far as it has been told."""

    parts: tuple[tuple[Part, Status], ...] = ()

    def told(self, part: Part, status: Status) -> Health:
        return Health((*(known for known in self.parts if known[0] != part), (part, status)))

    def onto(self, scene: Scene) -> Scene:
        """The scene with what the parts mean for it."""
        known = dict(self.parts)
        return replace(
            scene,
            starting=any(known.get(part, "loading") == "loading" for part in HEARING),
            trouble=any(known.get(part) == "failed" for part in VITAL),
            offline=any(known.get(part) == "failed" for part in DISTANT),
        )
