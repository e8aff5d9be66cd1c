"""Where a language model may live.

Rules:
- A base URL has scheme http or https, a host, and no user, query or fragment. Without a path that of a model's server
  gets "/v1", which Ollama, llama.cpp, vLLM and OpenAI all serve; with a path it is taken as written.
- What counts is the address a name resolves to, at the moment of connecting: link-local addresses (where clouds keep
  their metadata), other metadata addresses, multicast and unspecified addresses are refused in every disguise.
- A key travels over plain http only to loopback or private addresses.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

COMPLETIONS = "/chat/completions"
WEBSOCKET = "/api/websocket"
METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class BadAddress(ValueError):
    """str() says what is wrong with the base URL, without repeating what could be a secret."""


@dataclass(frozen=True, slots=True)
class Address:
    """`path` begins with a slash and ends without one, or is empty; `host` has no brackets."""

    scheme: str
    host: str
    port: int
    path: str

    def url(self, suffix: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}{suffix}"


def parse(base_url: str) -> Address:
    """The address of an OpenAI-compatible endpoint. Raises BadAddress."""
    return _parse(base_url, COMPLETIONS, "/v1")


def parse_home(base_url: str) -> Address:
    """The address of a Home Assistant. Raises BadAddress."""
    return _parse(base_url, WEBSOCKET, "")


def parse_tools(url: str) -> Address:
    """The address of an MCP server. Raises BadAddress."""
    return _parse(url, "", "")


def _parse(base_url: str, ending: str, default: str) -> Address:
    """`ending` is what people write too much of, `default` the path where they write none."""
    if not base_url.isprintable() or " " in base_url:
        raise BadAddress("base_url has spaces or control characters")
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise BadAddress("base_url has an impossible host or port") from error
    if parts.scheme not in ("http", "https"):
        raise BadAddress("base_url has to begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("base_url must not hold a user or password; use api_key")
    if "?" in base_url or "#" in base_url:
        raise BadAddress("base_url must not have a query or fragment")
    if port == 0:
        raise BadAddress("base_url has port 0")
    path = parts.path.rstrip("/").removesuffix(ending)
    if not path.isascii():
        raise BadAddress("base_url has a path that is not ASCII")
    return Address(parts.scheme, _host(parts), port or (443 if parts.scheme == "https" else 80), path or default)


def _host(parts: SplitResult) -> str:
    try:
        host = (parts.hostname or "").encode("idna").decode()
    except UnicodeError as error:
        raise BadAddress("base_url has an impossible host") from error
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
        raise BadAddress("base_url has no usable host")
    return host


def forbidden(text: str, private_only: bool) -> str | None:
    """Why nothing may be sent to this IP address, or None. `private_only`: a key would travel unencrypted."""
    address = _undisguised(ipaddress.ip_address(text))
    if address.is_link_local or address in METADATA:
        return f"{text} is a link-local or metadata address"
    if address.is_multicast or address.is_unspecified:
        return f"{text} is no address of one machine"
    if private_only and address.is_global:
        return f"a key would travel unencrypted to {text}; use https"
    return None


def _undisguised(address: IpAddress) -> IpAddress:
    """The IPv4 address inside an IPv6 one (mapped, 6to4 or NAT64), where there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
