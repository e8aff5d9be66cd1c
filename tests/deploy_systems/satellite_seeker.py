"""Runs in the machine, with the agent's own Python: looks for a satellite on the network as Home Assistant does.

python satellite_seeker.py NAME INTERFACE prints as JSON at which addresses and port it was found, null where it is not.
Nothing of the project is imported.
"""

import json
import sys

from zeroconf import DNSQuestionType, Zeroconf

TYPE = "_wyoming._tcp.local."
WAIT_MS = 3000


def main(name: str, interface: str) -> list[object] | None:
    network = Zeroconf(interfaces=[interface])
    try:
        found = network.get_service_info(TYPE, f"{name}.{TYPE}", WAIT_MS, DNSQuestionType.QM)
    finally:
        network.close()
    return None if found is None else [found.parsed_addresses(), found.port]


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
