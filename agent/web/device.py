"""How the device is, as its guests are shown it: health, timers, settings."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent import choices
from agent.commands import Command, ShowHealth, ShowSetting, ShowTimers
from agent.config import Config
from agent.settings import SETTINGS, Choice, Number, Switch
from agent.web.protocol import message


class Device:
    """What was shown last. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below
        self._health: dict[str, dict[str, str]] = {}
        self._timers = ShowTimers(())
        self._settings: dict[str, ShowSetting] = {}

    def show(self, command: Command, config: Config) -> list[str]:
        """Takes in what is shown to the world; returns what is to be told to guests of it."""
        with self._lock:
            match command:
                case ShowHealth(part=part, status=status, reason=reason, since=since):
                    self._health[part] = {"status": status, "reason": reason, "since": since.isoformat()}
                    return [self._parts()]
                case ShowTimers():
                    self._timers = command
                    return [self._running()]
                case ShowSetting(name=name):
                    self._settings[name] = command
                    return [self._rows(config)]
                case _:
                    return []

    def messages(self, config: Config) -> list[str]:
        with self._lock:
            return [self._parts(), self._running(), self._rows(config)]

    def _parts(self) -> str:
        return message("health", parts=self._health)

    def _running(self) -> str:
        shown = self._timers
        timers = [
            {
                "id": timer.id,
                "kind": timer.kind,
                "name": timer.name,
                "message": timer.message,
                "due": timer.due.isoformat(timespec="milliseconds"),
                "seconds": timer.seconds,
                "days": list(timer.days),
                "ringing": timer.id in shown.ringing,
            }
            for timer in shown.timers
        ]
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        return message("timers", at=now, timers=timers, ringing=list(shown.ringing))

    def _rows(self, config: Config) -> str:
        options = choices.options(config)
        rows = [_row(name, self._settings[name], options.of) for name in SETTINGS if name in self._settings]
        return message("settings", settings=[row for row in rows if row is not None])


def _row(name: str, shown: ShowSetting, options: Mapping[str, tuple[str, ...]]) -> dict[str, Any] | None:
    """None for a choice of nothing."""
    row: dict[str, Any] = {"name": name, "label": _label(name), "value": shown.value, "changed": shown.changed}
    match SETTINGS[name].kind:
        case Switch():
            return {**row, "kind": "bool"}
        case Number(low=low, high=high, step=step, unit=unit):
            return {**row, "kind": "number", "low": low, "high": high, "step": step, "unit": unit}
        case Choice():
            given = options.get(name, ())
            return {**row, "kind": "choice", "choices": list(given)} if given else None


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize().replace("Llm", "Language model:")
