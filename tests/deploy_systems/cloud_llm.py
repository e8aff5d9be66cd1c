"""A language model somewhere else: answers every question with one sentence, as OpenAI's servers write it.

python3 cloud_llm.py ADDRESS PORT
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = "The cloud says hello."


class Handler(BaseHTTPRequestHandler):
    """Every POST is a question."""

    def do_GET(self) -> None:
        self.respond("application/json", json.dumps({"object": "list", "data": []}))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        deltas = [({"role": "assistant", "content": ANSWER}, None), ({}, "stop")]
        events = [{"choices": [{"index": 0, "delta": delta, "finish_reason": why}]} for delta, why in deltas]
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        self.respond("text/event-stream", "".join([*lines, "data: [DONE]\n\n"]))

    def respond(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
