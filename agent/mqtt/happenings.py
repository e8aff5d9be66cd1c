"""What can happen on a connection, and what the refusals of sockets and brokers mean for us.

Reason codes: MQTT 5.0, section 2.4. The kind of a loss decides how long to wait before the next attempt.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.mqtt.limits import FaultKind

RECEIVE_MAXIMUM = 20

_TAKEN_OVER = 142
_BUSY = {136, 137}  # server unavailable, server busy: a broker that is just starting
_CREDENTIALS = {134, 135, 138, 140}  # bad user name or password, not authorized, banned, bad authentication method


@dataclass(frozen=True, slots=True)
class Connected:
    """CONNACK. `window`: how many unacknowledged messages the broker takes."""

    window: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """SUBACK. `refusal`: why the broker refuses the first filter, "" if granted."""

    refusal: str


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


TAKEN_OVER = Lost("taken_over", "mqtt.flapping", "another client uses our client id: give each device its own name")

Happening = Connected | Subscribed | Published | Received | Lost


def failed(error: OSError | UnicodeError, address: str) -> Lost:
    """What connecting the socket, TLS included, raised."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Lost("refused", "mqtt.tls", f"certificate of {address}: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return Lost("refused", "mqtt.tls", f"TLS with {address}: {error.reason or 'failed'}")
    detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Lost("unreachable", "mqtt.unreachable", f"broker {address}: {detail}")


def acknowledged(reason: ReasonCode, properties: Properties) -> Connected | Lost:
    """What CONNACK says."""
    if not reason.is_failure:
        window = getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM)
        return Connected(max(1, min(RECEIVE_MAXIMUM, window)))
    text = f"the broker refuses us: {reason}"
    if reason.value in _BUSY:
        return Lost("unreachable", "mqtt.unreachable", text)
    return Lost("refused", "mqtt.auth" if reason.value in _CREDENTIALS else "mqtt.refused", text)


def disconnected(reason: ReasonCode, by_broker: bool) -> Lost:
    """What DISCONNECT, or the end of the connection without one, says."""
    if by_broker and reason.value == _TAKEN_OVER:
        return TAKEN_OVER
    return Lost("unreachable", "mqtt.lost", f"connection lost: {reason}")


def refusal(reasons: list[ReasonCode]) -> str:
    """The first failure among reason codes; "" if there is none."""
    return next((str(reason) for reason in reasons if reason.is_failure), "")
