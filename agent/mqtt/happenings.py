"""What can happen on a connection, and what the refusals of sockets and brokers mean for us.

Reason codes: MQTT 5.0, section 2.4. The kind of a loss decides how long to wait before the next attempt.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.mqtt.limits import FaultKind

RECEIVE_MAXIMUM = 20

_UNSUPPORTED = 132
_TAKEN_OVER = 142
_BUSY = {136, 137}  # server unavailable, server busy: a broker that is just starting
_CREDENTIALS = {134, 135, 138, 140}  # bad user name or password, not authorized, banned, bad authentication method
# Alerts about the client's certificate; RFC 8446, section 6.2.
_ALERT = re.compile(r"ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|HANDSHAKE_FAILURE)")


@dataclass(frozen=True, slots=True)
class Connected:
    """CONNACK. `window`: how many unacknowledged messages the broker takes; `largest`: bytes of a packet."""

    window: int
    largest: int | None = None


@dataclass(frozen=True, slots=True)
class Subscribed:
    """SUBACK. `refusals`: for each filter why the broker refuses it, "" if granted."""

    refusals: tuple[str, ...]

    @property
    def refusal(self) -> str:
        """Of the first filter."""
        return self.refusals[0] if self.refusals else "the broker's answer is empty"


@dataclass(frozen=True, slots=True)
class Published:
    """PUBACK, or a QoS 0 message written. `refusal`: the broker's reason, "" if taken."""

    mid: int
    refusal: str


@dataclass(frozen=True, slots=True)
class Received:
    """`properties`: user properties."""

    topic: str
    payload: bytes
    retain: bool
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no connection (any more). `code` for machines, `reason` for people, without secrets."""

    kind: FaultKind
    code: str
    reason: str


class LinkFault(Exception):
    """The connection could not be made."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.reason)
        self.lost = lost


TAKEN_OVER = Lost("taken_over", "mqtt.flapping", "another client uses our client id: give each device its own name")

Happening = Connected | Subscribed | Published | Received | Lost


def failed(error: OSError | UnicodeError, address: str) -> Lost:
    """What connecting the socket, TLS included, raised."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Lost("refused", "mqtt.tls", f"certificate of {address}: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        if _ALERT.search(str(error)):
            return refused_certificate(error)
        return Lost("refused", "mqtt.tls", f"TLS with {address}: {error.reason or 'failed'}")
    detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Lost("unreachable", "mqtt.unreachable", f"broker {address}: {detail}")


def refused_certificate(error: ssl.SSLError) -> Lost:
    """What reading said where TLS broke: with TLS 1.3 only then does the broker speak about our certificate."""
    if not _ALERT.search(str(error)):
        return Lost("unreachable", "mqtt.lost", f"connection lost: TLS: {error.reason or 'broken'}")
    said = (error.reason or "").lower().replace("_", " ").partition("alert ")[2]
    return Lost(
        "refused", "mqtt.tls", f"the broker wants a certificate it knows ({said}): see mqtt.cert_file and mqtt.key"
    )


def acknowledged(reason: ReasonCode, properties: Properties | None) -> Connected | Lost:
    """What CONNACK says."""
    if not reason.is_failure:
        window = getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM)
        return Connected(max(1, min(RECEIVE_MAXIMUM, window)), getattr(properties, "MaximumPacketSize", None))
    text = f"the broker refuses us: {reason}"
    if reason.value == _UNSUPPORTED:
        return Lost("refused", "mqtt.protocol", 'the broker does not speak MQTT 5: set mqtt.protocol = "3.1.1"')
    if reason.value in _BUSY:
        return Lost("unreachable", "mqtt.unreachable", text)
    return Lost("refused", "mqtt.auth" if reason.value in _CREDENTIALS else "mqtt.refused", text)


def disconnected(reason: ReasonCode, by_broker: bool) -> Lost:
    """What DISCONNECT, or the end of the connection without one, says."""
    if by_broker and reason.value == _TAKEN_OVER:
        return TAKEN_OVER
    return Lost("unreachable", "mqtt.lost", f"connection lost: {reason}")


def refusal(reason: ReasonCode) -> str:
    """Why; "" if nothing is refused."""
    return str(reason) if reason.is_failure else ""
