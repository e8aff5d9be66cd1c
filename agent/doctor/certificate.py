"""A certificate as a browser sees it: shown in memory, with its key, to somebody who trusts it and looks at nothing but
dates and names. Who vouches for it, and whether a phone believes that, cannot be told here.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, openssl/x509_vfy.h
OTHER_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
FLIGHTS = 4


@dataclass(frozen=True, slots=True)
class Certificate:
    """`since`, `until`: seconds since 1970; `strange`: those of the names asked about that it is not for."""

    issuer: str
    since: float
    until: float
    strange: tuple[str, ...]


def look(server: ssl.SSLContext, cert_file: str, names: Sequence[str]) -> Certificate:
    """`server`: as it serves. Raises ssl.SSLError: it is for no server, or something else is wrong with it."""
    shown = _shown(server, cert_file, None)
    issuer = dict(pair for part in shown["issuer"] for pair in part)
    since, until = (ssl.cert_time_to_seconds(shown[key]) for key in ("notBefore", "notAfter"))
    strange = tuple(name for name in names if not _covers(server, cert_file, name))
    return Certificate(issuer.get("commonName") or issuer.get("organizationName") or "somebody", since, until, strange)


def _covers(server: ssl.SSLContext, cert_file: str, name: str) -> bool:
    try:
        _shown(server, cert_file, name)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in OTHER_NAME:
            return False
        raise
    return True


def _shown(server: ssl.SSLContext, cert_file: str, name: str | None) -> Mapping[str, Any]:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = name is not None
    client.load_verify_locations(cert_file)
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(NO_CHECK_TIME)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    browser = client.wrap_bio(back, there, server_hostname=name)
    page = server.wrap_bio(there, back, server_side=True)
    for side in (browser, page) * FLIGHTS:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue  # the other one's turn
    return browser.getpeercert() or {}
