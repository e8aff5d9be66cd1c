"""The way to an MCP server over HTTP: the library's transport upon our own guarded connections.

The library would connect anywhere, follow its environment's proxies, unpack whatever is packed and read a body of any
size. Here its HTTP client stands upon the pool that the language models use (`agent.thinking.wire`): the address that
is connected to is the one that was checked, a token travels unencrypted to private addresses only, nothing is unpacked,
and a body or an event ends at MAX_BYTES.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import httpcore
import httpx2
from mcp.client.streamable_http import streamable_http_client

from agent import credentials
from agent.config.tools import McpServer
from agent.credentials import Secret
from agent.thinking.address import BadAddress, parse_tools
from agent.thinking.guard import Refused
from agent.thinking.refusals import unconnected
from agent.thinking.tools import ToolUnavailable
from agent.thinking.wire import open_pool

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

MAX_BYTES = 262_144


@asynccontextmanager
async def over_http(server: McpServer) -> AsyncIterator[TransportStreams]:
    """The streams of a connection to `server.url`. Raises ToolUnavailable, and what the library raises."""
    token = _token(server)
    try:
        address = parse_tools(server.url or "")
    except BadAddress as error:
        raise ToolUnavailable(str(error)) from error
    headers = {"User-Agent": "voice-agent", "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token.reveal()}"
    timeout = httpx2.Timeout(server.call_timeout_s, connect=server.connect_timeout_s, read=None)
    guarded = _Guarded(open_pool(address, token is not None))
    async with (
        httpx2.AsyncClient(transport=guarded, headers=headers, timeout=timeout, trust_env=False) as client,
        streamable_http_client(address.url(""), http_client=client, max_sse_event_size=MAX_BYTES) as streams,
    ):
        yield streams


def _token(server: McpServer) -> Secret | None:
    """Read anew for each connection, so that a new token needs no restart."""
    if server.token is None:
        return None
    try:
        token = credentials.read(server.token)
    except credentials.CredentialError as error:
        raise ToolUnavailable(str(error)) from error
    if not token.reveal().isascii() or " " in token.reveal():
        raise ToolUnavailable(f'the credential "{server.token}" holds characters that no token has')
    return token


class _Guarded(httpx2.AsyncBaseTransport):
    """The library's requests through our pool."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        asked = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        with _mapped(request):
            response = await self._pool.handle_async_request(asked)
        body = _Body(response, request)
        if response.status in (401, 403):
            await body.aclose()
            raise httpx2.ConnectError(f"HTTP {response.status}: the token is missing or refused", request=request)
        headers = {name.lower(): value.lower() for name, value in response.headers}
        if headers.get(b"content-encoding", b"identity") != b"identity":
            await body.aclose()
            raise httpx2.DecodingError("the answer is packed, which nobody asked for", request=request)
        return httpx2.Response(
            response.status, headers=response.headers, stream=body, extensions=response.extensions, request=request
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """A body that ends in an error where it becomes too long; events have a bound of their own, each."""

    def __init__(self, response: httpcore.Response, request: httpx2.Request) -> None:
        self._response = response
        self._request = request
        kind = next((value for name, value in response.headers if name.lower() == b"content-type"), b"")
        self._bounded = not kind.lower().startswith(b"text/event-stream")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        with _mapped(self._request):
            async for data in self._response.aiter_stream():
                size += len(data)
                if self._bounded and size > MAX_BYTES:
                    raise httpx2.ReadError(f"an answer of more than {MAX_BYTES} bytes", request=self._request)
                yield data

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def _mapped(request: httpx2.Request) -> Iterator[None]:
    """Errors of our pool as the library's. Their texts are not passed on: they may quote a header."""
    try:
        yield
    except Refused as error:
        raise httpx2.ConnectError(str(error), request=request) from error
    except httpcore.TimeoutException as error:
        raise httpx2.ConnectTimeout("no connection in time", request=request) from error
    except httpcore.ConnectError as error:
        raise httpx2.ConnectError(unconnected(error).detail, request=request) from error
    except (httpcore.ProtocolError, httpcore.NetworkError) as error:
        raise httpx2.ReadError("the connection was lost", request=request) from error
