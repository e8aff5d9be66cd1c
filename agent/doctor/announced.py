"""Is this satellite found by itself? Asked for as Home Assistant would; with what is in the way, if it is not."""

from __future__ import annotations

from importlib.util import find_spec

from agent.config import WyomingSection
from agent.doctor import report
from agent.doctor.finding import Finding, Severity
from agent.satellite.beacon import TYPE, Place, instance
from agent.satellite.reach import reached

NEEDED = "zeroconf"
ANSWER_MS = 3000
BY_HAND = "it can be added in Home Assistant by its address and port all the same"
HIDDEN = (
    "journalctl -u voice-agent VOICE_AGENT_CODE=satellite.announced says what keeps it from it; a firewall has to let "
    f"UDP 5353 through; {BY_HAND}"
)


def look(config: WyomingSection, device: str) -> Finding:
    """`config`: of a satellite that is enabled; `device`: its name."""
    if not config.announced:
        return _finding("info", _why_not(config))
    if find_spec(NEEDED) is None:
        return _finding("info", f"no: {NEEDED} is not installed", f"pip install 'voice-agent[discovery]'; {BY_HAND}")
    place = Place(reached(config), config.port)
    if not place.addresses:
        known = f"no network leads to {', '.join(config.allow) or config.address} now"
        return _finding("warning", known, "is this device connected, and wyoming.allow right? ip route get ADDRESS")
    name = instance(device)
    return _judged(place, name, _asked(place, name))


def _why_not(config: WyomingSection) -> str:
    if not config.announce:
        return "no: switched off by wyoming.announce"
    if ":" in config.address:
        return "no: it listens to IPv6, and only IPv4 addresses are announced"
    return "no: this machine alone reaches it (wyoming.address)"


def _judged(place: Place, name: str, found: Place | None) -> Finding:
    if found is None:
        if report.running() is None:
            return _finding("info", f"the service does not run; then as {name} at {place}")
        return _finding("warning", f"the service runs, and nobody answers to {name}", HIDDEN)
    if not set(found.addresses) & set(place.addresses):
        remedy = 'give this one a name of its own: mqtt.device = "bedroom"'
        return _finding("warning", f"another device is called {name}: {found}", remedy)
    if found.port != place.port:
        return _finding("warning", f"as {name} at {found}, where it is not to be", "sudo systemctl reload voice-agent")
    return _finding("ok", f"as {name} at {found}")


def _asked(place: Place, name: str) -> Place | None:
    """Where the network says that it is."""
    from zeroconf import DNSQuestionType, IPVersion, Zeroconf

    try:
        network = Zeroconf(interfaces=list(place.addresses))
    except OSError:
        return None
    try:
        # Answers to all: one to us alone may go to the service, which has the same port.
        found = network.get_service_info(TYPE, f"{name}.{TYPE}", ANSWER_MS, DNSQuestionType.QM)
    finally:
        network.close()
    if found is None or found.port is None:
        return None
    return Place(tuple(found.parsed_addresses(IPVersion.V4Only)), found.port)


def _finding(severity: Severity, shown: str, remedy: str = "") -> Finding:
    return Finding("satellite", severity, "found by itself", shown, remedy)
