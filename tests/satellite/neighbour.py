"""Somebody on the network who looks for satellites as Home Assistant does: with a browser of python-zeroconf's."""

from __future__ import annotations

import queue
from typing import NamedTuple

from zeroconf import ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf

from agent.satellite.beacon import TYPE

WAIT_S = 20.0
HOME_ASSISTANT_MS = 3000  # so long it waits for the details of what it has heard of


class News(NamedTuple):
    change: str  # Added, Updated, Removed
    addresses: tuple[str, ...] = ()
    port: int = 0


class Neighbour:
    """`with Neighbour(name) as neighbour:`; hears of the one satellite of that name."""

    def __init__(self, name: str, interface: str = "127.0.0.1") -> None:
        self._name = f"{name}.{TYPE}"
        self._network = Zeroconf(interfaces=[interface])
        self._changes: queue.Queue[str] = queue.Queue()
        self._browser: ServiceBrowser | None = None

    def __enter__(self) -> Neighbour:
        self._browser = ServiceBrowser(self._network, TYPE, handlers=[self._changed])
        return self

    def __exit__(self, *_: object) -> None:
        if self._browser is not None:
            self._browser.cancel()
        self._network.close()

    def next(self) -> News:
        change = self._changes.get(timeout=WAIT_S)
        if change == ServiceStateChange.Removed.name:
            return News(change)
        info = self._network.get_service_info(TYPE, self._name, HOME_ASSISTANT_MS)
        assert info is not None
        assert info.port is not None
        return News(change, tuple(sorted(info.parsed_addresses())), info.port)

    def heard_of(self, change: str) -> News:
        while (news := self.next()).change != change:
            pass
        return news

    def has_heard_nothing(self) -> bool:
        return self._changes.empty()

    def take_the_name(self, port: int) -> ServiceInfo:
        """As another device, which is announced by it."""
        info = ServiceInfo(TYPE, self._name, port=port, parsed_addresses=["127.0.0.1"], server="other.local.")
        self._network.register_service(info)
        return info

    def give_it_back(self, info: ServiceInfo) -> None:
        self._network.unregister_service(info)

    def _changed(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if name == self._name:
            self._changes.put(state_change.name)
