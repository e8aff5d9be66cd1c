"""A voice on a bigger machine, over the Wyoming protocol.

Rules:
- Who speaks where it is away, refuses, or breaks off in the middle of a clause, is decided by
  `agent.speaking.synthesis`: the next voice in order speaks the clause from its beginning, since none of its sound has
  been played yet.
- While it is away (`agent.wyoming.server`) it refuses at once.
- The first sound of a clause has to come within `FIRST_S`, the next within `GAP_S`, all of it within `ALL_S`: less than
  the synthesis would wait for a process that hangs.
- Nothing of it is trusted: no clause is longer than `LONGEST_S`, and sound is 16 bit, at a rate that a speaker has.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Iterator

from agent.speaking.tts import SpeechError, clean
from agent.wyoming.connection import Connection, Lost
from agent.wyoming.messages import BadMessage, Message
from agent.wyoming.offer import Offer, primary
from agent.wyoming.server import Server, complain
from agent.wyoming.sound import WIDTH, mono

FIRST_S, GAP_S, ALL_S = 2.0, 1.0, 4.5
LONGEST_S = 90.0
LOOK_S = 2.0  # that loading takes at most
SILENCE = 100  # of 32,768: −50 dB
KEEP_S = 0.005  # of the silence before the first sound
WARM_UP = "Okay."


class Remote:
    """One voice of a server. `voice`: its name there, "" for what the server chooses: it was told which one speaks when
    none is asked for, and most of what it offers it would first have to download. `told`: hears why the server is away,
    or "", from another thread."""

    def __init__(self, uri: str, voice: str, language: str, told: Callable[[str], None] = lambda reason: None) -> None:
        self._voice = voice
        self._language = language
        self._server = Server(uri, "tts", self._trial, told)
        self._lock = threading.Lock()  # guards the two below, which `cancel` touches
        self._connection: Connection | None = None
        self._cancelled = False

    def load(self) -> None:
        """It is never unusable for good: a server that is away may come back."""
        self._server.start()
        self._server.await_look(LOOK_S)

    def look(self) -> Offer:
        """Ask it once what it offers, and let it speak. Raises Lost."""
        return self._server.look()

    def synthesise(self, text: str) -> Iterator[tuple[int, bytes]]:
        well = self._server.well
        if well is None:
            raise SpeechError(self._server.reason)
        if not (text := clean(text)):
            return
        try:
            connection = self._take(Connection(well.address))
            yield from self._sound(connection, self._request(text, well.offer))
        except Lost as error:
            if not self._cancelled:
                self._server.lost(str(error))
                raise SpeechError(self._server.reason) from error
        else:
            self._server.served()
        finally:
            self._leave()

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._connection is not None:
                self._connection.abandon()

    def _take(self, connection: Connection) -> Connection:
        with self._lock:
            self._connection, self._cancelled = connection, False
        return connection

    def _leave(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _trial(self, connection: Connection, offer: Offer) -> None:
        for _ in self._sound(connection, self._request(WARM_UP, offer)):
            pass

    def _request(self, text: str, offer: Offer) -> Message:
        """Raises Lost where there is no such voice."""
        if self._voice:
            if offer.models and self._voice not in (model.name for model in offer.models):
                raise Lost(f'it has no voice "{self._voice}"')
            return Message("synthesize", {"text": text, "voice": {"name": self._voice}})
        if offer.models and not offer.of(self._language):
            raise Lost(f'it has no voice for "{self._language}"')
        return Message("synthesize", {"text": text, "voice": {"language": primary(self._language)}})

    def _sound(self, connection: Connection, request: Message) -> Iterator[tuple[int, bytes]]:
        """Raises Lost."""
        connection.send(request)
        began = time.monotonic()
        until, samples, silent = began + FIRST_S, 0.0, True
        while True:
            for message in connection.receive():
                complain(message)
                if message.type == "audio-stop":
                    return
                if message.type != "audio-chunk":
                    continue
                rate_hz, pcm = _mono(message)
                samples += len(pcm) / WIDTH / rate_hz
                if samples > LONGEST_S:
                    raise Lost(f"a clause of over {LONGEST_S:g} s")
                until = min(time.monotonic() + GAP_S, began + ALL_S)
                if silent:
                    pcm = _without_silence(pcm, rate_hz)
                if pcm:
                    silent = False
                    yield rate_hz, pcm
            if time.monotonic() > until:
                raise Lost("no sound in time")
            connection.wait(until)


def _mono(message: Message) -> tuple[int, bytes]:
    try:
        return mono(message)
    except BadMessage as error:
        raise Lost(str(error)) from error


def _without_silence(pcm: bytes, rate_hz: int) -> bytes:
    """Heard before the first sound it would be slowness."""
    first = next((at for at, sample in enumerate(array("h", pcm)) if abs(sample) > SILENCE), None)
    return b"" if first is None else pcm[max(0, first - int(KEEP_S * rate_hz)) * WIDTH :]
