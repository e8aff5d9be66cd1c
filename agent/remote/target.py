"""Where the agent is, and how it is reached safely."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from agent.credentials import Secret


class BadTarget(ValueError):
    """The address cannot be meant; str() says why."""


class BadAuthority(Exception):
    """The file with the private authority cannot be used."""


@dataclass(frozen=True, slots=True)
class Target:
    """`url`: with host, port and path, without anything secret. `tls`: None: in the clear."""

    url: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    token: Secret | None


def target(url: str, token: Secret | None, ca: Path | None = None, plaintext: bool = False) -> Target:
    """Raises BadTarget, BadAuthority. `plaintext`: ws:// is wanted beyond this machine, too."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise BadTarget("the port is no number up to 65535") from None
    if parts.scheme not in ("wss", "ws") or not parts.hostname:
        raise BadTarget("the address has to look like wss://HOST:PORT/ws")
    if parts.username is not None or parts.query or parts.fragment:
        raise BadTarget("the address holds more than host, port and path; the token is a file, see --token-file")
    secure = parts.scheme == "wss"
    if not secure and not plaintext and not _here(parts.hostname):
        raise BadTarget(
            "ws:// to another machine lets everybody in that network listen; use wss://, or say --insecure-plaintext"
        )
    if not secure and ca is not None:
        raise BadTarget("--ca is about wss://")
    port = port or (443 if secure else 80)
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    whole = f"{parts.scheme}://{name}:{port}{parts.path if parts.path.strip('/') else '/ws'}"
    return Target(whole, parts.hostname, port, _tls(ca) if secure else None, token)


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(ca: Path | None) -> ssl.SSLContext:
    """A private authority is named, never waved through: there is no switch that turns verification off."""
    try:
        made = ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError, where the file holds no certificate, is one too
        raise BadAuthority(f"{ca}: {error.strerror or 'no certificate'}") from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
