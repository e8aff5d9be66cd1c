"""A recogniser on a bigger machine, over the Wyoming protocol, and the one on this device beside it.

Rules:
- The local engine hears each utterance, too. Its texts are the partials: they come at once, and how much of the sound
  they are of is known, from which the end of an utterance is told. And where the server is lost, whenever that is, the
  local final is already there: nothing has to be decoded again.
- The sound goes out while one speaks. The final is the server's, if it comes within `wait_s` of the utterance's end.
- A server that writes while one speaks is believed before the local engine. How much its text is of it does not say:
  all but the last `LAG` of what it had been sent.
- A server that is away (`agent.wyoming.server`) is not asked at all, and so delays nothing.
- Nothing of it is trusted: no text is longer than `LONGEST`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.hearing.asr import Engine
from agent.hearing.words import without_wake
from agent.wyoming.connection import Connection, Lost
from agent.wyoming.messages import Message
from agent.wyoming.offer import Offer, primary
from agent.wyoming.server import Server, complain, expect
from agent.wyoming.sound import shape, sound

LAG = RATE_HZ // 2  # samples
LONGEST = 1000  # characters
TRIAL_S = 0.5  # of quiet
START, STOP = Message("audio-start", shape(RATE_HZ)), Message("audio-stop")


def remote(
    uri: str, language: str, wait_s: float, local: Engine, told: Callable[[str], None], calls: int
) -> RemoteEngine:
    """Look after the server from now on. `told`: hears why it is away, or "", from another thread. `calls`: a file
    that can be read where nobody may want the final any more."""
    asked = server(uri, language, wait_s, told)
    asked.start()
    return RemoteEngine(asked, language, wait_s, local, calls)


def server(uri: str, language: str, wait_s: float, told: Callable[[str], None] = lambda reason: None) -> Server:
    """A server that has to be able to write quiet down."""
    quiet = np.random.default_rng(0).normal(0, 10, round(TRIAL_S * RATE_HZ)).astype(np.int16)

    def trial(connection: Connection, offer: Offer) -> None:
        if not offer.of(language):
            raise Lost(f'it has no model for "{language}"')
        connection.send(_request(language), START, _sound(quiet), STOP)
        expect(connection, "transcript", time.monotonic() + wait_s)

    return Server(uri, "asr", trial, told)


class RemoteEngine:
    """An `Engine`."""

    def __init__(self, server: Server, language: str, wait_s: float, local: Engine, calls: int) -> None:
        self._server = server
        self._language = language
        self._wait_s = wait_s
        self._local = local
        self._calls = calls
        self._connection: Connection | None = None
        self._word: str | None = None
        self._fed = 0  # samples
        self._text: str | None = None  # what the server has written so far
        self._told = ""  # of that, the newest partial
        self._heard = 0
        self._awaited: int | None = None  # in a pause: `_fed` from which the server's text is told again

    @property
    def heard(self) -> int:
        return self._local.heard if self._text is None else self._heard

    def begin(self, word: str | None, lead_ms: int) -> None:
        self._local.begin(word, lead_ms)
        self.hang_up()
        self._word, self._fed = word, 0
        self._text, self._told, self._heard, self._awaited = None, "", 0, None
        if (well := self._server.well) is None:
            return
        try:
            self._connection = Connection(well.address)
            self._connection.send(_request(self._language), START)
        except Lost as error:
            self._lost(str(error))

    def feed(self, pcm: Samples) -> str | None:
        local = self._local.feed(pcm)
        self._fed += len(pcm)
        self._exchange(_sound(pcm))
        if self._text is None:
            return local
        text = self._cleaned(self._text)
        settled = self._awaited is not None and self._fed >= self._awaited
        if text == self._told and not settled:
            return None
        self._told, self._heard = text, max(0, self._fed - LAG)
        self._awaited = None if settled else self._awaited
        return text

    def pause(self) -> str | None:
        local = self._local.pause()
        if self._text is None:
            return local
        self._awaited = self._fed + LAG
        return None

    def resume(self) -> None:
        self._local.resume()
        self._awaited = None

    def finish(self) -> str:
        self._send(STOP)  # and take in nothing: what comes now may be the final
        until = time.monotonic() + self._wait_s
        local = self._local.finish()
        answer = self._answer(until)
        self.hang_up()
        return local if answer is None else self._cleaned(answer)

    def _send(self, message: Message) -> None:
        if self._connection is None:
            return
        try:
            self._connection.send(message)
        except Lost as error:
            self._lost(str(error))

    def _exchange(self, message: Message) -> None:
        """Send this, and take in what has come: pieces of a text."""
        self._send(message)
        if self._connection is None:
            return
        try:
            for each in self._connection.receive():
                self._take(each)
        except Lost as error:
            self._lost(str(error))

    def _take(self, message: Message) -> str | None:
        """Before the end there are only pieces of a text, and after it the final, which is given back."""
        complain(message)
        match message.type:
            case "transcript-start":
                self._text = ""
            case "transcript-chunk":
                self._text = ((self._text or "") + message.text())[:LONGEST]
            case "transcript":
                return message.text()[:LONGEST]
            case _:
                pass  # what later versions may say
        return None

    def _answer(self, until: float) -> str | None:
        """The server's final; None where it does not come, or nobody wants it any more."""
        while self._connection is not None:
            try:
                for message in self._connection.receive():
                    answer = self._take(message)
                    if answer is not None:
                        self._server.served()
                        return answer
                if time.monotonic() > until:
                    raise Lost(f"no text within {self._wait_s:g} s")
            except Lost as error:
                self._lost(str(error))
                return None
            if self._connection.wait(until, self._calls):
                return None
        return None

    def _cleaned(self, text: str) -> str:
        text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return without_wake(text, self._word) if self._word else text

    def _lost(self, reason: str) -> None:
        self.hang_up()
        self._text = None
        self._server.lost(reason)

    def hang_up(self) -> None:
        """Nobody wants to know any more, or all is known."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _request(language: str) -> Message:
    return Message("transcribe", {"language": primary(language)})


def _sound(pcm: Samples) -> Message:
    return sound(RATE_HZ, pcm.astype("<i2").tobytes())
