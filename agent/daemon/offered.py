"""The turn that Home Assistant is given, and how far it is with it. Used by several threads; calls nobody.

    offered ─begin─▶ begun ─sound─▶ listening ─finish─▶ waiting ─understood─▶ understood ─over─▶ nothing
                                        └──────understood─────────────────────▶┘
    before it is understood: lost (it fails, or is too late), cancelled; at any time: the next turn is offered

Home Assistant hears nothing of a turn before its first sound: of silence a recogniser makes words, and they would be
obeyed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from agent.events import AsrFailed, Final, Turn
from agent.satellite.happenings import Failed, Says

Reply = Says | Failed


@dataclass(slots=True)
class _Talk:
    """`word`: whose end may be in the sound; `local`: what our recogniser makes of it; `due`: until when (monotonic
    seconds) the text is waited for; `overheard`: our recogniser hears something else by now; `asked`: the dialogue
    waits for the reply."""

    turn: Turn
    stage: Literal["offered", "begun", "listening", "waiting", "understood"] = "offered"
    word: str | None = None
    local: Final | AsrFailed | None = None
    due: float = 0.0
    overheard: bool = False
    asked: bool = False
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """The turn is ours again. `local`: what our recogniser has made of it by then."""

    local: Final | AsrFailed | None


class Offered:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._talk: _Talk | None = None

    @property
    def turn(self) -> Turn | None:
        talk = self._talk
        return talk.turn if talk else None

    def offer(self, turn: Turn | None) -> Turn | None:
        """The next turn is offered, or (None) is not; the one before, if it was not over."""
        with self._lock:
            before, self._talk = self._talk, None if turn is None else _Talk(turn)
        return before.turn if before else None

    def begin(self, turn: Turn, word: str | None) -> None:
        """Our recogniser begins to hear it."""
        with self._lock:
            talk = self._of(turn)
            if talk is not None and talk.stage != "offered":
                talk.overheard = True
            elif talk is not None:
                talk.stage, talk.word = "begun", word

    def sound(self, turn: Turn) -> Literal["first", "more"] | None:
        """Whether Home Assistant is to hear this sound, and whether it is the first of the turn."""
        with self._lock:
            talk = self._of(turn)
            if talk is None or talk.stage not in ("begun", "listening"):
                return None
            first, talk.stage = talk.stage == "begun", "listening"
            return "first" if first else "more"

    def finish(self, turn: Turn, due: float) -> bool:
        """The utterance is over. Whether that is news to Home Assistant."""
        with self._lock:
            talk = self._of(turn)
            if talk is None or talk.stage != "listening":
                return False  # or there was no sound in it
            talk.stage, talk.due = "waiting", due
            return True

    def late(self, mono: float) -> Turn | None:
        """Which turn is waited for too long."""
        with self._lock:
            talk = self._talk
            return talk.turn if talk is not None and talk.stage == "waiting" and mono >= talk.due else None

    def cancel(self, turn: Turn) -> bool:
        """Nobody wants to know any more what was said. Whether that is news to Home Assistant."""
        with self._lock:
            talk = self._of(turn)
            if talk is None or talk.stage == "understood":
                return False
            self._talk = None
            return talk.stage in ("listening", "waiting")

    def hold(self, event: Final | AsrFailed) -> bool:
        """Our recogniser's text. Whether it is of no use, or not yet."""
        with self._lock:
            talk = self._of(event.turn)
            if talk is None or talk.overheard or talk.stage in ("offered", "begun"):
                return False
            talk.local = event
            return True

    def understood(self, turn: Turn) -> tuple[bool, str | None]:
        """Home Assistant knows what was said. Whether that counts, and the word whose end it may have heard."""
        with self._lock:
            talk = self._of(turn)
            if talk is None or talk.stage not in ("listening", "waiting"):
                return False, None
            talk.stage = "understood"
            return True, talk.word

    def lost(self, turn: Turn) -> Lost | None:
        """Home Assistant will not understand it; None where it has, or was not to."""
        with self._lock:
            talk = self._of(turn)
            if talk is None or talk.stage == "understood":
                return None
            self._talk = None
            return Lost(talk.local)

    def asked(self, turn: Turn) -> tuple[bool, Reply | None]:
        """The dialogue wants the reply. Whether it is Home Assistant's to give, and the reply, if it is there."""
        with self._lock:
            talk = self._of(turn)
            if talk is None or talk.stage != "understood":
                return False, None
            talk.asked = True
            return True, talk.reply

    def replied(self, reply: Reply) -> bool:
        """Home Assistant has replied. Whether the dialogue waits for it; the first reply counts."""
        with self._lock:
            talk = self._of(reply.turn)
            if talk is None or talk.stage != "understood" or talk.reply is not None:
                return False
            talk.reply = reply
            return talk.asked

    def over(self, turn: Turn) -> tuple[bool, bool]:
        """The turn has ended. Whether it was Home Assistant's, and whether its reply was given."""
        with self._lock:
            talk = self._of(turn)
            if talk is None:
                return False, False
            self._talk = None
            return True, talk.asked and isinstance(talk.reply, Says)

    def _of(self, turn: Turn) -> _Talk | None:
        return self._talk if self._talk is not None and self._talk.turn == turn else None
