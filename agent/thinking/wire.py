"""Connections: an HTTP/1.1 pool that refuses to connect where `agent.thinking.address` forbids it.

httpcore (httpx's own engine) is used without httpx, which would import a command line with it (0.5 s and 5 MB) and
brings what is not wanted here: redirects, proxies from the environment, cookies, decompression. And only httpcore lets
us check the very address that is connected to, so that no second look-up can differ from the checked one.

Idle connections are kept for KEEP_S, or until the server closes them, which httpcore sees before it reuses one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

import httpcore

from agent.thinking.address import Address
from agent.thinking.guard import UnknownHost, permitted, tls

KEEP_S = 300.0


def open_pool(address: Address, keyed: bool) -> httpcore.AsyncConnectionPool:
    """A pool for one endpoint. `keyed`: requests carry a key. Certificates are checked against the system's store.

    The number of connections is not limited: there is one turn at a time, and a limit would turn a connection that
    httpcore lost count of (it can, where a request is cancelled twice) into a deadlock.
    """
    return httpcore.AsyncConnectionPool(
        ssl_context=tls() if address.scheme == "https" else None,
        max_connections=None,
        max_keepalive_connections=2,
        keepalive_expiry=KEEP_S,
        network_backend=GuardedBackend(private_only=keyed and address.scheme == "http"),
    )


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Looks a name up once, leaves the forbidden addresses out, and tries the others in the resolver's order."""

    def __init__(self, private_only: bool) -> None:
        self._private_only = private_only
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                allowed = await permitted(host, port, self._private_only)
                return await self._first(allowed, port, timeout, socket_options)
        except UnknownHost as error:
            raise httpcore.ConnectError(str(error)) from error
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no connection within {timeout:g} s") from error

    async def _first(
        self, addresses: list[str], port: int, timeout: float | None, options: Iterable[Any] | None
    ) -> httpcore.AsyncNetworkStream:
        """The first that accepts; each gets an equal share of the time."""
        share = None if timeout is None else timeout / len(addresses)
        *others, last = addresses
        for ip in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._sockets.connect_tcp(ip, port, share, None, options)
        return await self._sockets.connect_tcp(last, port, share, None, options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
