"""Runs in the machine, with the agent's own Python, as a guest's browser would: shows the token, records, asks.

python web_guest.py HOST:PORT AUTHORITY.pem TOKEN prints as JSON what the agent made of it. Nothing of the project is
imported.
"""

import io
import json
import ssl
import struct
import sys
import time
import urllib.error
import urllib.request

import av
import numpy as np
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

RATE_HZ = 48_000
HEADER = struct.Struct("<BBHId")
CONTAINER, SPEECH = 2, 3
WAIT_S = 60.0


def main(host: str, authority: str, token: str) -> dict[str, object]:
    trusted = ssl.create_default_context(cafile=authority)
    with connection(host, trusted, token) as socket:
        talk = conversation(socket)
    return {
        "page": status(f"https://{host}/", trusted),
        "stranger": status(f"https://{host}/", ssl.create_default_context()),
        "other name": status(f"https://{host}/", trusted, Host="elsewhere.example"),
        "wrong": refused(host, trusted, token + "x"),
        **talk,
    }


def status(url: str, tls: ssl.SSLContext, **headers: str) -> int | str:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=tls, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError as error:
        return type(error.reason).__name__


def connection(host: str, tls: ssl.SSLContext, token: str) -> ClientConnection:
    return connect(f"wss://{host}/ws", ssl=tls, proxy=None, additional_headers={"Authorization": f"Bearer {token}"})


def refused(host: str, tls: ssl.SSLContext, token: str) -> int:
    try:
        connection(host, tls, token).close()
    except InvalidStatus as error:
        return error.response.status_code
    return 101


def conversation(socket: ClientConnection) -> dict[str, object]:
    """A recording is sent and a question asked; what had come of both when the answer was complete."""
    say(socket, type="hello", path="recorder", format="webm")
    socket.send(HEADER.pack(CONTAINER, 0, 0, 0, 0.0) + recording(3.0))
    say(socket, type="ask", text="what time is it")
    came: dict[str, object] = {}
    spoken = 0
    while not {"turn", "sound"} <= came.keys():
        got = socket.recv(WAIT_S)
        if isinstance(got, bytes):
            spoken += played(socket, got)
            continue
        message = json.loads(got)
        match message["type"]:
            case "sound":
                came["sound"] = message["periods"]
            case "turn":
                came["turn"] = message
            case "end":
                say(socket, type="drained", turn=message["turn"])
            case "error" | "bye":
                raise SystemExit(f"the agent says: {message}")
            case _:
                pass
    return {**came, "spoken": spoken}


def played(socket: ClientConnection, frame: bytes) -> int:
    """Samples of speech, which have been heard at once."""
    kind, _, _, turn, before = HEADER.unpack_from(frame)
    if kind != SPEECH:
        return 0
    samples = (len(frame) - HEADER.size) // 2
    say(socket, type="playing", turn=turn, frames=int(before) + samples, at=time.monotonic() * 1000)
    return samples


def say(socket: ClientConnection, **message: object) -> None:
    socket.send(json.dumps(message))


def recording(seconds: float) -> bytes:
    """A tone, as a browser's MediaRecorder would hand it over: Opus in WebM."""
    written = io.BytesIO()
    with av.open(written, "w", format="webm") as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, layout="mono")
        for begin in range(0, round(seconds * RATE_HZ), 960):
            tone = np.sin(np.arange(begin, begin + 960) * 2 * np.pi * 440 / RATE_HZ) * 8000
            frame = av.AudioFrame.from_ndarray(tone.astype(np.int16)[None, :], "s16", "mono")
            frame.sample_rate, frame.pts = RATE_HZ, begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return written.getvalue()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:4])))
