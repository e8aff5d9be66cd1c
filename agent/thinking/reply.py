"""What an OpenAI-compatible server streams, event by event, and the text in it.

One event is `{"choices": [{"delta": {"content": "…"}, "finish_reason": null}]}`. In the wild:
- the first delta has only a role or `content: null`, the last one only a finish_reason; usage comes with `choices: []`;
- reasoning comes as `reasoning_content` (vLLM, llama.cpp, DeepSeek) or `reasoning` (Ollama, OpenRouter): it is progress
  but never part of the reply; tool calls (`agent.thinking.toolcalls`) are passed over where none were offered;
- an error object may come in the middle, "[DONE]" may be missing, and some servers repeat finish_reason in every event,
  so that it does not end the reply by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.thinking.failure import Failure, one_line
from agent.thinking.sse import SseDecoder
from agent.thinking.toolcalls import BadCall, ToolCalls
from agent.thinking.written import Written

MAX_TEXT = 262_144  # bytes of reply
MAX_RAW = 16 * MAX_TEXT  # bytes on the wire: OpenAI wraps each token in about 330
MAX_BAD = 5
MAX_ERROR = 4096  # characters of an error, long enough to find a quoted key in
THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details")


class BadEvent(ValueError):
    """The data of an event is not what such a server sends."""


@dataclass(frozen=True, slots=True)
class Delta:
    """`thought`: the model reasons; `finish`: its finish_reason or ""; `error`: the server gave up, and why.

    `calls`: pieces of tool calls.
    """

    text: str = ""
    thought: bool = False
    finish: str = ""
    error: str = ""
    calls: object = None


def read_delta(data: str) -> Delta:
    """One event's JSON. Raises BadEvent."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadEvent("not JSON") from error
    if not isinstance(value, dict):
        raise BadEvent("not a JSON object")
    if value.get("error") or value.get("object") == "error":
        return Delta(error=error_text(value) or "unknown error")
    choices = value.get("choices")
    if choices == []:
        return Delta()
    if not isinstance(choices, list) or not isinstance(choices[0], dict):
        raise BadEvent("no choices")
    return _choice(choices[0])


def _choice(choice: dict[str, Any]) -> Delta:
    delta = choice.get("delta") or {}
    finish = choice.get("finish_reason")
    if not isinstance(delta, dict):
        raise BadEvent("delta is not an object")
    content = delta.get("content")
    if content is not None and not isinstance(content, str):
        raise BadEvent("content is not a text")
    thought = any(delta.get(key) for key in THOUGHTS)
    return Delta(
        sound(content or ""), thought, finish if isinstance(finish, str) else "", calls=delta.get("tool_calls")
    )


def sound(text: str) -> str:
    """JSON may smuggle in half a surrogate pair, which no encoder downstream would take."""
    return text.encode("utf-8", "replace").decode()


def error_text(value: object) -> str:
    """What an error object says: {"error": {"message": …}}, {"error": "…"}, {"message": …}, {"detail": "…"}; or ""."""
    if isinstance(value, str):
        return one_line(sound(value), MAX_ERROR)
    if isinstance(value, dict):
        found = (error_text(value.get(key)) for key in ("error", "message", "detail", "code", "type"))
        return next((text for text in found if text), "")
    return ""


class ReplyReader:
    """Bytes of the body -> pieces of the reply's text. Incremental; nothing is kept but the unfinished event.

    What is no answer (`agent.thinking.written`) and leading white space are withheld, so that the first piece is the
    first thing to say. `done`: "[DONE]" was seen, or the model has said all it has to say; `finish`: the finish_reason,
    once seen; `progress`: the last `feed` held text or reasoning; `failure`: the stream holds an error, is no such
    stream, or is too long, and nothing comes any more.
    """

    working = False

    def __init__(self, hide: Callable[[str], str] = str, tools: bool = False, written: Written | None = None) -> None:
        """`hide` takes secrets out of what the server says about an error. `tools`: tool calls are expected."""
        self.written = written or Written()
        self._hide = hide
        self._sse = SseDecoder()
        self._raw = 0
        self._text = 0
        self._bad = 0
        self._tools = tools
        self.calls = ToolCalls()
        self.done = False
        self.finish = ""
        self.progress = False
        self.taken_back = False
        self.failure: Failure | None = None

    @property
    def begun(self) -> bool:
        return self.written.begun

    def feed(self, data: bytes) -> list[str]:
        self._raw += len(data)
        texts = self._texts(self._sse.feed(data))
        if self._raw > MAX_RAW:
            self._fail(Failure("bad_reply", f"more than {MAX_RAW} bytes"))
        return texts

    def flush(self) -> list[str]:
        """At the end of the body."""
        texts = self._texts(self._sse.flush())
        return texts if self.failure else texts + self._answer(self.written.flush())

    def _texts(self, events: list[str]) -> list[str]:
        self.progress = self.taken_back = False
        texts: list[str] = []
        for event in events:
            more = self._event(event)
            if self.written.taken_back:
                self.taken_back, self.written.taken_back = True, False
                texts.clear()
            texts += more
        if self._sse.broken:
            self._fail(Failure("bad_reply", self._sse.broken))
        return texts

    def _event(self, data: str) -> list[str]:
        if self.done or self.failure or not data.strip():
            return []
        if data.strip() == "[DONE]":
            self.done = True
            return []
        try:
            return self._delta(read_delta(data))
        except (BadEvent, BadCall) as error:
            self._bad += 1
            if self._bad > MAX_BAD:
                self._fail(Failure("bad_reply", f"{self._bad} events that are none: {error}"))
            return []

    def _delta(self, delta: Delta) -> list[str]:
        if delta.error:
            self._fail(Failure("server_error", self._hide(delta.error)))
            return []
        self.finish = delta.finish or self.finish
        called = self._tools and bool(delta.calls) and self.calls.feed(delta.calls)
        self.progress = self.progress or delta.thought or bool(delta.text) or called
        if delta.thought:
            self.written.separated()
        self._text += len(delta.text.encode())
        if self._text > MAX_TEXT:
            self._fail(Failure("bad_reply", f"a reply of more than {MAX_TEXT} bytes"))
            return []
        texts = self._answer(self.written.feed(delta.text))
        self.done = self.done or self.written.over
        return texts

    def _answer(self, text: str) -> list[str]:
        if self.written.foreign and self.failure is None:
            self.failure = Failure("other_script", "an answer in letters that the language is not written in")
        return [text] if text else []

    def _fail(self, failure: Failure) -> None:
        """The first one counts, unless the reply is already complete."""
        if not self.done and self.failure is None:
            self.failure = failure
