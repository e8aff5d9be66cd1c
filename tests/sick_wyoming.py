"""A Wyoming server of recognition and speech that misbehaves on purpose, on a loopback port of its own.

    with SickWyoming(writes("good morning"), hangs()) as server:   # the first work is done, all others hang
        … server.uri, server.work[0].sound

A symptom is `async (visit) -> None`: it is called when the client has asked for something ("synthesize", or the
"audio-stop" behind a "transcribe"), writes what it likes and returns. `early` is called at a "transcribe" already. What
the client says is read, and good answers are written, with the protocol's own package, so that this is a second
opinion, too. "describe" is answered healthily, unless `info` is another symptom.
"""

from __future__ import annotations

import asyncio
import json
import socket
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from sick_server import SickServer, closed_port, last_let_in, reset

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the package imports audioop, which Python 3.13 has no more
    from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.error import Error
    from wyoming.event import Event, Eventable, async_read_event, async_write_event, read_event, write_event
    from wyoming.info import AsrModel, AsrProgram, Attribution, Info, TtsProgram, TtsVoice

__all__ = ["Transcript", "closed_port", "read_event", "write_event"]

RATE_HZ = 22_050
WHO = Attribution("nobody", "https://example.org")


@dataclass(slots=True)
class Work:
    """What was asked: the message, and the sound that came with it."""

    asked: Event
    sound: bytes = b""


@dataclass(slots=True)
class Visit:
    """What a symptom works with."""

    writer: asyncio.StreamWriter
    work: Work

    async def say(self, *messages: Eventable) -> None:
        for message in messages:
            await async_write_event(message.event(), self.writer)

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """FIN."""
        self.writer.close()

    def reset(self) -> None:
        """RST."""
        reset(self.writer.transport)


Symptom = Callable[[Visit], Awaitable[None]]


# ---------------------------------------------------------------- healthy


def writes(text: str, after_s: float = 0.0) -> Symptom:
    """A transcript."""

    async def symptom(visit: Visit) -> None:
        await asyncio.sleep(after_s)
        await visit.say(Transcript(text))

    return symptom


def writes_early(*pieces: str) -> Symptom:
    """Pieces of a transcript, while one speaks."""

    async def symptom(visit: Visit) -> None:
        await visit.say(TranscriptStart(), *map(TranscriptChunk, pieces))

    return symptom


def sounds(seconds: float = 0.5, rate_hz: int = RATE_HZ, channels: int = 1, then: Symptom | None = None) -> Symptom:
    """A buzz, 50 ms of silence before it; its end, or `then`."""

    async def symptom(visit: Visit) -> None:
        shape = {"rate": rate_hz, "width": 2, "channels": channels}
        buzz = np.where(np.arange(round(seconds * rate_hz)) // 20 % 2, 8000, -8000)
        pcm = np.repeat(np.concatenate([np.zeros(rate_hz // 20), buzz]), channels).astype("<i2").tobytes()
        await visit.say(AudioStart(**shape))
        step = 4096 * channels
        await visit.say(*(AudioChunk(audio=pcm[at : at + step], **shape) for at in range(0, len(pcm), step)))
        await (then or _ends)(visit)

    return symptom


async def _ends(visit: Visit) -> None:
    await visit.say(AudioStop())


# ---------------------------------------------------------------- sick


def hangs() -> Symptom:
    async def symptom(_: Visit) -> None:
        return

    return symptom


def cuts() -> Symptom:
    async def symptom(visit: Visit) -> None:
        visit.close()

    return symptom


def resets() -> Symptom:
    async def symptom(visit: Visit) -> None:
        visit.reset()

    return symptom


def garbage(data: bytes = b"HTTP/1.1 400 Bad Request\r\n\r\n") -> Symptom:
    async def symptom(visit: Visit) -> None:
        await visit.raw(data)

    return symptom


def oversize(part: str) -> Symptom:
    """A message that says it is a gigabyte long, or a line without end."""
    if part == "line":
        return garbage(b" " * 200_000)
    return garbage(json.dumps({"type": "transcript", part: 1 << 30}).encode() + b"\n")


def dribbles(message: Eventable, every_s: float = 0.1) -> Symptom:
    """One byte after the other."""

    async def symptom(visit: Visit) -> None:
        for byte in json.dumps(message.event().to_dict()).encode() + b"\n":
            await visit.raw(bytes([byte]))
            await asyncio.sleep(every_s)

    return symptom


def complains(text: str) -> Symptom:
    async def symptom(visit: Visit) -> None:
        await visit.say(Error(text=text))

    return symptom


def says(type: str, payload: bytes = b"", **data: Any) -> Symptom:
    """Any message at all, whose data need not be as the protocol has it."""

    async def symptom(visit: Visit) -> None:
        await async_write_event(Event(type, data, payload or None), visit.writer)

    return symptom


def offers(languages: tuple[str, ...] = ("en",), voices: tuple[str, ...] = ("joe",)) -> Symptom:
    """What it answers to "describe". Each voice speaks all languages, unless it names its own: "yuna:ko"."""

    def voice(told: str) -> TtsVoice:
        name, _, own = told.partition(":")
        return TtsVoice(name, WHO, True, None, None, [own] if own else list(languages))

    model = AsrModel("small", WHO, True, None, None, list(languages))
    asr = AsrProgram("sick-asr", WHO, True, None, "1", [model])
    tts = TtsProgram("sick-tts", WHO, True, None, "1", [voice(each) for each in voices])

    async def symptom(visit: Visit) -> None:
        await visit.say(Info(asr=[asr], tts=[tts]))

    return symptom


@contextmanager
def silent_host() -> Iterator[str]:
    """The address of a port that answers no SYN: its queue is full."""
    with socket.socket() as door, socket.socket() as first, socket.socket() as second:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for guest in (first, second):
            guest.setblocking(False)
            guest.connect_ex(door.getsockname())
        yield f"tcp://127.0.0.1:{door.getsockname()[1]}"


class SickWyoming(SickServer[Work]):
    """`work` holds what was asked; the n-th of it gets the n-th symptom."""

    def __init__(
        self, *symptoms: Symptom, info: Symptom | None = None, early: Symptom | None = None, port: int = 0
    ) -> None:
        super().__init__("sick-wyoming", None, port)
        self.work: list[Work] = []
        self._symptoms = symptoms or (writes("as the server heard it"),)
        self._info = info or offers()
        self._early = early or hangs()

    @property
    def uri(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def wait_for_work(self, count: int, timeout_s: float = 20.0) -> Work:
        self._until(lambda: len(self.work) >= count, timeout_s, lambda: f"asked {len(self.work)} times")
        return self.work[count - 1]

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        await self._open()
        await last_let_in(server)
        server.close()
        visits = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in visits:
            task.cancel()
        await asyncio.gather(*visits, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        # A connection that breaks, or this server ending, is an end like any other.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._listen(reader, writer)
        writer.close()
        if self._down.is_set():
            writer.transport.abort()  # nobody takes what is still to be sent
        with suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        work = Work(Event("nothing"))
        while (event := await async_read_event(reader)) is not None:
            match event.type:
                case "describe":
                    await self._info(Visit(writer, Work(event)))
                case "transcribe":
                    work = Work(event)
                    await self._early(Visit(writer, work))
                case "audio-chunk":
                    work.sound += event.payload or b""
                case "audio-stop":
                    await self._next(self.work, work, self._symptoms)(Visit(writer, work))
                case "synthesize":
                    asked = Work(event)
                    await self._next(self.work, asked, self._symptoms)(Visit(writer, asked))
                case _:
                    pass
