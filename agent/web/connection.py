"""One connection of a guest: what it brings goes to its visit and to the host. How fast, and what, is limited here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import WSMsgType, web

from agent.requests import (
    AskRequest,
    Intent,
    ListenRequest,
    MuteRequest,
    SettingRequest,
    StopRequest,
    TimerRequest,
    VolumeRequest,
)
from agent.web import protocol
from agent.web.access import Bucket
from agent.web.host import Host
from agent.web.protocol import BadFrame, Ending, Frame, Hello, Kind, Message
from agent.web.recording import Recording
from agent.web.visit import Visit
from agent.web.webrtc import Peer

HELLO_S = 10.0
BYTES_A_SECOND, BYTES_AT_ONCE = 400_000, 2_000_000
MESSAGES_A_SECOND, MESSAGES_AT_ONCE = 300, 1_000
WISHES_A_SECOND, WISHES_AT_ONCE = 20, 100  # each is an event for the dialogue, which also has others to serve
TOO_FAST = "more than a microphone and a person could say"
TOLD_EVERY_S = 1.0
Clock = Callable[[], float]


class Refused(Exception):
    """The connection has to end; code and text are for the guest."""

    def __init__(self, code: Ending, text: str) -> None:
        super().__init__(text)
        self.code = code


async def greeting(socket: web.WebSocketResponse) -> Hello:
    """The first message. Raises Refused, BadFrame, and ConnectionError where nothing will come."""
    try:
        first = await socket.receive(HELLO_S)
    except TimeoutError:
        raise Refused("too_late", f"no hello within {HELLO_S:.0f} seconds") from None
    if first.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
        raise ConnectionResetError("gone before hello")
    if first.type is not WSMsgType.TEXT:
        raise Refused("bad_message", "the first message has to be hello")
    hello = protocol.parse(first.data)
    if not isinstance(hello, Hello):
        raise Refused("bad_message", "the first message has to be hello")
    return hello


class Connection:
    """Belongs to the server's loop. `serve` returns when the guest has gone, and raises Refused or BadFrame."""

    def __init__(self, socket: web.WebSocketResponse, visit: Visit, host: Host, clock: Clock) -> None:
        self._socket = socket
        self._visit = visit
        self._host = host
        self._clock = clock
        self._wishes = Bucket(WISHES_A_SECOND, WISHES_AT_ONCE, clock)
        self._peer = Peer(lambda sound: visit.microphone.put_decoded(sound, clock()))
        self._undecodable = ""  # why nothing that is recorded will be decoded any more
        self._recording = self._recorder() if visit.hello.format != "pcm" else None

    async def serve(self) -> None:
        telling = asyncio.create_task(self._tell_arrival())
        try:
            await self._receive()
        finally:
            telling.cancel()
            await self._peer.close()
            if self._recording:
                await asyncio.to_thread(self._recording.stop)

    def _recorder(self) -> Recording:
        visit, clock = self._visit, self._clock

        def broken(reason: str) -> None:
            visit.send(protocol.message("error", code="recording", message=reason))

        def over(reason: str) -> None:
            self._undecodable = reason

        recording = Recording(lambda sound: visit.microphone.put_decoded(sound, clock()), broken, over)
        recording.start()
        return recording

    async def _receive(self) -> None:
        amounts = Bucket(BYTES_A_SECOND, BYTES_AT_ONCE, self._clock)
        messages = Bucket(MESSAGES_A_SECOND, MESSAGES_AT_ONCE, self._clock)
        async for given in self._socket:
            if given.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            if not messages.take(1) or not amounts.take(len(given.data)):
                raise Refused("too_fast", TOO_FAST)
            self._visit.received += len(given.data)
            if given.type is WSMsgType.BINARY:
                self._hear(protocol.decode(given.data))
            else:
                await self._heed(protocol.parse(given.data))

    def _hear(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.PERIODS if self._recording is None:
                self._visit.microphone.put(frame, self._clock())
            case Kind.CONTAINER if self._undecodable:
                raise Refused("recording", self._undecodable)
            case Kind.CONTAINER if self._recording is not None:
                self._recording.take(frame)
            case _:
                raise BadFrame(f"sound of the kind {frame.kind.name} was not announced by hello")

    async def _heed(self, said: Message) -> None:
        visit = self._visit
        match said:
            case protocol.Ping(at=at):
                visit.send(protocol.message("pong", at=at, now=self._clock() * 1000))
            case protocol.Playing(turn=turn, frames=frames):
                if visit.loudspeaker:
                    visit.loudspeaker.playing(turn, frames, self._clock())
            case protocol.Drained(turn=turn):
                if visit.loudspeaker:
                    visit.loudspeaker.drained(turn)
            case Hello():
                raise BadFrame("hello is said once")
            case _:
                await self._wish(said)

    async def _wish(self, said: Message) -> None:
        visit = self._visit
        if not self._wishes.take(1):
            raise Refused("too_fast", TOO_FAST)
        match said:
            case protocol.ChangeDevice(name=name, value=value):
                self._host.ask_device(visit, SettingRequest(name, value))
            case protocol.CancelTimer(cancel=timer):
                self._host.ask_device(visit, TimerRequest(Intent("cancel", {"timer": timer})))
            case protocol.Offer(sdp=sdp):
                await self._call(sdp)
            case _:
                await self._converse(said)

    async def _call(self, offer: str) -> None:
        try:
            self._visit.send(protocol.message("answer", sdp=await self._peer.answer(offer)))
        except BadFrame as error:
            self._visit.send(protocol.message("error", code="webrtc", message=str(error)))

    async def _converse(self, said: Message) -> None:
        visit, now = self._visit, self._clock()
        match said:
            case protocol.Stop() | protocol.MicSwitched(on=False) if visit.seat is None:
                return  # nothing goes on
            case _:
                pass
        if visit.seat is None and not await asyncio.to_thread(self._host.begin, visit):
            return
        match said:
            case protocol.MicSwitched(on=on):
                visit.microphone.afresh()
                if on:
                    self._host.ask(visit, MuteRequest(on=False))
            case protocol.Listen():
                self._host.ask(visit, ListenRequest(since=now))  # taking a seat takes a while
            case protocol.Stop():
                self._host.ask(visit, StopRequest())
            case protocol.Ask(text=text):
                self._host.ask(visit, AskRequest(text))
            case protocol.Volume(percent=percent):
                self._host.ask(visit, VolumeRequest(percent))
            case _:
                raise BadFrame("not to be said now")

    async def _tell_arrival(self) -> None:
        visit = self._visit
        known = visit.microphone.arrival()
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            now = visit.microphone.arrival()
            if now.periods != known.periods:
                visit.send(
                    protocol.message(
                        "sound", periods=now.periods, lost=now.lost, late=now.late, jitter_p50_ms=now.jitter_p50_ms,
                        jitter_p99_ms=now.jitter_p99_ms, level_dbfs=now.level_dbfs,
                    )
                )  # fmt: skip
            known = now
