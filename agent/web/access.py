"""Who may come in: where a request has to come from, and the token.

- The `Host` has to be a name of ours: a page elsewhere whose name was made to point at this device (DNS rebinding) has
  its own name there.
- The `Origin` of whatever changes something or opens a WebSocket has to be this page; a program of no browser sends
  none, and shows the token itself (`Authorization: Bearer`).
- Who shows the token at /login gets a cookie that holds a date and its signature, made with the token: it outlives a
  restart, and a new token ends it. The token itself is in no cookie and no address.
- Whoever guesses waits: `TRIES` wrong tokens a minute from one address, `ALL_TRIES` from all.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from agent.config import Web
from agent.credentials import Secret

COOKIE = "voice_agent"
COOKIE_S = 30 * 24 * 3600
TRIES, ALL_TRIES, TRIES_WITHIN_S = 5, 30, 60.0
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ANYWHERE = ("0.0.0.0", "::")


class Access:
    """`token`: None: everybody who reaches us may come in."""

    def __init__(self, config: Web, token: Secret | None, now: Callable[[], float] = time.time) -> None:
        named = () if config.address in ANYWHERE else (_bracketed(config.address),)
        self._hosts = {host.lower() for host in (*LOOPBACK, *named, *map(_bracketed, config.hosts))}
        self._token = token
        self._now = now
        self._wrong: deque[tuple[float, str]] = deque(maxlen=ALL_TRIES)

    @property
    def open(self) -> bool:
        return self._token is None

    def our_host(self, host: str | None) -> bool:
        return host is not None and _name(host) in self._hosts

    def our_page(self, origin: str | None, host: str, secure: bool) -> bool:
        """Whether the page that asks is the one that was served under this `Host`; a proxy may have ended the TLS."""
        if origin is None:
            return False
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False  # "http://[": no browser says that
        schemes = ("https",) if secure else ("https", "http")
        return parts.scheme in schemes and parts.netloc.lower() == host.lower()

    def admits(self, cookies: Mapping[str, str]) -> bool:
        if self._token is None:
            return True
        until, _, signature = cookies.get(COOKIE, "").partition(".")
        if not until.isascii() or not until.isdigit() or len(until) > 12:
            return False
        genuine = hmac.compare_digest(_digest(signature), _digest(self._signature(self._token, until)))
        return genuine and int(until) > self._now()

    def bears(self, authorization: str | None, address: str) -> bool:
        """The token itself, in the header of a program; a wrong one counts as a try."""
        if self._token is None or authorization is None:
            return False
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and self.right(given.strip(), address)

    def right(self, given: str, address: str) -> bool:
        if self._token is None:
            return True
        if self.too_many(address):
            return False
        right = hmac.compare_digest(_digest(given), _digest(self._token.reveal()))
        if not right:
            self._wrong.append((self._now(), address))
        return right

    def too_many(self, address: str) -> bool:
        """Of wrong tokens: no further one is looked at for a while."""
        since = self._now() - TRIES_WITHIN_S
        recent = [who for at, who in self._wrong if at > since]
        return len(recent) >= ALL_TRIES or recent.count(address) >= TRIES

    def ticket(self) -> str:
        """The value of the cookie."""
        if self._token is None:
            return ""
        until = str(round(self._now()) + COOKIE_S)
        return f"{until}.{self._signature(self._token, until)}"

    def _signature(self, token: Secret, until: str) -> str:
        return hmac.new(token.reveal().encode(), f"voice-agent guest until {until}".encode(), "sha256").hexdigest()


class Bucket:
    """`rate` a second, and `burst` at once. `take` tells whether there was so much left."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._left = self._burst = burst
        self._now = now
        self._seen = now()

    def take(self, amount: float) -> bool:
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if amount > self._left:
            return False
        self._left -= amount
        return True


def _digest(text: str) -> bytes:
    """Of one length, so that comparing tells nothing of the token's."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _name(host: str) -> str:
    """Without the port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() and not name.endswith(":") else host.lower()
