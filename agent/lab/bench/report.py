"""What all benches share: common keys, percentiles, progress, and the table with its bars."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from agent import models, version
from agent.lab.bench.usage import cores
from agent.speaking.piper import Piper

REFERENCE = "The quick brown fox jumps over the lazy dog, and nobody knows why."
REFERENCE_RUNS = 3
COMMON = ("bench", "version", "machine", "at", "config", "reference_ms")

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach: at most `limit` (`goal` is where it shall go one day)."""

    key: str
    limit: float
    goal: float | None = None


class Progress:
    """What a bench is doing, on stderr: a spinner on a terminal, else a line."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._console = console
        self._status = Status("", console=console)

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def __call__(self, text: str) -> None:
        if self._console.is_terminal:
            self._status.update(f"{self._name}: {text}")
        else:
            self._console.print(f"{self._name}: {text}", highlight=False, soft_wrap=True)


def complete(name: str, figures: Figures, progress: Progress) -> Figures:
    """With the keys that every bench has. `figures["config"]`: the settings that were used, here turned into a hash."""
    progress("the reference sentence")
    settings = json.dumps(figures.pop("config", {}), sort_keys=True)
    return {
        "bench": name,
        **figures,
        "version": version(),
        "machine": machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": hashlib.sha256(settings.encode()).hexdigest()[:12],
        "reference_ms": reference_ms(),
    }


def machine() -> str:
    """Such as "x86_64, 2 cores, Some CPU, Linux 6.1"."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            model = line.partition(":")[2].strip()
    return ", ".join(
        part for part in (platform.machine(), f"{cores()} cores", model, f"Linux {platform.release()}") if part
    )


def reference_ms() -> float | None:
    """CPU time of `REFERENCE` with one thread, in this process, the least of some runs; None without a Piper voice."""
    try:
        voice = Piper(models.require("tts-piper", "en"), threads=1, rate=1.0)
    except models.ModelMissing:
        return None
    voice.load()
    times = []
    for _ in range(REFERENCE_RUNS):
        before = time.process_time()
        for _ in voice.synthesise(REFERENCE):
            pass
        times.append((time.process_time() - before) * 1000)
    return round(min(times), 1)


def percentiles(values: Sequence[float], *wanted: int) -> list[float | None]:
    """In the unit of the values, one decimal; None where there are none."""
    if not len(values):
        return [None] * len(wanted)
    return [round(float(np.percentile(values, percent)), 1) for percent in wanted]


def poisson_bound(count: int, confidence: float = 0.95) -> float:
    """The largest mean that still gives so few events with more than 1 − confidence (3.0 for none: rule of three)."""
    low, high = 0.0, count + 10 * math.sqrt(count + 1) + 10
    for _ in range(60):
        mean = (low + high) / 2
        fewer = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))
        low, high = (mean, high) if fewer > 1 - confidence else (low, mean)
    return (low + high) / 2


def table(name: str, figures: Mapping[str, Any], bars: Sequence[Bar]) -> Table:
    """For people: each figure beside its bar."""
    limits = {bar.key: bar for bar in bars}
    title = f"{name}   {figures['machine']}, reference {figures['reference_ms']} ms"
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column in ("figure", "value", "bar", ""):
        grid.add_column(column, justify="right" if column == "value" else "left")
    for key, value in figures.items():
        if key in COMMON:
            continue
        bar = limits.get(key)
        limit = f"≤ {bar.limit:g}" + (f" (goal {bar.goal:g})" if bar.goal is not None else "") if bar else ""
        grid.add_row(key, text_of(value), limit, judged(value, bar))
    return grid


def judged(value: Any, bar: Bar | None) -> Text:
    """PASS or miss; nothing where there is no bar."""
    if bar is None:
        return Text()
    if isinstance(value, int | float) and value <= bar.limit:
        return Text("PASS", "green")
    return Text("miss", "bold red")


def text_of(value: Any) -> str:
    match value:
        case None:
            return "-"
        case Mapping():
            return ", ".join(f"{key}: {text_of(item)}" for key, item in value.items())
        case float():
            return f"{value:g}"
        case _:
            return str(value)
