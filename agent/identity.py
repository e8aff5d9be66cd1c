"""What this device is called: one vocabulary for the broker's topics, for discovery, and for whoever looks the device
up in Home Assistant again.
"""

from __future__ import annotations

import re
import socket

MAX_DEVICE = 64
MEETING = "room"  # below the topics' base: where the devices of a room meet, so the name of none


def device_name(configured: str | None) -> str:
    """The name of the device, as in its topics: the configured one (`mqtt.device`), else from the host's name."""
    return configured or slug(socket.gethostname())


def device_id(device: str) -> str:
    """The device's identifier in Home Assistant, which knows it as ("mqtt", identifier)."""
    return f"voice-agent-{device}"


def slug(host: str) -> str:
    """A host name as the name of a device: `^[a-z0-9_-]{1,64}$`, and not `MEETING`."""
    short = re.sub(r"[^a-z0-9_-]+", "-", host.split(".", 1)[0].lower()).strip("-")[:MAX_DEVICE]
    return f"{short}-device" if short == MEETING else short or "voice-agent"
