"""The resident: the agent itself, as its own process, with a configuration and a state folder of its own."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from agent.lab.processes import end, spawn
from agent.lab.timeline import Notice
from agent.lab.watch import Watcher

STOP_S = 10.0
LOG_LINES = 12
Value = str | int | float | bool | Sequence["Value"] | Mapping[str, "Value"]


class ResidentFailed(RuntimeError):
    """The agent did not start, or ended; the text holds the end of its log."""


class Resident:
    """`settings`: dotted keys of the configuration. `with Resident(settings, env) as agent: agent.wait_online(…)`.

    `state`: its state folder, for one that is to find what another has left; else a new one, gone afterwards.
    """

    def __init__(self, settings: Mapping[str, Value], env: Mapping[str, str], state: Path | None = None) -> None:
        self._settings = dict(settings)
        self._env = dict(env)
        self._state = state
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    def __enter__(self) -> Resident:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def configure(self, changes: Mapping[str, Value | None]) -> None:
        """Rewrite its configuration file with these changes (None: not set); a SIGHUP makes them its own."""
        assert self._folder is not None
        changed = {**self._settings, **changes}
        self._settings = {key: value for key, value in changed.items() if value is not None}
        # Replaced as a whole: a reload still under way would take half a file for a configuration of few settings.
        new = self._folder / "config.toml.new"
        new.write_text(to_toml({"version": 1, **self._settings}))
        new.replace(self._folder / "config.toml")

    @property
    def log(self) -> str:
        """What it said on stderr so far."""
        if self._folder is None:
            return ""
        return (self._folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Launch it; `wait_online` tells when it is there."""
        self._folder = Path(tempfile.mkdtemp(prefix="resident-"))
        config = self._folder / "config.toml"
        self.configure({})
        env = {**self._env, "STATE_DIRECTORY": str(self._state or self._folder / "state"), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "agent.cli", "run", "--config", str(config)]
        self.started_at = time.monotonic()
        with (self._folder / "log").open("wb") as log:
            self._process = spawn(command, env, stdout=log, stderr=log)

    def wait_online(self, watcher: Watcher, timeout_s: float, after: int = 0) -> float:
        """Wait for `status` online, after this mark of the watcher; seconds since launch. Raises ResidentFailed."""
        online = watcher.wait(lambda n: (n.topic, n.data) == ("status", "online"), timeout_s, after, self.check)
        if online is None:
            raise ResidentFailed(f"not online within {timeout_s:.0f} s\n{self.tail()}")
        return online.at - self.started_at

    def wait_parts(self, watcher: Watcher, parts: Collection[str], timeout_s: float, after: int = 0) -> float:
        """Wait for these parts to be "ok" all at once; seconds since launch. Raises ResidentFailed."""

        def all_ok(notice: Notice) -> bool:
            if notice.topic != "health":
                return False
            return all(notice.data.get(part, {}).get("status") == "ok" for part in parts)

        healthy = watcher.wait(all_ok, timeout_s, after, self.check)
        if healthy is None:
            last: dict[str, Any] = next((n.data for n in reversed(watcher.notices) if n.topic == "health"), {})
            states = [f"{part}: {last.get(part, {}).get('status', 'unknown')}" for part in parts]
            raise ResidentFailed(f"not ready within {timeout_s:.0f} s ({', '.join(states)})\n{self.tail()}")
        return healthy.at - self.started_at

    def check(self) -> None:
        """Raises ResidentFailed where it is not running any more."""
        if self._process is None or self._process.poll() is not None:
            code = self._process.poll() if self._process else None
            raise ResidentFailed(f"the agent ended with exit code {code}\n{self.tail()}")

    def wait_log(self, text: str, timeout_s: float, after: int = 0, times: int = 1) -> str:
        """Wait until its log says this, so many times; the log from `after` on. Raises ResidentFailed.

        A thread of its own writes it: what is published may be known before.
        """
        until = time.monotonic() + timeout_s
        while (log := self.log[after:]).count(text) < times:
            self.check()
            if time.monotonic() > until:
                raise ResidentFailed(f"its log does not say {text!r} for the {times}. time\n{self.tail()}")
            time.sleep(0.05)  # a file tells nobody that it grows
        return log

    def wait_ended(self, timeout_s: float) -> int:
        """Wait for it to end by itself, or by a signal that somebody sent; its exit code. Raises ResidentFailed."""
        assert self._process is not None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ResidentFailed(f"still running after {timeout_s:.0f} s\n{self.tail()}") from None

    def tail(self) -> str:
        return "\n".join(f"  {line}" for line in self.log.splitlines()[-LOG_LINES:])

    def stop(self, keep_log: Path | None = None) -> int | None:
        """SIGTERM, wait, SIGKILL after `STOP_S`; its exit code. Idempotent."""
        code = None
        if self._process is not None:
            code = end(self._process, STOP_S)
            self._process = None
        if self._folder is not None:
            if keep_log:
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy(self._folder / "log", keep_log)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        return code


def to_toml(settings: Mapping[str, Value]) -> str:
    """Dotted keys as TOML."""
    return "".join(f"{key} = {_literal(value)}\n" for key, value in settings.items())


def _literal(value: Value) -> str:
    """JSON's strings, numbers and booleans are TOML's; tables are written inline."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{json.dumps(key)} = {_literal(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
