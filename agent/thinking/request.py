"""The deadlines of a request, and the reading of its reply.

Deadlines are absolute and our own, since a time-out per read never ends a trickle: the first text within
`first_token_timeout_s` of the request (the cold value where the server may have to load the model first); then text at
least every `token_timeout_s`, comments and empty deltas do not count; all within `total_timeout_s`, to which loading
time is added. Reasoning counts as progress, since the server is at work; where it works with tools, it may take as long
as for a first text. Where the model calls tools of ours, what they take is within the total time, too; each further
request of the same turn has its own time for a first text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from agent.config import LlmProfile
from agent.thinking.answerer import OnText
from agent.thinking.failure import Failure
from agent.thinking.refusals import jitter
from agent.thinking.reply import ReplyReader
from agent.thinking.toolcalls import ToolCalls

if TYPE_CHECKING:
    import httpcore

COLD_S = 300.0  # Ollama unloads a model after five idle minutes
FINISH_S = 1.0  # how long to wait for "[DONE]" behind a finish_reason
DRAIN_S = 0.1  # how long to wait for the end of the body behind "[DONE]", so that the connection can be used again
DRAIN_BYTES = 8192


class Reading(Protocol):
    """How far a reply has been read: what `agent.thinking.reply.ReplyReader` says of itself.

    `working`: tools are at work; `taken_back`: what was handed out so far is no part of the reply.
    """

    @property
    def begun(self) -> bool: ...
    @property
    def taken_back(self) -> bool: ...

    done: bool
    finish: str
    progress: bool
    working: bool
    failure: Failure | None


class Warmth:
    """A model is cold, and gets more time, until its first answer and after COLD_S without one."""

    def __init__(self) -> None:
        self._warm_at: float | None = None

    @property
    def cold(self) -> bool:
        return self._warm_at is None or asyncio.get_running_loop().time() - self._warm_at > COLD_S

    def warmed(self) -> None:
        self._warm_at = asyncio.get_running_loop().time()


class Request:
    """The deadlines of one request over its attempts, and the reading of its reply."""

    def __init__(self, profile: LlmProfile, cold: bool, on_text: OnText) -> None:
        self._profile = profile
        self._on_text = on_text
        first_s, total_s = profile.first_token_timeout_s, profile.total_timeout_s
        if cold and profile.cold_first_token_timeout_s > first_s:
            total_s += profile.cold_first_token_timeout_s - first_s
            first_s = profile.cold_first_token_timeout_s
        now = self._now()
        self._first_s = first_s
        self._total_at = now + total_s
        self._limit: asyncio.Timeout | None = None
        self._spoken = ""  # the last of all that was handed out
        self.next_round()

    def next_round(self) -> None:
        """Another request is made, after tools have been called."""
        self._first_at = min(self._now() + self._first_s, self._total_at)
        self._finished = False
        self.begun = False
        self.text = ""
        self.calls = ToolCalls()

    def permits(self, delay_s: float) -> bool:
        """Whether a retry after `delay_s` makes sense: nothing was said yet and there is time left."""
        return not self.begun and self._now() + delay_s < self._first_at

    @asynccontextmanager
    async def deadline(self) -> AsyncIterator[None]:
        """Raises Failure("timeout") when text is overdue. After a finish_reason, silence is an end like any other."""
        try:
            async with asyncio.timeout_at(self._first_at) as self._limit:
                yield
        except TimeoutError as error:
            if not (self._finished and (self.begun or self.calls)):
                waited = "no more text in time" if self.begun else "no text in time"
                raise Failure("timeout", waited) from error

    @asynccontextmanager
    async def working(self) -> AsyncIterator[asyncio.Timeout]:
        """While tools are at work; who puts the limit off puts off the end of the whole. Raises Failure."""
        try:
            async with asyncio.timeout_at(self._total_at) as limit:
                yield limit
        except TimeoutError as error:
            raise Failure("timeout", "the tools took too long") from error
        self._total_at = limit.when() or self._total_at

    async def read(self, response: httpcore.Response, reader: ReplyReader) -> None:
        """Hand out the reply's text as it comes; then `text` is all of it, and `calls` the tool calls in it.

        Raises Failure.
        """
        headers = headers_of(response)
        _check(headers)
        self.calls = reader.calls
        stream = response.aiter_stream()
        async for data in stream:
            self.hand_out(reader, reader.feed(data))
            if reader.done:
                await _drain(stream)
                break
        self.hand_out(reader, reader.flush())
        framed = "content-length" in headers or "transfer-encoding" in headers
        if not (reader.done or reader.finish or framed):
            raise Failure("cut_off", "the server closed the connection", jitter())
        if not reader.begun and not reader.calls:
            reason = f" ({reader.finish})" if reader.finish else ""
            raise Failure("bad_reply", f"an empty reply{reason}")

    def hand_out(self, reader: Reading, texts: list[str]) -> None:
        """Pass on what has been read, and put the deadline off by it. Raises Failure where the reader found one."""
        self.begun = reader.begun
        self._finished = reader.done or bool(reader.finish)
        if self._limit and (reader.progress or reader.finish):
            wait_s = FINISH_S if reader.finish else self._profile.token_timeout_s
            if reader.working:
                wait_s = max(wait_s, self._profile.first_token_timeout_s)
            until = self._now() + wait_s
            if not self.begun and not reader.finish:
                until = max(until, self._first_at)
            self._limit.reschedule(min(until, self._total_at))
        if texts or reader.taken_back:
            self._say("".join(texts), reader.taken_back)
        if reader.failure:
            raise reader.failure

    def _say(self, text: str, instead: bool) -> None:
        """What comes behind a tool call is another sentence."""
        first = not self.text
        self.text = text if instead else self.text + text
        joint = " " if first and self._spoken and not self._spoken.isspace() else ""
        self._spoken = text[-1:]
        self._on_text(joint + text, instead)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _check(headers: dict[str, str]) -> None:
    """Refuse what is no plain stream of events."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/event-stream":
        raise Failure("bad_reply", f"content type {kind or 'missing'} where text/event-stream was asked for")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise Failure("bad_reply", f"content encoding {encoding} where none was asked for")


def headers_of(response: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


async def beginning(response: httpcore.Response, limit: int) -> bytes:
    """The beginning of a body."""
    body = b""
    async for data in response.aiter_stream():
        body += data
        if len(body) >= limit:
            break
    return body[:limit]


async def _drain(stream: AsyncIterator[bytes]) -> None:
    try:
        async with asyncio.timeout(DRAIN_S):
            async for data in stream:
                if len(data) > DRAIN_BYTES:
                    return
    except TimeoutError:
        return
