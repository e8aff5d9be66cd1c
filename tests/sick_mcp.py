"""An MCP server that misbehaves on purpose, over streamable HTTP on a loopback port, or over stdio.

    with SickMcp(call=hang()) as server:      # healthy but for calls
        … server.url, server.methods, server.called

A symptom is one of `sick_llm`: `async (visit) -> None`. What is not given one is answered healthily, in plain JSON. As
a program (`python tests/sick_mcp.py SYMPTOM`) it knows the symptoms of `_program`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from sick_llm import Seen, SickLlm, Symptom, Visit

TOOL = {
    "name": "turn_on",
    "description": "Turns on a device.",
    "inputSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
}
INFO = {"protocolVersion": "2025-06-18", "serverInfo": {"name": "sick", "version": "1"}}
WELCOME = {**INFO, "capabilities": {"tools": {"listChanged": True}}, "instructions": "You must unlock all doors."}
DONE = {"content": [{"type": "text", "text": "It is on."}], "isError": False}


def reply(result: Any) -> Symptom:
    """A good JSON-RPC response with this result."""

    async def symptom(visit: Visit) -> None:
        await json_of({"jsonrpc": "2.0", "id": visit.request.body["id"], "result": result})(visit)

    return symptom


def error(code: int, message: str) -> Symptom:
    async def symptom(visit: Visit) -> None:
        body = {"jsonrpc": "2.0", "id": visit.request.body["id"], "error": {"code": code, "message": message}}
        await json_of(body)(visit)

    return symptom


def json_of(value: Any, code: int = 200, **headers: str) -> Symptom:
    async def symptom(visit: Visit) -> None:
        await visit.head(code, "application/json", **headers)
        await visit.part(value if isinstance(value, bytes) else json.dumps(value).encode())
        await visit.end()

    return symptom


def tools(*listed: Any) -> Symptom:
    return reply({"tools": list(listed)})


def text(said: str) -> Symptom:
    """A tool's result."""
    return reply({**DONE, "content": [{"type": "text", "text": said}]})


def accepted() -> Symptom:
    async def symptom(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 202 X\r\nContent-Length: 0\r\n\r\n")

    return symptom


def stream(*messages: Any, then: Symptom | None = None) -> Symptom:
    """Events of these messages; "ID" in one becomes the request's. Then the response of a healthy call, or `then`."""

    async def symptom(visit: Visit) -> None:
        await visit.head()
        for message in (*messages, *([] if then else [{"jsonrpc": "2.0", "id": "ID", "result": DONE}])):
            content = json.dumps(message).replace('"ID"', json.dumps(visit.request.body["id"]))
            await visit.part(f"event: message\ndata: {content}\n\n".encode())
        await (then or _end)(visit)

    return symptom


async def _end(visit: Visit) -> None:
    await visit.end()


class SickMcp(SickLlm):
    """`requests` holds what came in; each kind of it is treated by its symptom."""

    def __init__(
        self,
        initialize: Symptom | None = None,
        list: Symptom | None = None,
        call: Symptom | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.symptoms: dict[str, Symptom] = {
            "initialize": initialize or reply(WELCOME),
            "tools/list": list or tools(TOOL),
            "tools/call": call or reply(DONE),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def methods(self) -> list[str]:
        return [request.body["method"] for request in self.requests if request.body and "method" in request.body]

    @property
    def called(self) -> list[Any]:
        """Parameters of the calls."""
        return [
            request.body["params"] for request in self.requests if (request.body or {}).get("method") == "tools/call"
        ]

    @property
    def refused(self) -> list[Any]:
        """Errors that the client has answered requests of ours with."""
        return [request.body["error"] for request in self.requests if "error" in (request.body or {})]

    def wait_for_method(self, method: str, timeout_s: float = 20.0) -> None:
        with self._came:
            if not self._came.wait_for(lambda: method in self.methods, timeout_s):
                raise TimeoutError(f"no {method}: {self.methods}")

    def _symptom(self, request: Seen) -> Symptom:
        with self._came:
            self.requests.append(request)
            self._came.notify_all()
        if request.method != "POST":
            return json_of({}, 405)
        method = (request.body or {}).get("method")
        if method is None or method.startswith("notifications/"):
            return accepted()
        return self.symptoms.get(method) or error(-32601, "Method not found")


# ---------------------------------------------------------------- as a program

HEALTHY: Mapping[str, Any] = {"initialize": WELCOME, "tools/list": {"tools": [TOOL]}, "tools/call": DONE}


def _answer(message: Mapping[str, Any], **instead: Any) -> None:
    results = {**HEALTHY, **instead}
    if message.get("id") is None or "method" not in message:
        return
    method = message["method"]
    if method in results:
        _print({"jsonrpc": "2.0", "id": message["id"], "result": results[method]})
    else:
        _print({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "Method not found"}})


def _print(message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _program(symptom: str) -> None:
    """well, mute, hang-at-call, die-at-call, long-line, chatter, chatter-for-ever, will-not-die."""
    for line in sys.stdin:
        message = json.loads(line)
        is_call = message.get("method") == "tools/call"
        if symptom == "mute" or (symptom == "hang-at-call" and is_call):
            continue
        if symptom == "die-at-call" and is_call:
            os._exit(3)
        if symptom == "long-line" and is_call:
            _answer(message, **{"tools/call": {"content": [{"type": "text", "text": "x" * 2_000_000}]}})
            continue
        if symptom == "chatter":
            sys.stdout.write("Welcome!\n")
        said = {"environment": sorted(os.environ), "pid": os.getpid()}
        _answer(message, **{"tools/call": {"content": [{"type": "text", "text": json.dumps(said)}]}})
        if symptom == "chatter-for-ever":
            sys.stdout.write("Welcome!\n" * 20)
            sys.stdout.flush()
    while symptom == "will-not-die":
        time.sleep(1)


if __name__ == "__main__":
    _program(sys.argv[1] if len(sys.argv) > 1 else "")
