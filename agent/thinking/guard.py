"""What every connection to others goes through: the IP addresses that a host name may mean, and TLS.

Names are looked up in a thread that may be left behind: `getaddrinfo` can hang for half a minute, and neither a
cancelled turn nor the end of the program waits for it. Who connects uses the very addresses that were checked, so that
no second look-up can differ.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading

from agent.thinking.address import forbidden


class Refused(Exception):
    """str() says why nothing was sent to that address."""


class UnknownHost(Exception):
    """No address is known for a host."""


async def permitted(host: str, port: int, private_only: bool) -> list[str]:
    """Where to connect to, in the resolver's order, at least one; `agent.thinking.address` says where not.

    Raises Refused, UnknownHost.
    """
    refusals = {ip: forbidden(ip, private_only) for ip in await _look_up(host, port)}
    allowed = [ip for ip, reason in refusals.items() if reason is None]
    if not allowed:
        raise Refused("; ".join(reason for reason in refusals.values() if reason))
    return allowed


def tls() -> ssl.SSLContext:
    """Certificates are checked against the system's store."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _look_up(host: str, port: int) -> list[str]:
    """The IP addresses of a host, without doubles. Raises UnknownHost."""
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
        raise UnknownHost(f"no address is known for {host}")
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
