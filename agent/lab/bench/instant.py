"""An instant language model: speaks the OpenAI protocol (streaming chat completions) and answers at once, so that it is
the agent that is measured."""

from __future__ import annotations

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "The {number} penguins cannot fly, but they are very good swimmers. They live in the south."


class InstantLlm:
    """`with InstantLlm() as llm: … llm.base_url`."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        # No answer is like another: a clause that was said before would come out of the voice's cache.
        self._server.numbers = itertools.count(21)  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="llm")

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> InstantLlm:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        number = next(self.server.numbers)  # type: ignore[attr-defined]
        words = [f"{word} " for word in ANSWER.format(number=number).split()]
        events: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in words
        ]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self._answer("text/event-stream", body.encode())

    def do_GET(self) -> None:
        self._answer("application/json", b'{"object": "list", "data": [{"id": "instant", "object": "model"}]}')

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
