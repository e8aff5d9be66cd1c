"""Connections: an HTTP/1.1 pool that refuses to connect where `agent.thinking.address` forbids it.

httpcore (httpx's own engine) is used without httpx, which would import a command line with it (0.5 s and 5 MB) and
brings what is not wanted here: redirects, proxies from the environment, cookies, decompression. And only httpcore lets
us check the very address that is connected to, so that no second look-up can differ from the checked one.

- Names are looked up in a thread that may be left behind: `getaddrinfo` can hang for half a minute, and neither a
  cancelled turn nor the end of the program waits for it.
- Idle connections are kept for KEEP_S, or until the server closes them, which httpcore sees before it reuses one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterable
from typing import Any

import httpcore

from agent.thinking.address import Address, forbidden

KEEP_S = 300.0


class Refused(Exception):
    """str() says why nothing was sent to that address."""


def open_pool(address: Address, keyed: bool) -> httpcore.AsyncConnectionPool:
    """A pool for one endpoint. `keyed`: requests carry a key. Certificates are checked against the system's store.

    The number of connections is not limited: there is one turn at a time, and a limit would turn a connection that
    httpcore lost count of (it can, where a request is cancelled twice) into a deadlock.
    """
    return httpcore.AsyncConnectionPool(
        ssl_context=_tls() if address.scheme == "https" else None,
        max_connections=None,
        max_keepalive_connections=2,
        keepalive_expiry=KEEP_S,
        network_backend=GuardedBackend(private_only=keyed and address.scheme == "http"),
    )


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


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
                allowed = self._allowed(await look_up(host, port))
                return await self._first(allowed, port, timeout, socket_options)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no connection within {timeout:g} s") from error

    def _allowed(self, found: list[str]) -> list[str]:
        refusals = {ip: forbidden(ip, self._private_only) for ip in found}
        allowed = [ip for ip, reason in refusals.items() if reason is None]
        if not allowed:
            raise Refused("; ".join(reason for reason in refusals.values() if reason))
        return allowed

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


async def look_up(host: str, port: int) -> list[str]:
    """The IP addresses of a host, without doubles. Raises httpcore.ConnectError where there is none."""
    if _is_ip(host):
        return [host]
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str]) -> None:
        if not future.done():
            future.set_result(found)

    def ask() -> None:
        found = _getaddrinfo(host, port)
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    found = await future
    if not found:
        raise httpcore.ConnectError(f"no address is known for {host}")
    return found


def _getaddrinfo(host: str, port: int) -> list[str]:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
