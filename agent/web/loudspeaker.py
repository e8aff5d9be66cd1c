"""A guest's loudspeaker: what the mouth says to it goes over the connection, and what was heard comes back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agent.audio.listener import Listener, OwnVoice
from agent.audio.pcm import Samples
from agent.audio.playback import LOUD, SOFT
from agent.audio.replies import AHEAD_S, Replies
from agent.audio.resample import Resampler, to_int16
from agent.events import Turn
from agent.web.protocol import Frame, Kind, message

SPEECH_HZ = 24_000
SLICE = SPEECH_HZ // 10  # frames in one message: a slow network is seldom behind by more


class Loudspeaker:
    """The mouth's `Player`. `send`: a text or bytes for the guest; any thread may call it, and it never blocks.

    While nobody is connected, what is said waits; `gone` gives it up.
    """

    def __init__(self, listener: Listener, send: Callable[[str | bytes], None], own_voice: OwnVoice | None) -> None:
        self._listener = listener
        self._send = send
        self._replies = Replies(self, listener, own_voice)
        self._replies.speaker(SPEECH_HZ)
        self._began: Turn = -1
        self._dropped: Turn = 0

    def play(self, turn: Turn, pcm: Samples, rate_hz: int) -> bool:
        return self._replies.play(turn, pcm, rate_hz)

    def end(self, turn: Turn) -> None:
        self._replies.end(turn)

    def drop(self, turn: Turn) -> None:
        self._replies.forget(turn)
        self._dropped = max(self._dropped, turn)
        self._send(message("drop", turn=turn))
        self._replies.feed()

    def earcon(self, pcm: Samples, rate_hz: int) -> None:
        resampler = Resampler(rate_hz, SPEECH_HZ, "MQ")
        floats = np.concatenate([resampler.feed(pcm.astype(np.float32)), resampler.flush()])
        self._send(Frame(Kind.SOUND, to_int16(floats).tobytes(), SPEECH_HZ).encode())

    def volume(self, percent: int) -> None:
        self._send(message("volume", percent=percent))

    def prepare(self) -> None:
        """A page's loudspeaker is open."""

    def soften(self, on: bool) -> None:
        db, ramp_ms = SOFT if on else LOUD
        self._send(message("duck", db=db, ramp_ms=ramp_ms))

    # What the replies send.

    def sound(self, turn: Turn, pcm: Samples, position: int) -> None:
        for at in range(0, len(pcm), SLICE):
            piece = pcm[at : at + SLICE].tobytes()
            self._send(Frame(Kind.SPEECH, piece, SPEECH_HZ, turn, float(position + at)).encode())

    def finish(self, turn: Turn) -> None:
        self._send(message("end", turn=turn))

    # What the guest reports.

    def playing(self, turn: Turn, frames: int, at: float) -> None:
        """So many frames had been heard at `at`, monotonic seconds."""
        if not self._replies.alive(turn):
            return
        if turn != self._began:
            self._began = turn
            self._listener.audible(turn, at - min(frames / SPEECH_HZ, AHEAD_S))
        self._replies.played(turn, frames, at)

    def drained(self, turn: Turn) -> None:
        self._replies.drained(turn)

    def resumed(self) -> None:
        """Another connection: what was said last over the one before may have been lost."""
        self._send(message("drop", turn=self._dropped))
        self._replies.resumed()

    def gone(self) -> None:
        """The guest is not coming back."""
        self._replies.fail("the guest has left")
