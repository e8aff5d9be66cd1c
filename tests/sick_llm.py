"""An OpenAI-compatible server that misbehaves on purpose, on a loopback port of its own.

    with SickLlm(answer("Hello."), status(503)) as llm:   # the first request is answered, all others get a 503
        … llm.base_url, llm.requests[0].body, llm.requests[0].closed.wait(5)

A symptom is `async (visit) -> None`: it writes what it likes and returns; after that the connection is kept for the
next request, unless the symptom closed it. Symptoms end when the client closes its side, which each request records.
`GET /v1/models` is answered healthily (`models=200`), and is not counted among the requests.

By hand: `python tests/sick_llm.py --help` lists the moods; `python tests/sick_llm.py answer 503 think --port 8080`
answers the first question, refuses the second with a 503, and thinks aloud from the third on.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import ssl
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sick_server import SickServer, closed_port, last_let_in, reset

__all__ = ["closed_port"]

DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class Seen:
    """A request as it came in. `closed` is set, at `closed_at` (monotonic), when the client closed its socket."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    connection: int
    at: float = field(default_factory=time.monotonic)
    closed: threading.Event = field(default_factory=threading.Event)
    closed_at: float = 0.0


@dataclass(slots=True)
class Visit:
    """What a symptom works with."""

    writer: asyncio.StreamWriter
    request: Seen
    left: bool = False  # we hung up, not the client

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, code: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        """Status line and headers of a chunked body; underscores in names become hyphens."""
        lines = [f"HTTP/1.1 {code} X", f"Content-Type: {kind}", "Transfer-Encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def part(self, data: bytes) -> None:
        """One chunk of a chunked body."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def close(self) -> None:
        """FIN."""
        self.left = True
        self.writer.close()

    async def reset(self) -> None:
        """RST."""
        self.left = True
        reset(self.writer.transport)


Symptom = Callable[[Visit], Awaitable[None]]


def event(text: str | None = None, finish: str | None = None, **delta: Any) -> bytes:
    """One event of a chat completion, as OpenAI writes it."""
    if text is not None:
        delta["content"] = text
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "sick",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def tokens(text: str) -> list[str]:
    """A text as a model writes it: word by word, the space first."""
    head, *words = text.split(" ")
    return [head, *(f" {word}" for word in words)]


# ---------------------------------------------------------------- healthy


def answer(text: str, every_s: float = 0.0, first_s: float = 0.0) -> Symptom:
    """A good answer: role, tokens, finish_reason, usage, [DONE]."""

    async def symptom(visit: Visit) -> None:
        await visit.head()
        await visit.part(event(role="assistant", content=None))
        await asyncio.sleep(first_s)
        for token in tokens(text):
            await visit.part(event(token))
            if every_s:
                await asyncio.sleep(every_s)
        await visit.part(event(finish="stop"))
        await visit.part(b'data: {"choices": [], "usage": {"total_tokens": 9}}\n\n' + DONE)
        await visit.end()

    return symptom


def echo() -> Symptom:
    """Answers with the question."""

    async def symptom(visit: Visit) -> None:
        await answer(visit.request.body["messages"][-1]["content"])(visit)

    return symptom


def calls(
    *wanted: tuple[str, Any], says: str = "", ids: Sequence[str | None] | None = None, slice_by: int = 7
) -> Symptom:
    """Calls tools: (name, arguments as an object or as they are written), in pieces, as OpenAI does it."""

    async def symptom(visit: Visit) -> None:
        await visit.head()
        await visit.part(event(says or None, role="assistant"))
        for number, (name, given) in enumerate(wanted):
            arguments = given if isinstance(given, str) else json.dumps(given)
            id = ids[number] if ids else f"call_{len(visit.request.body['messages'])}_{number}"
            head = {"index": number, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}
            await visit.part(event(tool_calls=[head]))
            for at in range(0, len(arguments), slice_by):
                piece = {"index": number, "function": {"arguments": arguments[at : at + slice_by]}}
                await visit.part(event(tool_calls=[piece]))
        await visit.part(event(finish="tool_calls") + DONE)
        await visit.end()

    return symptom


# ---------------------------------------------------------------- silent, slow


def hang() -> Symptom:
    """Accepts and never answers."""

    async def symptom(visit: Visit) -> None:
        await asyncio.Event().wait()

    return symptom


def slow_headers(every_s: float = 0.05) -> Symptom:
    """Headers without end."""

    async def symptom(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\n")
        for number in range(100_000):
            await visit.send(b"X-%d: y\r\n" % number)
            await asyncio.sleep(every_s)

    return symptom


def comments(before: str = "", every_s: float = 0.05) -> Symptom:
    """Some text perhaps, and then nothing but comments and empty deltas (slow-loris)."""

    async def symptom(visit: Visit) -> None:
        await visit.head()
        if before:
            await visit.part(event(before))
        while True:
            await visit.part(b": keep-alive\n\n")
            await visit.part(event(""))
            await asyncio.sleep(every_s)

    return symptom


# ---------------------------------------------------------------- cut


def cut(text: str, reset: bool = False, half: bytes = b"") -> Symptom:
    """Says `text` (nothing at all, not even headers, where it is empty) and hangs up."""

    async def symptom(visit: Visit) -> None:
        if text:
            await visit.head()
            await visit.part(event(text) + half)
            await asyncio.sleep(0.05)  # let it be read before a reset throws it away
        await (visit.reset() if reset else visit.close())

    return symptom


def body(
    data: bytes | Sequence[bytes], kind: str = "text/event-stream", framed: bool = True, **headers: str
) -> Symptom:
    """Any body, in one chunk or several. Not `framed`: it simply ends with the connection."""

    async def symptom(visit: Visit) -> None:
        parts = [data] if isinstance(data, bytes) else list(data)
        if framed:
            await visit.head(200, kind, **headers)
            for part in parts:
                await visit.part(part)
            await visit.end()
            return
        await visit.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode())
        await visit.send(b"".join(parts))
        await visit.close()

    return symptom


# ---------------------------------------------------------------- refusals


def status(code: int, says: Any = None, **headers: str) -> Symptom:
    """An error with a JSON body (or text)."""

    async def symptom(visit: Visit) -> None:
        text = says if isinstance(says, str) else json.dumps(says or {"error": {"message": "sick"}})
        await visit.head(code, "application/json", **headers)
        await visit.part(text.encode())
        await visit.end()

    return symptom


# ---------------------------------------------------------------- too much


def endless(token: str = "word {} ", every_s: float = 0.0) -> Symptom:
    """Tokens as fast as they are taken, each with its number in place of {}."""

    async def symptom(visit: Visit) -> None:
        await visit.head()
        for number in count():
            await visit.part(event(token.replace("{}", str(number))))
            if every_s:
                await asyncio.sleep(every_s)

    return symptom


def endless_thought(every_s: float = 0.05) -> Symptom:
    """Reasons and never answers."""

    async def symptom(visit: Visit) -> None:
        await visit.head()
        while True:
            await visit.part(event(reasoning_content="hm "))
            await asyncio.sleep(every_s)

    return symptom


def no_newline() -> Symptom:
    """One line without end."""

    async def symptom(visit: Visit) -> None:
        await visit.head()
        await visit.part(b'data: {"choices": [{"delta": {"content": "')
        while True:
            await visit.part(b"x" * 8192)

    return symptom


# ---------------------------------------------------------------- the server


class SickLlm(SickServer[Seen]):
    """The n-th request gets the n-th symptom, the last one goes on for ever."""

    path = "/v1"

    def __init__(self, *symptoms: Symptom, models: int = 200, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        super().__init__("sick-llm", tls, port)
        self.requests: list[Seen] = []
        self._symptoms = symptoms or (answer("Hello."),)
        self._models = models

    def wait_for(self, count: int, timeout_s: float = 10.0) -> Seen:
        """The `count`-th request, once it is there."""
        self._until(
            lambda: len(self.requests) >= count,
            timeout_s,
            lambda: f"only {len(self.requests)} of {count} requests came",
        )
        return self.requests[count - 1]

    async def _serve(self) -> None:
        patience = {"ssl_shutdown_timeout": 0.2} if self._tls else {}
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, ssl=self._tls, **patience)
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
        number = self.connections
        early = b""
        # A connection that breaks, or this server ending, is an end like any other.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (request := await _read(reader, early, number)) and not writer.is_closing():
                early = await self._visit(reader, writer, request)
                if not early:
                    break
        writer.close()
        if self._down.is_set():
            writer.transport.abort()  # nobody takes what is still to be sent
        with suppress(ConnectionError, asyncio.CancelledError, ssl.SSLError):
            await writer.wait_closed()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Seen) -> bytes:
        """Do what the symptom does, until the client says more (the first bytes are returned) or hangs up (b"")."""
        visit = Visit(writer, request)
        work = asyncio.ensure_future(self._symptom(request)(visit))
        try:
            early = await reader.read(1)
        except ConnectionError:
            early = b""
        if not early:
            if not visit.left:
                request.closed_at = time.monotonic()
                request.closed.set()
            work.cancel()
        with suppress(ConnectionError, asyncio.CancelledError):
            await work
        return early

    def _symptom(self, request: Seen) -> Symptom:
        if request.path.endswith("/models"):
            return status(self._models, {"object": "list", "data": []})
        return self._next(self.requests, request, self._symptoms)


class Caller(SickLlm):
    """A well one: it calls the tool that `choose` names for a question, and tells what came of it."""

    def __init__(self, choose: Callable[[str], tuple[str, dict[str, Any]]]) -> None:
        super().__init__()
        self._choose = choose

    def _symptom(self, request: Seen) -> Symptom:
        super()._symptom(request)
        if request.path.endswith("/models"):
            return answer("")
        *_, last = request.body["messages"]
        if last["role"] == "tool":
            return answer("No." if "error" in last["content"] else "It is done.")
        return calls(self._choose(last["content"]))


async def _read(reader: asyncio.StreamReader, early: bytes, connection: int) -> Seen | None:
    try:
        head = (early + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, path, headers, json.loads(content) if content else None, connection)


# ---------------------------------------------------------------- by hand

GOOD = "Penguins are birds that swim. They live in the south."
TEXTS: Mapping[str, str] = {
    "think": f"<think>The user asks about penguins.</think>{GOOD}",
    "think-unclosed": "<think>The user asks about penguins. Let me see.",
    "think-unopened": f"The user asks about penguins. Let me see.\n</think>\n\n{GOOD}",
    "harmony": f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{GOOD}<|return|>",
    "markdown": f"## Penguins\n\n- **One**\n- *Two* 🐧\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[{GOOD}](https://a.b/c)",
    "code": "```python\nprint('hello')\n```\nThat prints hello.",
    "latex": r"The area is \\(\pi r^2\\), that is $\frac{1}{2}$ of it.",
    "html": f"<p>{GOOD}</p><script>alert(1)</script><!-- never -->",
    "tool-call": '<tool_call>{"name": "unlock", "arguments": {"door": "front"}}</tool_call>',
    "tool-json": '```json\n{"name": "unlock", "arguments": {"door": "front"}}\n```',
    "tokens": f"<|im_start|>assistant\n{GOOD}<|im_end|>\n<|im_start|>user\nAnd then?<|im_end|>",
    "chinese": "企鹅是会游泳的鸟。它们生活在南方。",
    "repeats": "I am sorry, I cannot do that. " * 400,
    "emoji": "🐧🐧🐧",
    "controls": "\u202e\u200b\x07\x1b[31m",
    "empty": "",
}
MOODS: Mapping[str, tuple[Symptom, str]] = {
    "answer": (answer(GOOD), "a good answer"),
    "echo": (echo(), "answers with the question"),
    "hang": (hang(), "accepts and never answers"),
    "hang-headers": (comments(), "headers, then nothing but comments and empty deltas"),
    "slow-headers": (slow_headers(), "headers without end"),
    "stall": (comments(GOOD), "a sentence or two, then nothing but comments"),
    "dribble": (answer("one word after the other with no end to the clause", every_s=3.0), "a word every 3 s"),
    "cut": (cut(GOOD), "breaks off (FIN)"),
    "reset": (cut(GOOD, reset=True), "breaks off (RST)"),
    "cut-at-once": (cut(""), "hangs up before any header"),
    "malformed": (body(b"data: {oops\n\n" * 9), "events that are none"),
    "html-page": (body(b"<html>", "text/html"), "another content type"),
    "gzip": (body(gzip.compress(bytes(1 << 20)), Content_Encoding="gzip"), "a small gzip bomb"),
    "error-event": (body(event("One.") + b'data: {"error": {"message": "overloaded"}}\n\n'), "an error in the stream"),
    "401": (status(401), "refuses the key"),
    "403": (status(403), "refuses the key"),
    "429": (status(429, Retry_After="2"), "too busy, come back in 2 s"),
    "429-long": (status(429, Retry_After="3600"), "too busy, come back in an hour"),
    "503": (status(503), "has a problem"),
    "redirect": (status(302, Location="http://169.254.169.254/"), "sends us to the metadata of a cloud"),
    "endless": (endless(), "never ends"),
    "endless-line": (no_newline(), "a line that never ends"),
    "endless-thought": (endless_thought(), "reasons for ever, in reasoning_content"),
    **{name: (answer(text), repr(text[:50])) for name, text in TEXTS.items()},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C."""
    moods = "\n".join(f"  {name:<16} {says}" for name, (_, says) in MOODS.items())
    parser = argparse.ArgumentParser(
        description="An OpenAI-compatible server that misbehaves on purpose.",
        epilog=f"moods:\n{moods}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("moods", nargs="+", metavar="MOOD", choices=list(MOODS), help="one for each question, in order")
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; any free one by default")
    options = parser.parse_args(arguments)
    try:
        with SickLlm(*(MOODS[name][0] for name in options.moods), port=options.port) as llm:
            sys.stdout.write(f"{llm.base_url}\n")
            sys.stdout.flush()
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
