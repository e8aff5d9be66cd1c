"""By which addresses of this device do those who may connect reach the satellite? The kernel's routes know.

A satellite on all networks ("0.0.0.0") listens in those of containers and tunnels, too. Of the addresses that are
announced Home Assistant takes one, and tries no other if it is the wrong one. And to list a machine's addresses takes a
netlink socket, which the service's sandbox refuses; to ask for a way sends nothing, and takes no right.
"""

from __future__ import annotations

import ipaddress
import socket

from agent.config.wyoming import WyomingSection

PORT = 9  # any one: nothing is sent there


def reached(config: WyomingSection) -> tuple[str, ...]:
    """IPv4 addresses, without those of this machine alone; none where there is no network."""
    listening = ipaddress.ip_address(config.address)
    if listening.version != 4:
        return ()
    if listening.is_unspecified:
        found = {_toward(each) for each in config.allow}
    else:
        found = {config.address if _ours(config.address) else None}
    return tuple(sorted(each for each in found if each and not ipaddress.ip_address(each).is_loopback))


def _toward(allowed: str) -> str | None:
    """The address of ours that is seen there: by a machine, or by the first one of a network."""
    network = ipaddress.ip_network(allowed, strict=False)
    if network.version != 4:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect((str(network[min(1, network.num_addresses - 1)]), PORT))
        except OSError:
            return None
        return str(way.getsockname()[0])


def _ours(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        try:
            there.bind((address, 0))
        except OSError:
            return False
        return True
