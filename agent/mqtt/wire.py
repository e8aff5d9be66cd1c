"""The two dialects of MQTT, and paho with the limits that it does not have.

Rules:
- What MQTT 5 can say and 3.1.1 cannot is left out: user properties, reason codes of PUBACK, limits of the other side,
  and that the flag "retained" comes as it was published (in 3.1.1 only old messages carry it).
- A packet over `MAX_PACKET` ends the connection. In MQTT 5 no broker sends one, since we say so in CONNECT; a broker of
  3.1.1 would pass on 200 MB.
- TLS 1.3 tells that our certificate is missing or refused only when something is read, and paho swallows it; it is kept
  in `trouble`, which says more than "connection lost".
"""

from __future__ import annotations

import ssl
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.mqtt.happenings import RECEIVE_MAXIMUM, Lost, refused_certificate
from agent.mqtt.topics import Message

MAX_PACKET = 65_536


class Client(paho.Client):
    """paho's client, for one connection."""

    def __init__(self, client_id: str, dialect: Dialect) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=dialect.clean_session,
            protocol=dialect.protocol,
            reconnect_on_failure=False,
        )
        self.trouble: Lost | None = None

    def _sock_recv(self, bufsize: int) -> bytes:
        """paho asks for the rest of a packet, so that `bufsize` is its length at first."""
        if bufsize > MAX_PACKET:
            self.trouble = Lost(
                "refused", "mqtt.oversize", f"a message of over {MAX_PACKET} bytes came: connection cut"
            )
            raise ConnectionAbortedError(self.trouble.reason)
        try:
            return super()._sock_recv(bufsize)
        except ssl.SSLError as error:
            self.trouble = refused_certificate(error)
            raise


class Dialect(Protocol):
    """What the packets of one version of MQTT carry."""

    @property
    def protocol(self) -> MQTTProtocolVersion: ...

    @property
    def clean_session(self) -> bool | None: ...

    def connect(self) -> dict[str, Any]:
        """Further arguments of paho's `connect`."""

    def properties(self, packet_type: int, message: Message) -> Properties | None: ...

    def filters(self, names: tuple[str, ...]) -> list[tuple[str, Any]]: ...


class Mqtt5:
    protocol = MQTTProtocolVersion.MQTTv5
    clean_session = None

    def connect(self) -> dict[str, Any]:
        properties = _properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0
        properties.MaximumPacketSize = MAX_PACKET
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        return {"clean_start": True, "properties": properties}

    def properties(self, packet_type: int, message: Message) -> Properties | None:
        properties = _properties(packet_type)
        if message.properties:
            properties.UserProperty = list(message.properties)
        if message.expiry_s:
            properties.MessageExpiryInterval = message.expiry_s
        return properties

    def filters(self, names: tuple[str, ...]) -> list[tuple[str, Any]]:
        """The flag "retained" is kept as published, to tell live commands from old."""
        return [(name, SubscribeOptions(qos=1, retainAsPublished=True)) for name in names]


class Mqtt311:
    protocol = MQTTProtocolVersion.MQTTv311
    clean_session = True

    def connect(self) -> dict[str, Any]:
        return {}

    def properties(self, packet_type: int, message: Message) -> Properties | None:
        return None

    def filters(self, names: tuple[str, ...]) -> list[tuple[str, Any]]:
        return [(name, 1) for name in names]


def dialect(protocol: str) -> Dialect:
    """`protocol` as in `mqtt.protocol`."""
    return Mqtt5() if protocol == "5" else Mqtt311()


def _properties(packet_type: int) -> Properties:
    return Properties(packet_type)  # type: ignore[no-untyped-call]
