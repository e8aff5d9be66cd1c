"""TLS as we want it: the broker is always checked; our own certificate is shown where one is configured.

A private authority is named by `mqtt.ca_file`, never waved through: there is no switch that turns verification off.
"""

from __future__ import annotations

import ssl

from agent import credentials
from agent.config import MqttSection
from agent.mqtt.happenings import LinkFault, Lost


def context(config: MqttSection) -> ssl.SSLContext:
    """Raises LinkFault, CredentialError."""
    try:
        made = ssl.create_default_context(cafile=config.ca_file)
    except OSError as error:  # ssl.SSLError, where the file holds no certificate, is one too
        raise _fault(f"mqtt.ca_file {config.ca_file}: {error.strerror}") from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.sslsocket_class = _Socket
    if config.cert_file is not None and config.key is not None:
        _identify(made, config.cert_file, config.key)
    return made


def _identify(made: ssl.SSLContext, cert_file: str, key: str) -> None:
    """Our own certificate. OpenSSL must never ask the terminal for a passphrase, hence `password`."""
    key_file = credentials.locate(key)
    try:
        made.load_cert_chain(cert_file, key_file, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _fault(f"mqtt.cert_file {cert_file} was not made for the key in credential {key_file}") from error
        raise _fault(f"mqtt.cert_file {cert_file}, or the key in {key_file}: {error.reason or 'not PEM'}") from error
    except OSError as error:
        raise _fault(f"mqtt.cert_file {cert_file}: {error.strerror}") from error


def _fault(reason: str) -> LinkFault:
    return LinkFault(Lost("refused", "mqtt.tls", reason))


class _Socket(ssl.SSLSocket):
    """paho forgets the socket where the handshake fails."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise
