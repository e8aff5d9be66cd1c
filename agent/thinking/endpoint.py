"""One profile: a request to an OpenAI-compatible server, and the one retry.

- Before the first text a lost connection, a status 5xx or 429 is tried once more, if there is time left.
- A parameter that the server does not know is left out from then on: newer OpenAI models want `max_completion_tokens`
  instead of `max_tokens`, and no temperature; many small models know nothing of tools.
- While the model calls tools (`agent.thinking.toolbox`), it is asked again with what came of them, until it answers.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpcore

from agent.clock import Clock
from agent.config import LlmProfile
from agent.thinking.address import COMPLETIONS
from agent.thinking.answerer import OnText, Question
from agent.thinking.failure import Failure
from agent.thinking.guard import Refused
from agent.thinking.location import Location, Locator
from agent.thinking.memory import messages
from agent.thinking.refusals import explanation, jitter, refusal, unconnected, unwanted_parameter
from agent.thinking.reply import ReplyReader
from agent.thinking.request import Request, Warmth, beginning, headers_of
from agent.thinking.talk import Talk, new_id
from agent.thinking.wire import open_pool
from agent.thinking.written import Written, thinks_first

log = logging.getLogger(__name__)

MAX_ERROR = 8192
MAX_LIST = 262_144


class Endpoint:
    """Belongs to one asyncio loop. `close` it there."""

    def __init__(self, name: str, profile: LlmProfile, locator: Locator, clock: Clock) -> None:
        self.name = name
        self.profile = profile
        self.locator = locator
        self._clock = clock
        self._pool: httpcore.AsyncConnectionPool | None = None
        self._warmth = Warmth()
        self._unwanted: set[str] = set()
        self._thinks_first = thinks_first(profile.model or "")

    async def ask(self, question: Question, on_text: OnText) -> None:
        """One reply, piece by piece. Returns at its end; raises Failure; can be cancelled at any time."""
        prompt = question.prompt if self.profile.system_prompt is None else self.profile.system_prompt
        tools = question.tools if "tools" not in self._unwanted else None
        if tools is not None:
            await tools.open()
            prompt = f"{prompt}\n{tools.rule()}".strip()
        told = messages(prompt, question.history, question.text, self.profile.history_turns)
        request = Request(self.profile, self._warmth.cold, on_text)
        try:
            await self._converse(request, Talk(told, tools, question.language))
        except Failure as failure:
            if failure.code == "timeout":
                self._warmth.warmed()  # it had its time to load
            lost = failure.code == "cut_off" and not request.begun
            acted = tools is not None and tools.acted
            raise Failure("unreachable" if lost else failure.code, failure.detail, acted=acted) from failure
        self._warmth.warmed()

    async def _converse(self, request: Request, talk: Talk) -> None:
        """Until the model answers without calling a tool."""
        while True:
            await self._try(request, talk)
            if talk.tools is None or not request.calls:
                return
            calls = request.calls.finished(talk.ids, new_id)
            if talk.tools.spent:
                raise Failure("bad_reply", "it calls tools for ever")
            async with request.working() as limit:
                results = await talk.tools.run(calls, limit)
            talk.called(request.text, calls, results)
            request.next_round()

    async def _try(self, request: Request, talk: Talk) -> None:
        retried = False
        while True:
            try:
                if await self._attempt(request, talk):
                    return
            except Failure as failure:
                if retried or failure.again_in is None or not request.permits(failure.again_in):
                    raise
                log.info("%s: %s, once more in %.1f s", self.name, failure.detail, failure.again_in)
                retried = True
                await asyncio.sleep(failure.again_in)

    async def reach(self) -> None:
        """Ask for the list of models: is the server there, and will it take the key? Raises Failure.

        Leaves an open connection behind for the next request. A server without such a list (404) is there, too.
        """
        self.locator.check()
        if not self.locator.remote:
            return
        with _mapped():
            async with asyncio.timeout(self.profile.connect_timeout_s + self.profile.token_timeout_s):
                location = await self.locator.locate()
                async with self._send("GET", location, "/models", b"") as response:
                    body = await beginning(response, MAX_LIST)
        if response.status in (401, 403) or response.status >= 500:
            raise self._refusal(location, response, body)

    async def close(self) -> None:
        if self._pool:
            await self._pool.aclose()

    async def _read(self, request: Request, response: httpcore.Response, reader: ReplyReader) -> None:
        try:
            await request.read(response, reader)
        finally:
            if reader.written.thought is not None:
                self._thinks_first = reader.written.thought

    async def _attempt(self, request: Request, talk: Talk) -> bool:
        """False where the server disliked a parameter that can be left out: then the next attempt does."""
        body, written = b"", Written(talk.language, self._thinks_first)
        with _mapped():
            async with request.deadline():
                location = await self.locator.locate()
                content = json.dumps(self._request_body(talk)).encode()
                async with self._send("POST", location, COMPLETIONS, content) as response:
                    if response.status == 200:
                        await self._read(request, response, ReplyReader(location.hide, talk.tools is not None, written))
                    else:
                        body = await beginning(response, MAX_ERROR)
        if response.status == 200:
            return True
        if response.status in (400, 422) and self._leave_out(unwanted_parameter(body)):
            return False
        raise self._refusal(location, response, body)

    def _refusal(self, location: Location, response: httpcore.Response, body: bytes) -> Failure:
        what = location.hide(explanation(body))
        return refusal(response.status, headers_of(response), what, self._clock().wall)

    def _leave_out(self, parameter: str | None) -> bool:
        if parameter is None or parameter in self._unwanted:
            return False
        log.info("%s: the server does not want the parameter %s", self.name, parameter)
        self._unwanted.add(parameter)
        return True

    def _request_body(self, talk: Talk) -> dict[str, Any]:
        profile = self.profile
        limit = "max_completion_tokens" if "max_tokens" in self._unwanted else "max_tokens"
        optional = {"model": profile.model, "temperature": profile.temperature, "top_p": profile.top_p}
        given = {key: value for key, value in optional.items() if value is not None and key not in self._unwanted}
        if "tools" not in self._unwanted:
            given |= talk.offer()
        return {"messages": talk.told, "stream": True, limit: profile.max_tokens, **given}

    @asynccontextmanager
    async def _send(
        self, method: str, location: Location, path: str, content: bytes
    ) -> AsyncIterator[httpcore.Response]:
        if self._pool is None:
            self._pool = open_pool(location.address, location.key is not None)
        headers = [("User-Agent", "voice-agent"), ("Accept-Encoding", "identity"), ("Cache-Control", "no-store")]
        if content:
            headers += [("Content-Type", "application/json"), ("Accept", "text/event-stream")]
        if location.key:
            headers.append(("Authorization", f"Bearer {location.key.reveal()}"))
        timeouts = {"timeout": {"connect": self.profile.connect_timeout_s}}
        url = location.address.url(path)
        async with self._pool.stream(method, url, headers=headers, content=content, extensions=timeouts) as response:
            yield response


@contextmanager
def _mapped() -> Iterator[None]:
    """httpcore's errors as Failures. Their texts are not passed on: they may quote a header."""
    try:
        yield
    except Refused as error:
        raise Failure("unreachable", str(error)) from error
    except httpcore.ConnectTimeout as error:
        raise Failure("unreachable", "no connection in time") from error
    except httpcore.ConnectError as error:
        raise unconnected(error) from error
    except httpcore.ProtocolError as error:
        raise Failure("cut_off", "the server broke off or does not speak HTTP", jitter()) from error
    except httpcore.NetworkError as error:
        raise Failure("cut_off", "the connection was lost", jitter()) from error
    except TimeoutError as error:
        raise Failure("timeout", "no answer in time") from error
