"""Where the satellite listens, and who is let in.

A port that is taken is a fault of the surroundings: it is told in the log and tried again.
"""

from __future__ import annotations

import ipaddress
import logging
import socket

from agent.config.wyoming import WyomingSection

RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)
BACKLOG = 4

log = logging.getLogger(__name__)


class Door:
    def __init__(self, config: WyomingSection) -> None:
        self._config = config
        self._allowed = [ipaddress.ip_network(each, strict=False) for each in config.allow]
        self._attempts = 0
        self._socket: socket.socket | None = None
        self.retry_at = 0.0  # monotonic seconds

    @property
    def port(self) -> int:
        """0 while it is closed."""
        return int(self._socket.getsockname()[1]) if self._socket else 0

    def open(self, now: float) -> socket.socket | None:
        """Listen; None where that is not possible, before `retry_at`."""
        address = self._config.address, self._config.port
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            self._socket = socket.create_server(address, family=family, backlog=BACKLOG)
        except OSError as error:
            self.retry_at = now + RETRY_S[min(self._attempts, len(RETRY_S) - 1)]
            self._attempts += 1
            log.error("no satellite at %s:%d: %s", *address, error.strerror, extra={"code": "satellite.failed"})
            return None
        self._socket.setblocking(False)
        return self._socket

    def admit(self) -> socket.socket | None:
        """Who knocked; None for one who may not come in, or is gone again."""
        assert self._socket
        try:
            guest, (host, *_) = self._socket.accept()
        except OSError:
            return None
        if self._lets_in(host):
            return guest
        log.warning("satellite: %s is not in wyoming.allow", host)
        guest.close()
        return None

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _lets_in(self, host: str) -> bool:
        address = ipaddress.ip_address(host.partition("%")[0])
        return not self._allowed or any(address in network for network in self._allowed)
