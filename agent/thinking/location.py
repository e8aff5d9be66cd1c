"""Where a profile's server is right now, and the key to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent import credentials
from agent.config import LlmProfile
from agent.credentials import Secret
from agent.thinking.address import Address, BadAddress, parse
from agent.thinking.failure import Failure


@dataclass(frozen=True, slots=True)
class Location:
    address: Address
    key: Secret | None

    def hide(self, text: str) -> str:
        """Servers like to quote the key they refuse."""
        return text.replace(self.key.reveal(), "***") if self.key else text


class Locator(Protocol):
    """`remote`: somebody else runs the server, so that it can be asked whether it is there."""

    remote: bool

    def check(self) -> None:
        """Raises Failure where it is known without any traffic that there can be no answer."""

    async def locate(self) -> Location:
        """Where to send a request; starts what has to be started. Raises Failure."""


class Remote:
    """A server at `base_url`. The credential is read anew for each request, so that a new key needs no restart."""

    remote = True

    def __init__(self, profile: LlmProfile, parse: Callable[[str], Address] = parse) -> None:
        self._base_url = profile.base_url or ""
        self._credential = profile.api_key
        self._parse = parse

    def check(self) -> None:
        self._find()

    async def locate(self) -> Location:
        return self._find()

    def _find(self) -> Location:
        try:
            return Location(self._parse(self._base_url), self._key())
        except BadAddress as error:
            raise Failure("unreachable", str(error)) from error

    def _key(self) -> Secret | None:
        if self._credential is None:
            return None
        try:
            key = credentials.read(self._credential)
        except credentials.CredentialError as error:
            raise Failure("auth", str(error)) from error
        text = key.reveal()
        if not text.isascii() or " " in text:
            raise Failure("auth", f'the credential "{self._credential}" holds characters that no key has')
        return key
