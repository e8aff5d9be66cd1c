"""The section of the page and of microphones elsewhere; needs the extra `web`."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field, model_validator

from agent.config.values import CredentialName, Name, Section

HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$|^\[?[0-9A-Fa-f:]{2,45}\]?$")]


class Web(Section):
    """Browsers and other devices talk with the agent; off, nothing of it is loaded."""

    enabled: bool = Field(False, description="serve the page and its microphones (extra `web`)")
    address: Name = Field("127.0.0.1", description='where to listen; "0.0.0.0": on all networks, which needs TLS')
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(8770, description="of the page")
    hosts: tuple[HostName, ...] = Field(
        (), description="names by which browsers may call the page, beside localhost and the address"
    )
    cert_file: Name | None = Field(None, description="our certificate, with those that vouch for it (PEM)")
    key: CredentialName | None = Field(None, description="name of the credential that holds its private key (PEM)")
    plaintext: bool = Field(
        False, description="without TLS also beyond this machine: who is in that network hears and reads everything"
    )
    token: CredentialName | None = Field(None, description="name of the credential that guests have to show")
    guests: Annotated[int, Field(ge=1, le=8)] = Field(
        2, description="who may talk at once; each has a recogniser and a voice in memory while connected"
    )
    keep_s: Annotated[float, Field(ge=0, le=600)] = Field(
        15.0, description="how long a guest that was cut off may come back and go on"
    )

    @property
    def local(self) -> bool:
        """Only programs of this machine reach it."""
        try:
            return self.address == "localhost" or ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            return False

    @model_validator(mode="after")
    def _safe(self) -> Web:
        if (self.cert_file is None) != (self.key is None):
            raise ValueError("cert_file and key belong together")
        if not self.enabled or self.local:
            return self
        if self.cert_file is None and not self.plaintext:
            raise ValueError(
                f"the address {self.address} is reached from other machines: set cert_file and key (docs/web.md tells "
                "how to get them), or say plaintext = true if everybody in that network may listen"
            )
        if self.token is None:
            raise ValueError(
                f"the address {self.address} is reached from other machines: set token, the name of a credential"
            )
        return self

    def files(self) -> dict[str, str]:
        """Key -> the file that has to be there."""
        return {"web.cert_file": self.cert_file} if self.enabled and self.cert_file else {}
