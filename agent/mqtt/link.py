"""One connection to the broker, from CONNECT until it is lost; the next one gets a new `Link`.

Rules:
- paho is driven from outside (`loop_read`, `loop_write`, `loop_misc`; its documented external event loop): it gets no
  thread of its own. Such a thread ends silently with the first exception in a callback while `is_connected()` stays
  true, and needs every message carried across threads. Here all of it happens in the one thread that calls `pump`.
- A client is never reused: paho would send again what the old connection did not acknowledge, before we have said
  anything on the new one, and that is stale.
- Callbacks only append to a list; `pump` returns it.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import ssl
import struct
from typing import Any, cast

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes

from agent.config import MqttSection
from agent.mqtt import tls
from agent.mqtt.happenings import (
    RECEIVE_MAXIMUM,
    Happening,
    LinkFault,
    Lost,
    Published,
    Received,
    Subscribed,
    acknowledged,
    disconnected,
    failed,
    refusal,
)
from agent.mqtt.topics import Message
from agent.mqtt.wire import Client, dialect

PACKETS_AT_ONCE = 100
CONNECT_TIMEOUT_S = 4.0
# paho notices a dead broker after twice the keepalive, and we look once a second.
MARGIN_S = 1


class Bell:
    """Wakes the thread that waits in `pump`. Any thread may ring, also before it is there and after it has gone."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        os.eventfd_write(self._fd, 1)

    def wait(self, timeout_s: float) -> None:
        """Until it rings, at most so long."""
        if select.select([self._fd], [], [], max(0.0, timeout_s))[0]:
            self.clear()

    def clear(self) -> None:
        try:
            os.eventfd_read(self._fd)
        except BlockingIOError:
            return

    def fileno(self) -> int:
        return self._fd

    def __del__(self) -> None:
        # Closed with the last reference and not before: a late ring must not hit somebody else's descriptor.
        os.close(self._fd)


class Link:
    """Used by one thread. Order of use: `open`, `pump` again and again, `close`."""

    def __init__(self, config: MqttSection, client_id: str, will: Message, bell: Bell) -> None:
        self._config = config
        self._will = will
        self._bell = bell
        self._password: str | None = None
        self._happened: list[Happening] = []
        self._dialect = dialect(config.protocol)
        self._client = Client(client_id, self._dialect)

    def open(self, password: str | None) -> None:
        """Connect the socket (blocks for some seconds at worst) and send CONNECT. Raises LinkFault, CredentialError."""
        client, config = self._client, self._config
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(RECEIVE_MAXIMUM)
        will = self._dialect.properties(PacketTypes.WILLMESSAGE, self._will)
        client.will_set(self._will.topic, self._will.payload, qos=1, retain=True, properties=will)
        if config.username is not None:
            client.username_pw_set(config.username, password)
            self._password = password
        self._listen()
        if config.tls:
            client.tls_set_context(tls.context(config))
        try:
            client.connect(config.host, config.port, max(1, config.keepalive_s - MARGIN_S), **self._dialect.connect())
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that no DNS label can hold
            raise LinkFault(failed(error, f"{config.host}:{config.port}")) from error

    def pump(self, timeout_s: float) -> list[Happening]:
        """Wait for the network or the bell, let paho do its work, and tell what happened."""
        client = self._client
        readable = self._poll(0.0 if self._happened else timeout_s)
        for _ in range(PACKETS_AT_ONCE):  # so that a flood leaves time for the rest
            if not readable:
                break
            client.loop_read()
            readable = self._poll(0.0)
        if client.want_write():
            client.loop_write()
        client.loop_misc()
        if client.socket() is None and not any(isinstance(item, Lost) for item in self._happened):
            self._happened.append(Lost("unreachable", "mqtt.lost", "connection lost"))
        happened, self._happened = self._happened, []
        return happened

    def subscribe(self, *filters: str) -> None:
        """SUBACK comes as `Subscribed`."""
        self._client.subscribe(self._dialect.filters(filters))

    def publish(self, message: Message) -> int | None:
        """Hand a message over; its number comes back in `Published`. None where there is no connection any more."""
        properties = self._dialect.properties(PacketTypes.PUBLISH, message)
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def disconnect(self) -> None:
        """Say good-bye, so that the broker does not publish the will."""
        self._client.disconnect()

    def abort(self) -> None:
        """Let nothing that is still under way arrive: the socket forgets it when it is closed."""
        if (connection := self._client.socket()) is not None:
            cast(socket.socket, connection).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        """Drop the connection, if there is one."""
        if (connection := self._client.socket()) is not None:
            connection.close()

    def _poll(self, timeout_s: float) -> bool:
        """Whether there is something to read."""
        connection = self._client.socket()
        if connection is None:
            return False
        if isinstance(connection, ssl.SSLSocket) and connection.pending():
            return True
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        poll.register(self._bell.fileno(), select.POLLIN)
        ready = dict(poll.poll(timeout_s * 1000))
        if self._bell.fileno() in ready:
            self._bell.clear()
        return bool(ready.get(connection.fileno(), 0) & ~select.POLLOUT)

    def _listen(self) -> None:
        client, happened = self._client, self._happen
        client.on_connect = lambda _c, _u, _flags, reason, properties: happened(acknowledged(reason, properties))
        client.on_disconnect = lambda _c, _u, flags, reason, _p: happened(
            client.trouble or disconnected(reason, flags.is_disconnect_packet_from_server)
        )
        client.on_subscribe = lambda _c, _u, _mid, reasons, _p: happened(Subscribed(tuple(map(refusal, reasons))))
        client.on_publish = lambda _c, _u, mid, reason, _p: happened(Published(mid, refusal(reason)))
        client.on_message = self._on_message
        client.on_socket_open = self._on_socket_open

    def _happen(self, happening: Happening) -> None:
        self._happened.append(happening)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        properties = tuple(getattr(message.properties, "UserProperty", ()))
        self._happened.append(Received(topic, bytes(message.payload), message.retain, properties))

    def _on_socket_open(self, _client: paho.Client, _data: Any, connection: Any) -> None:
        """The last moment before CONNECT carries the password."""
        # Nagle's algorithm would hold a small message back until the last one is acknowledged: 40 ms, where 150 decide.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._password is None or self._config.tls:
            return
        if exposed(cast(socket.socket, connection).getpeername()[0]):
            connection.close()
            raise LinkFault(
                Lost("refused", "mqtt.insecure", "no password over the open internet without TLS: set mqtt.tls")
            )


def exposed(address: str) -> bool:
    """Whether packets to this IP address leave the house."""
    return ipaddress.ip_address(address.partition("%")[0]).is_global
