"""What the satellite knows: one frozen value. Times are monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass

from agent.events import Turn
from agent.satellite.happenings import Owner, Send

LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Talk:
    """A turn that Home Assistant has. `streaming`: the user is listened to; `understood`: what was said has a text;
    `worded`: its reply has one; `sounding`: its reply has begun to come; `complete`: all of it is here."""

    turn: Turn
    until: float
    streaming: bool = True
    understood: bool = False
    worded: bool = False
    sounding: bool = False
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Coming:
    """Sound that is on its way. `wanted`: not thrown away; `left`: seconds of it that are still taken."""

    owner: Owner
    wanted: bool = True
    left: float = LONGEST_S


@dataclass(frozen=True, slots=True)
class State:
    """`ending_until`: until then a pipeline may go on that was dropped; `held`: what is to be sent after it.
    `stray_until`: until then the reply of a turn may begin to come that nobody waits for any more. `pinged_at`: when
    the last ping of ours was sent, None: Home Assistant sends none; `ponged_at`: when it last said anything."""

    serving: bool = False
    talk: Talk | None = None
    coming: Coming | None = None
    ending_until: float = 0.0
    held: tuple[Send, ...] = ()
    stray_until: float = 0.0
    pinged_at: float | None = None
    ponged_at: float = 0.0
