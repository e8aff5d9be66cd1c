"""The sections of what is around the agent: the broker, privacy, the journal."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from agent.config.values import CredentialName, Name, Section
from agent.identity import MEETING


class MqttSection(Section):
    """The broker; voice works without one."""

    enabled: bool = Field(True, description="connect at all")
    host: Name = Field("localhost", description="the broker")
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(1883, description="8883 is usual with TLS")
    device: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = Field(
        None, description="this device in topics; not set: the host name"
    )
    base: Annotated[str, Field(pattern=r"^[^#+\x00]{1,100}$")] = Field(
        "voice-agent", description="topics begin with base/device"
    )
    username: Name | None = Field(None, description="not set: anonymous")
    password: CredentialName | None = Field(None, description="name of the credential, never the password itself")
    tls: bool = Field(False, description="encrypt, and check the broker's certificate")
    ca_file: Name | None = Field(None, description="certificate authority; not set: the system's")
    cert_file: Name | None = Field(None, description="our own certificate (PEM), where the broker asks for one")
    key: CredentialName | None = Field(None, description="name of the credential that holds its private key (PEM)")
    protocol: Literal["5", "3.1.1"] = Field("5", description='"3.1.1" for brokers that do not speak MQTT 5')
    hermes: bool = Field(False, description="also speak the Hermes protocol of Rhasspy, below hermes/")
    keepalive_s: Annotated[int, Field(ge=5, le=600)] = Field(
        15, description="a lost broker is noticed within twice that"
    )

    @field_validator("device")
    @classmethod
    def _own(cls, device: str | None) -> str | None:
        if device == MEETING:
            raise ValueError(f'"{MEETING}" is where devices meet in topics; choose another name, such as "living-room"')
        return device

    @model_validator(mode="after")
    def _certificate(self) -> MqttSection:
        if (self.cert_file is None) != (self.key is None):
            raise ValueError("a certificate of our own needs both cert_file and key")
        if self.cert_file is not None and not self.tls:
            raise ValueError("cert_file and key mean nothing without tls = true")
        return self

    def files(self) -> dict[str, str]:
        """Key -> the file that has to be there."""
        named = {"mqtt.ca_file": self.ca_file, "mqtt.cert_file": self.cert_file} if self.enabled else {}
        return {key: file for key, file in named.items() if file is not None}


class Privacy(Section):
    """What leaves the memory of the device."""

    publish_transcript: bool = Field(True, description="transcripts and replies go to your broker")
    keep_receipts: bool = Field(True, description="write turns.jsonl into the state folder")


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Log(Section):
    """What goes to the journal; at INFO never what was said."""

    level: LogLevel = Field("INFO", description="of everything")
    rooms: dict[str, LogLevel] = Field({}, description='level by room, such as {hearing = "DEBUG"}')

    @field_validator("rooms")
    @classmethod
    def _rooms(cls, rooms: dict[str, LogLevel]) -> dict[str, LogLevel]:
        known = {
            "audio",
            "hearing",
            "dialogue",
            "thinking",
            "speaking",
            "mqtt",
            "panel",
            "web",
            "satellite",
            "wyoming",
            "daemon",
        }
        for room in rooms:
            if room not in known:
                raise ValueError(f'no room "{room}"; there are {", ".join(sorted(known))}')
        return rooms
