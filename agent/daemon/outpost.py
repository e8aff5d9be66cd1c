"""The outpost: this device as a satellite of Home Assistant's, as the rest of the house sees it."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.config import Config
from agent.daemon.assist import Assist
from agent.daemon.plan import satellite
from agent.satellite.satellite import Satellite


class Outpost:
    """One that is not enabled does nothing. `assist` outlives an outpost that is replaced."""

    def __init__(self, config: Config, assist: Assist, on_fatal: Callable[[str], None]) -> None:
        self._config = config
        self._assist = assist
        on, about = config.wyoming.enabled, satellite(config)
        self._satellite = Satellite(config.wyoming, about, assist, on_fatal) if on else None

    def start(self) -> None:
        self._assist.use(self._satellite, self._config)
        if self._satellite is not None:
            self._satellite.start()

    def stop(self) -> None:
        if self._satellite is not None:
            self._satellite.stop()

    def progress(self) -> float:
        return self._satellite.progress() if self._satellite is not None else time.monotonic()
