"""What is to be said and how far it has come: between the mouth, which has seconds of it, and a speaker that is ahead
of the ear by `AHEAD_S` at most.

The speaker is a device's child or a guest's browser; either way the rest of a reply waits here, in the engine's own
rate, and is resampled when it is sent. So a reply of minutes is no problem, "drop" costs nothing, and little is lost
with a speaker that goes. A turn whose speaker fails is over: its sound is thrown away, also what is still to come, and
the listener is told once.
"""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np

from agent.audio.listener import Listener, OwnVoice
from agent.audio.pcm import Samples
from agent.audio.reply import Reply
from agent.events import Turn

AHEAD_S = 2.0
WAITING_S = 180.0
NOTHING: Samples = np.zeros(0, np.int16)


class Line(Protocol):
    """The way to the speaker. Called with the lock held: must not block, and not call back."""

    def sound(self, turn: Turn, pcm: Samples, position: int) -> None:
        """Sound at the speaker's rate, from this frame of the turn on. None of it, for a speaker that is broken and is
        to say why."""

    def finish(self, turn: Turn) -> None:
        """The turn's sound is complete."""


class Replies:
    """Any thread may call. `listener` and `own_voice` are told outside of the lock, but for what is said."""

    def __init__(self, line: Line, listener: Listener, own_voice: OwnVoice | None = None) -> None:
        self._line = line
        self._listener = listener
        self._own_voice = own_voice
        self._lock = threading.RLock()  # guards all below
        self._replies: dict[Turn, Reply] = {}
        self._over = 0  # turns up to this one are dropped or have failed
        self._rate_hz = 0  # of the speaker; 0: not known
        self._broken = False

    # What the mouth asks for.

    def play(self, turn: Turn, pcm: Samples, rate_hz: int) -> bool:
        """Append mono PCM to what the turn says. False, and nothing is taken, where more than `room()` was given.

        Sound of a turn that was dropped or has failed is taken and thrown away.
        """
        with self._lock:
            if turn <= self._over:
                return True
            if len(pcm) / rate_hz > self.room():
                return False
            self._replies.setdefault(turn, Reply(turn)).add(pcm, rate_hz)
            if self._own_voice:
                self._own_voice.said(turn, pcm, rate_hz)
            self.feed()
        return True

    def end(self, turn: Turn) -> None:
        """Nothing more will be said in this turn."""
        with self._lock:
            if turn > self._over:
                self._replies.setdefault(turn, Reply(turn)).ended = True
                self.feed()

    def forget(self, turn: Turn) -> None:
        """This turn and all older ones are over."""
        with self._lock:
            self._over = max(self._over, turn)
            if self._own_voice:
                self._own_voice.over(turn)
            self._replies = {each: reply for each, reply in self._replies.items() if each > self._over}

    def room(self) -> float:
        """Seconds of sound that `play` still takes."""
        with self._lock:
            return WAITING_S - sum(reply.waiting_s for reply in self._replies.values())

    # What the speaker tells.

    def speaker(self, rate_hz: int | None = None, broken: bool | None = None) -> None:
        """How it is with the speaker now; None: as before. `rate_hz`: 0: nobody knows yet."""
        with self._lock:
            self._rate_hz = self._rate_hz if rate_hz is None else rate_hz
            self._broken = self._broken if broken is None else broken
            self.feed()

    @property
    def rate_hz(self) -> int:
        """Of the speaker; 0 before it was opened."""
        with self._lock:
            return self._rate_hz

    def alive(self, turn: Turn) -> bool:
        with self._lock:
            return turn in self._replies

    def played(self, turn: Turn, position: int, at: float) -> None:
        """So many frames of the turn, at the speaker's rate, had been heard at `at` (monotonic)."""
        with self._lock:
            reply = self._replies.get(turn)
            if reply is None or not reply.segments:
                return
            # A guest may say anything; nobody has heard what was not sent.
            reply.played = position = min(max(position, reply.played), reply.sent)
            heard, rate_hz = reply.heard(position)
            self.feed()
        if self._own_voice:
            self._own_voice.sounded(turn, heard / rate_hz, at)
        self._listener.played(turn, heard, rate_hz, at)

    def drained(self, turn: Turn) -> None:
        """All of it was heard; that is nothing before all of it was sent."""
        with self._lock:
            reply = self._replies.get(turn)
            known = self._replies.pop(turn) if reply is not None and reply.end_sent else None
            self.feed()
        if known:
            self._listener.drained(turn)

    def fail(self, reason: str, turn: Turn | None = None) -> None:
        """This turn, or all there are, will not be heard to the end."""
        with self._lock:
            known = sorted(each for each in self._replies if turn is None or each == turn)
            if known:
                self.forget(known[-1])
        for each in known:
            self._listener.failed(each, reason)

    def resumed(self) -> None:
        """The way to the speaker was broken and is whole again: nobody waits for what was on it, and may be lost."""
        with self._lock:
            for reply in self._replies.values():
                reply.since = reply.sent
                if reply.end_sent:
                    self._line.finish(reply.turn)
            self.feed()

    def feed(self) -> None:
        """Send what is next, as far as the speaker is to be ahead."""
        with self._lock:
            for reply in list(self._replies.values()):
                if self._broken:
                    self._line.sound(reply.turn, NOTHING, reply.sent)
                elif self._rate_hz:
                    self._feed(reply)

    def _feed(self, reply: Reply) -> None:
        while not reply.end_sent and self._ahead_s() < AHEAD_S:
            start = reply.sent
            last = reply.ended and not reply.waiting
            pcm = reply.next(self._rate_hz)
            if pcm is not None and len(pcm):
                self._line.sound(reply.turn, pcm, start)
            if last:
                reply.end_sent = True
                self._line.finish(reply.turn)
            elif pcm is None:
                return

    def _ahead_s(self) -> float:
        return sum(reply.sent - max(reply.played, reply.since) for reply in self._replies.values()) / self._rate_hz
