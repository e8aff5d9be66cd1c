"""Sound over WebRTC: a peer connection that only listens, as one more way to be compared with the others (aiortc).

What arrives has been through the browser's Opus encoder and through aiortc's jitter buffer; its clock is that of RTP.
Everything is in the offer and in the answer (no trickling), and no server elsewhere is asked for anything: it works
within one network.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast, get_args

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.audio.resample import Resampler, to_int16
from agent.web.protocol import BadFrame, Path
from agent.web.recording import Decoded

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCPeerConnection
    from av import AudioFrame

ANSWER_S = 5.0


def paths() -> list[Path]:
    """The ways of sound that are installed here."""
    return [path for path in get_args(Path) if path != "webrtc" or find_spec("aiortc") is not None]


class Peer:
    """Belongs to the server's loop. `on_sound`: mono, 16 kHz, dated by the guest's RTP clock."""

    def __init__(self, on_sound: Callable[[Decoded], None]) -> None:
        self._on_sound = on_sound
        self._connection: RTCPeerConnection | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._count = 0

    async def answer(self, sdp: str) -> str:
        """The answer to an offer; a second offer ends the first connection. Raises BadFrame."""
        if find_spec("aiortc") is None:
            raise BadFrame("WebRTC is not installed here; `pip install 'voice-agent[webrtc]'` installs it")
        from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

        await self.close()
        connection = self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connection.on("track", self._hear)
        try:
            async with asyncio.timeout(ANSWER_S):
                await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
                await connection.setLocalDescription(await connection.createAnswer())
        except Exception as error:  # the library raises whatever its parsers meet in what came
            await self.close()
            raise BadFrame(f"an offer that makes no sense: {type(error).__name__}") from error
        return connection.localDescription.sdp

    async def close(self) -> None:
        hearing, self._hearing = self._hearing, None
        if hearing:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()

    def _hear(self, track: MediaStreamTrack) -> None:
        """The first track of sound; others are left alone."""
        if track.kind == "audio" and self._hearing is None:
            self._hearing = asyncio.create_task(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        from aiortc.mediastreams import MediaStreamError

        self._count += 1
        resampler: Resampler | None = None
        position = 0
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = cast("AudioFrame", await track.recv())
                if resampler is None or resampler.from_hz != frame.sample_rate:
                    resampler = Resampler(frame.sample_rate, RATE_HZ)
                pcm = to_int16(resampler.feed(_mono(frame).astype(np.float32)))
                end_ms = (frame.pts or 0) * 1000 / frame.sample_rate + frame.samples * 1000 / frame.sample_rate
                if len(pcm):
                    self._on_sound(Decoded(pcm, position, self._count, end_ms))
                position += len(pcm)


def _mono(frame: AudioFrame) -> Samples:
    """aiortc's decoders give interleaved s16."""
    interleaved = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
    mixed: Samples = interleaved.mean(axis=1).astype(np.int16)
    return mixed
