"""The outpost: this device as a satellite of Home Assistant's, as the rest of the house sees it."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.config import Config
from agent.daemon.assist import Assist
from agent.daemon.plan import satellite
from agent.identity import device_name
from agent.satellite.beacon import Beacon
from agent.satellite.reach import reached
from agent.satellite.satellite import Satellite


class Outpost:
    """One that is not enabled does nothing. `assist` outlives an outpost that is replaced."""

    def __init__(self, config: Config, assist: Assist, on_fatal: Callable[[str], None]) -> None:
        self._config = config
        self._assist = assist
        self._satellite = (
            Satellite(config.wyoming, satellite(config), assist, on_fatal) if config.wyoming.enabled else None
        )
        self._beacon = _beacon(config, self._satellite) if self._satellite and config.wyoming.announced else None

    def start(self) -> None:
        self._assist.use(self._satellite, self._config)
        if self._satellite is not None:
            self._satellite.start()
        if self._beacon is not None:
            self._beacon.start()

    def stop(self) -> None:
        if self._beacon is not None:
            self._beacon.stop()
        if self._satellite is not None:
            self._satellite.stop()

    def progress(self) -> float:
        return self._satellite.progress() if self._satellite is not None else time.monotonic()


def _beacon(config: Config, satellite: Satellite) -> Beacon:
    return Beacon(device_name(config.mqtt.device), lambda: satellite.port, lambda: reached(config.wyoming))
