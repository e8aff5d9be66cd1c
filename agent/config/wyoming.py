"""The Wyoming protocol: where servers are that speak it, and this device as a satellite."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from agent.config.values import Section


def _address(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme != "tcp" or not parts.hostname or not parts.port or parts.path or parts.query or parts.fragment:
        raise ValueError('has to be an address such as "tcp://192.168.1.20:10300"')
    if parts.username or parts.password:
        raise ValueError("must hold no user or password: the protocol knows none")
    return uri


WyomingAddress = Annotated[str, AfterValidator(_address)]


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError('has to be an address or a network, such as "192.168.1.5" or "192.168.1.0/24"') from error
    return text


def _bound(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ValueError('has to be an address of this device, such as "127.0.0.1" or "0.0.0.0"') from error


class WyomingSection(Section):
    """This device as a satellite of Home Assistant's."""

    enabled: bool = Field(False, description="let Home Assistant's Wyoming integration connect")
    address: Annotated[str, AfterValidator(_bound)] = Field(
        "127.0.0.1", description='where to listen; "0.0.0.0": on all networks, which needs allow'
    )
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(10_700, description="of the satellite")
    answers: Literal["home_assistant", "agent"] = Field(
        "home_assistant",
        description="what is said goes to Home Assistant while it is connected, and it answers; agent: nothing does",
    )
    wait_ms: Annotated[int, Field(ge=500, le=15_000)] = Field(
        4000, description="for its text after the end of an utterance; then what this device has heard counts"
    )
    allow: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description='who may connect, "192.168.1.5" or "192.168.1.0/24"; the protocol knows no password'
    )
    announce: bool = Field(
        True,
        description="Home Assistant finds it by itself, where other machines reach it by IPv4 (extra `discovery`)",
    )

    @property
    def announced(self) -> bool:
        """It is to be found by itself, where other machines reach it."""
        address = ipaddress.ip_address(self.address)
        return self.enabled and self.announce and address.version == 4 and not address.is_loopback

    @property
    def listened_to(self) -> bool:
        """What is said may go to Home Assistant."""
        return self.enabled and self.answers == "home_assistant"

    @model_validator(mode="after")
    def _guarded(self) -> WyomingSection:
        if self.enabled and not self.allow and not ipaddress.ip_address(self.address).is_loopback:
            raise ValueError(
                f"the address {self.address} is reached from other machines: set allow, with Home Assistant's address"
            )
        return self
