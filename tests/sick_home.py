"""A Home Assistant that misbehaves on purpose, on a loopback port: the real websocket protocol, real messages.

    with SickHome(says("Turned on the light."), hang()) as home:   # the first question is answered, all others hang
        … home.base_url, home.asked[0].message, home.asked[0].closed.wait(5)

A symptom is `async (visit) -> None`: what happens after a question (`assist_pipeline/run`, `conversation/process`) has
come in. What the messages look like was taken from a real one (2026.2). Other commands are answered healthily, but for
those in `without`, which are unknown, and those in `instead`, which have symptoms of their own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sick_server import SickServer, reset
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

_quiet = logging.getLogger("sick-home")
_quiet.setLevel(logging.ERROR)

TOKEN = "canary.token-1234567890"
DEVICE = {"id": "d1", "area_id": "kitchen", "identifiers": [["mqtt", "voice-agent-kitchen"]], "name": "Kitchen"}
LAMP = {"id": "d0", "area_id": None, "identifiers": [["hue", "voice-agent-kitchen"], ["hue", 7]], "name": "Lamp"}
RUN, PROCESS, DEVICES = "assist_pipeline/run", "conversation/process", "config/device_registry/list"


def pipeline(id: str, name: str, language: str, conversation: str = "") -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "language": language,
        "conversation_engine": "conversation.home_assistant",
        "conversation_language": conversation or language,
        "stt_engine": None,
        "tts_engine": None,
        "prefer_local_intents": False,
    }


PIPELINES = {
    "pipelines": [pipeline("p-en", "Home", "en"), pipeline("p-de", "Haus", "de")],
    "preferred_pipeline": "p-en",
}


@dataclass(slots=True)
class Asked:
    """A question as it came in. `closed` is set, at `closed_at` (monotonic), when the client closed its line."""

    message: dict[str, Any]
    connection: int
    at: float = field(default_factory=time.monotonic)
    closed: threading.Event = field(default_factory=threading.Event)
    closed_at: float = 0.0


@dataclass(slots=True)
class Visit:
    """What a symptom works with: the line, and the command that came."""

    line: ServerConnection
    message: dict[str, Any]

    async def say(self, **message: Any) -> None:
        await self.line.send(json.dumps({"id": self.message.get("id"), **message}))

    async def result(self, result: Any = None) -> None:
        await self.say(type="result", success=True, result=result)

    async def refuse(self, code: str, says: str = "sick") -> None:
        await self.say(type="result", success=False, error={"code": code, "message": says})

    async def event(self, kind: str, **data: Any) -> None:
        await self.say(type="event", event={"type": kind, "data": data, "timestamp": "2026-11-26T00:00:00+00:00"})

    async def begin(self) -> None:
        """What comes before any text: the run is accepted and has begun."""
        await self.result()
        await self.event("run-start", pipeline="p-en", language="en", conversation_id="c-1")
        await self.event("intent-start", engine="conversation.home_assistant", language="en")

    async def delta(self, **delta: Any) -> None:
        await self.event("intent-progress", chat_log_delta=delta)

    async def end(self, speech: str, **response: Any) -> None:
        await self.event("intent-end", processed_locally=True, intent_output=output(speech, **response))
        await self.event("run-end")

    async def raw(self, data: bytes) -> None:
        """Bytes past the protocol."""
        self.line.transport.write(data)

    async def reset(self) -> None:
        """RST."""
        reset(self.line.transport)


Symptom = Callable[[Visit], Awaitable[None]]


def output(speech: str, kind: str = "action_done", code: str = "", conversation: str = "c-1") -> dict[str, Any]:
    """A conversation's result, as Home Assistant writes it."""
    data = {"code": code} if code else {"targets": [], "success": [], "failed": []}
    plain = {"plain": {"speech": speech, "extra_data": None}} if speech else {}
    response = {"speech": plain, "card": {}, "language": "en", "response_type": kind, "data": data}
    return {"response": response, "conversation_id": conversation, "continue_conversation": False}


# ---------------------------------------------------------------- healthy


def says(speech: str, **response: Any) -> Symptom:
    """Home Assistant's own agent: one sentence, at the end."""

    async def symptom(visit: Visit) -> None:
        if visit.message["type"] == PROCESS:
            await visit.result(output(speech, **response))
            return
        await visit.begin()
        await visit.end(speech, **response)

    return symptom


def writes(*pieces: str, every_s: float = 0.0, first_s: float = 0.0) -> Symptom:
    """A language model behind Home Assistant: piece by piece."""

    async def symptom(visit: Visit) -> None:
        await visit.begin()
        await asyncio.sleep(first_s)
        await visit.delta(role="assistant")
        for piece in pieces:
            await visit.delta(content=piece)
            await asyncio.sleep(every_s)
        await visit.end("".join(pieces), kind="query_answer")

    return symptom


def uses_a_tool(first: str, then: str, takes_s: float = 0.0) -> Symptom:
    """… that says something, calls a tool, and goes on."""

    async def symptom(visit: Visit) -> None:
        await visit.begin()
        await visit.delta(role="assistant", content=first)
        await visit.delta(tool_calls=[{"tool_name": "HassTurnOn", "tool_args": {}, "id": "t1"}])
        await asyncio.sleep(takes_s)
        await visit.delta(role="tool_result", tool_call_id="t1", tool_name="HassTurnOn", tool_result={"ok": True})
        await visit.delta(role="assistant")
        await visit.delta(content=then)
        await visit.end(then)

    return symptom


# ---------------------------------------------------------------- sick


def hang(begun: bool = False) -> Symptom:
    async def symptom(visit: Visit) -> None:
        if begun:
            await visit.begin()
        await asyncio.Event().wait()

    return symptom


def dribble(every_s: float = 0.05) -> Symptom:
    """A frame of which one byte comes at a time, and never the last."""

    async def symptom(visit: Visit) -> None:
        await visit.raw(b"\x81\x7e\xff\xff")
        while True:
            await visit.raw(b" ")
            await asyncio.sleep(every_s)

    return symptom


def chatter(before: str = "", every_s: float = 0.02) -> Symptom:
    """Some text perhaps, then messages that say nothing, without end."""

    async def symptom(visit: Visit) -> None:
        await visit.begin()
        if before:
            await visit.delta(role="assistant", content=before)
        while True:
            await visit.event("intent-progress", tts_start_streaming=True)
            await visit.delta(content="")
            await visit.say(id=9_999, type="event", event={"type": "run-end"})
            await asyncio.sleep(every_s)

    return symptom


def cut(text: str = "", reset: bool = False, half: bytes = b"", tool: bool = False) -> Symptom:
    """Says `text`, if any, and hangs up."""

    async def symptom(visit: Visit) -> None:
        if text or tool:
            await visit.begin()
            await visit.delta(role="assistant", content=text)
        if tool:
            await visit.delta(tool_calls=[{"tool_name": "HassTurnOn"}])
        await visit.raw(half)
        await asyncio.sleep(0.05)  # let it be read before a reset throws it away
        await (visit.reset() if reset else visit.line.close())

    return symptom


def sends(*messages: str | bytes, then: Symptom | None = None) -> Symptom:
    """Messages as they are; "ID" in them becomes the command's."""

    async def symptom(visit: Visit) -> None:
        for message in messages:
            given = message if isinstance(message, bytes) else message.replace('"ID"', str(visit.message.get("id")))
            await visit.line.send(given)
        await (then or hang())(visit)

    return symptom


def refuses(code: str, says: str = "sick") -> Symptom:
    async def symptom(visit: Visit) -> None:
        await visit.refuse(code, says)

    return symptom


def errs(code: str, says: str, after: str = "") -> Symptom:
    """The run ends in an error event."""

    async def symptom(visit: Visit) -> None:
        await visit.begin()
        if after:
            await visit.delta(role="assistant", content=after)
        await visit.event("error", code=code, message=says)
        await visit.event("run-end")

    return symptom


def endless(piece: str = "word ") -> Symptom:
    """Text as fast as it is taken."""

    async def symptom(visit: Visit) -> None:
        await visit.begin()
        await visit.delta(role="assistant")
        while True:
            await visit.delta(content=piece)

    return symptom


# ---------------------------------------------------------------- the server


class SickHome(SickServer[Asked]):
    """One thread with one asyncio loop. The n-th question gets the n-th symptom, the last one goes on for ever."""

    def __init__(
        self,
        *symptoms: Symptom,
        without: tuple[str, ...] = (),
        instead: Mapping[str, Symptom] | None = None,
        greeting: Symptom | None = None,
        devices: Any = (LAMP, DEVICE),
        pipelines: Any = PIPELINES,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        super().__init__("sick-home", tls, port)
        self.asked: list[Asked] = []
        self.commands: list[str] = []
        self.tokens: list[str] = []
        self._symptoms = symptoms or (says("OK, done."),)
        self._without = without
        self._instead = dict(instead or {})
        self._greeting = greeting
        self._answers = {DEVICES: list(devices), "assist_pipeline/pipeline/list": pipelines}

    def wait_for(self, count: int, timeout_s: float = 10.0) -> Asked:
        """The `count`-th question, once it is there."""
        self._until(
            lambda: len(self.asked) >= count, timeout_s, lambda: f"only {len(self.asked)} of {count} questions came"
        )
        return self.asked[count - 1]

    def wait_for_command(self, kind: str, count: int, timeout_s: float = 10.0) -> None:
        """Until a command has come for the `count`-th time."""
        self._until(
            lambda: self.commands.count(kind) >= count,
            timeout_s,
            lambda: f"{kind} did not come {count} times: {self.commands}",
        )

    def tell_of(self, *devices: Any) -> None:
        """Other devices from now on."""
        self._answers[DEVICES] = list(devices)

    def hang_up(self) -> None:
        """Close all lines that are open, as a restart does. Returns when the other side knows."""

        async def close() -> None:
            await asyncio.gather(*(line.close() for line in self._lines))

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)

    async def _serve(self) -> None:
        self._lines: dict[ServerConnection, asyncio.Task[Any] | None] = {}
        async with serve(
            self._visited, "127.0.0.1", self.port, ssl=self._tls, close_timeout=0.2, logger=_quiet
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            await self._open()
            for task in self._lines.values():
                if task:
                    task.cancel()

    async def _visited(self, line: ServerConnection) -> None:
        self.connections += 1
        self._lines[line] = asyncio.current_task()
        work: set[asyncio.Task[None]] = set()
        with suppress(ConnectionClosed, ConnectionError, asyncio.CancelledError):
            if line.request and line.request.path == "/api/websocket" and await self._welcomed(line):
                number = self.connections
                async for data in line:
                    work.add(asyncio.create_task(self._obey(line, json.loads(data), number)))
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        del self._lines[line]

    async def _welcomed(self, line: ServerConnection) -> bool:
        if self._greeting:
            await self._greeting(Visit(line, {}))
        await line.send(json.dumps({"type": "auth_required", "ha_version": "2026.2.3"}))
        token = json.loads(await line.recv()).get("access_token")
        self.tokens.append(token)
        if token == TOKEN:
            await line.send(json.dumps({"type": "auth_ok", "ha_version": "2026.2.3"}))
            return True
        await line.send(json.dumps({"type": "auth_invalid", "message": f"Invalid access token {token}"}))
        return False

    async def _obey(self, line: ServerConnection, message: dict[str, Any], number: int) -> None:
        kind = message["type"]
        visit = Visit(line, message)
        with self._came:
            self.commands.append(kind)
            self._came.notify_all()
        with suppress(ConnectionClosed, ConnectionError):
            if kind in self._without:
                await visit.refuse("unknown_command", "Unknown command.")
            elif kind in self._instead:
                await self._instead[kind](visit)
            elif kind == "ping":
                await visit.say(type="pong")
            elif kind in (RUN, PROCESS):
                await self._ask(visit, number)
            else:
                await visit.result(self._answers[kind])

    async def _ask(self, visit: Visit, number: int) -> None:
        asked = Asked(visit.message, number)
        symptom = self._next(self.asked, asked, self._symptoms)
        try:
            await symptom(visit)
            await visit.line.wait_closed()
        finally:
            asked.closed_at = time.monotonic()
            asked.closed.set()
