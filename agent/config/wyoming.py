"""Where servers are that speak the Wyoming protocol."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _address(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme != "tcp" or not parts.hostname or not parts.port or parts.path or parts.query or parts.fragment:
        raise ValueError('has to be an address such as "tcp://192.168.1.20:10300"')
    if parts.username or parts.password:
        raise ValueError("must hold no user or password: the protocol knows none")
    return uri


WyomingAddress = Annotated[str, AfterValidator(_address)]
