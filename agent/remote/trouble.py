"""Why a connection did not come about, or ended: in words, and whether that can get better by itself."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed, InvalidStatus

from agent.remote.target import Target

NOT_YET_VALID, EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, …_HAS_EXPIRED (openssl-verification-options(1))
UNAUTHORISED = (401, 403)
LATER = (408, 425, 429)
MAX_WORDS = 200


@dataclass(frozen=True, slots=True)
class Trouble:
    """`code`: the exit code, where trying again would not help."""

    reason: str
    code: int | None = None


def trouble(error: Exception, target: Target) -> Trouble:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code, verify_message=why):
            return _certificate(code, why, target)
        case InvalidStatus():
            return _refused(error.response.status_code, error.response.body, target)
        case ConnectionClosed():
            return Trouble("the connection is lost" if error.rcvd is None else "the agent ended the connection")
        case ValueError():
            return Trouble(f"what answers at {target.url} points elsewhere", 78)
        case TimeoutError():
            return Trouble(f"{target.host} does not answer")
        case OSError():
            return Trouble(f"{target.host}: {error.strerror or error}")
        case _:
            return Trouble(f"what answers at {target.url} is no agent: {error}"[:MAX_WORDS])


def _certificate(code: int, why: str, target: Target) -> Trouble:
    if code in (NOT_YET_VALID, EXPIRED):  # a board without a battery does not know the date yet
        return Trouble(f"the certificate of {target.host}: {why}; is the clock of this device right?")
    return Trouble(f"the certificate of {target.host} is not accepted: {why}; --ca names a private authority", 78)


def _refused(status: int, body: bytes | bytearray, target: Target) -> Trouble:
    if status in UNAUTHORISED:
        return Trouble(f"{target.host} does not let us in: the token is missing or wrong", 78)
    said = "".join(letter for letter in body[:MAX_WORDS].decode(errors="replace") if letter.isprintable())
    reason = f"{target.url} answers with {status}" + (f": {said}" if said else "")
    temporary = status in LATER or status >= 500
    return Trouble(reason, None if temporary else 78)
