"""What values may be: ranges with their units, names of credentials, addresses; and how every section behaves."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Milliseconds = Annotated[int, Field(ge=0, le=120_000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Rate = Annotated[int, Field(ge=8000, le=192_000)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(min_length=1, max_length=500)]


def _credential(name: str) -> str:
    """Refuse what looks like the secret itself. The message must not repeat it."""
    fits = re.fullmatch(r"[a-z][a-z0-9._-]{0,39}", name)
    if not fits or name.startswith(("sk-", "pk-")) or re.search(r"[a-z0-9]{20}", name):
        raise ValueError(
            "has to be the name of a credential (lower-case letters, digits, hyphens), never the secret itself: that "
            "goes into a file of that name in /etc/voice-agent/credentials (chmod 600)"
        )
    return name


CredentialName = Annotated[str, AfterValidator(_credential)]


def _address(url: str) -> str:
    parts = urlsplit(url)  # a ValueError of its own ("Invalid IPv6 URL") repeats nothing either
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('has to be an address such as "http://localhost:11434/v1"')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password or query: a key belongs into the credential that api_key names")
    return url


Address = Annotated[str, AfterValidator(_address)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
