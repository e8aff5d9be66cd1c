"""The computer itself: which one, how hot, whether it was slowed down or starved of power, how much memory.

Throttling flags: https://www.raspberrypi.com/documentation/computers/os.html#get_throttled. They are read from the
firmware's file in /sys, else asked of `vcgencmd`; the kernel's sensor `rpi_volt` knows the low voltage alone.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator

from agent.config import Config
from agent.doctor.context import Context, printed
from agent.doctor.finding import Finding

HOT_C, TOO_HOT_C = 75.0, 82.0  # a Pi slows down from 80 °C on, and hard at 85 °C
SMALL_MB, MEDIUM_MB, FREE_MB = 600, 1100, 80
DROP_INS = "/etc/systemd/system/voice-agent.service.d"

NOW = {0: "low voltage", 1: "clock capped", 2: "slowed down", 3: "near its temperature limit"}
POWER = {0, 16}


def examine(context: Context) -> Iterator[Finding]:
    context.say("model, temperature, memory")
    yield _model(context)
    yield from _temperature(context)
    yield from _throttling(context)
    yield from _memory(context)


def model(context: Context) -> str:
    """Such as "Raspberry Pi Zero 2 W Rev 1.0"; "" where no device tree tells."""
    return context.text("/proc/device-tree/model") or context.text("/sys/firmware/devicetree/base/model")


def this_machine() -> str:
    """One line for reports: board or processor, cores, kernel."""
    return machine(Context(Config(), False, lambda text: None))


def machine(context: Context) -> str:
    named = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", context.text("/proc/cpuinfo"), re.MULTILINE)
    name = model(context) or (named[1].strip() if named else "")
    cores = f"{len(os.sched_getaffinity(0))} cores"
    return ", ".join(part for part in (platform.machine(), cores, name, f"Linux {platform.release()}") if part)


def _model(context: Context) -> Finding:
    name = model(context)
    if "Raspberry Pi" in name:
        return Finding("board", "ok", "board", name, figures={"model": name, "raspberry_pi": True})
    shown = f"not a Raspberry Pi: {name or machine(context)}"
    return Finding("board", "info", "board", shown, figures={"model": name or machine(context), "raspberry_pi": False})


def _temperature(context: Context) -> Iterator[Finding]:
    zones = sorted((context.root / "sys/class/thermal").glob("thermal_zone*"))
    read = [context.text(str(zone.relative_to(context.root) / "temp")) for zone in zones]
    hottest = max((int(text) / 1000 for text in read if re.fullmatch(r"\d+", text)), default=None)
    if hottest is None:
        return
    figures = {"temperature_c": round(hottest, 1)}
    shown = f"{hottest:.0f} °C"
    remedy = "give it air or a heat sink; it slows down at 80 °C, and speech begins to stutter"
    if hottest >= TOO_HOT_C:
        yield Finding("board", "failure", "temperature", f"{shown}: too hot", remedy, figures)
    elif hottest >= HOT_C:
        yield Finding("board", "warning", "temperature", f"{shown}: close to being slowed down", remedy, figures)
    else:
        yield Finding("board", "ok", "temperature", shown, figures=figures)


def _throttling(context: Context) -> Iterator[Finding]:
    flags = throttled(context)
    if flags is None:
        if "Raspberry Pi" in model(context):
            remedy = "`vcgencmd get_throttled` tells; whoever asks has to be in the group video"
            yield Finding("board", "info", "throttling", "nobody here knows whether it was slowed down", remedy)
        return
    figures = {"throttled": f"{flags:#x}"}
    now = [text for bit, text in NOW.items() if flags >> bit & 1]
    before = [text for bit, text in NOW.items() if flags >> (bit + 16) & 1]
    if not now and not before:
        yield Finding("board", "ok", "throttling", "never since the start", figures=figures)
        return
    power = any(flags >> bit & 1 for bit in POWER)
    remedy = "a stronger power supply and a shorter cable" if power else "more cooling"
    if now:
        yield Finding(
            "board", "failure" if flags & 1 else "warning", "throttling", f"now: {', '.join(now)}", remedy, figures
        )
    else:
        yield Finding("board", "warning", "throttling", f"since the start: {', '.join(before)}", remedy, figures)


def throttled(context: Context) -> int | None:
    """The firmware's flags; None where nobody knows them (no Raspberry Pi)."""
    files = sorted((context.root / "sys/devices/platform").glob("soc*/soc*firmware/get_throttled"))
    texts = [context.text(str(file.relative_to(context.root))) for file in files]
    if not texts and "Raspberry Pi" in model(context):
        texts = [(printed("vcgencmd", "get_throttled") or "").partition("=")[2].strip()]
    for text in texts:
        if re.fullmatch(r"(0x)?[0-9a-fA-F]{1,8}", text):
            return int(text, 16)
    return _low_voltage(context)


def _low_voltage(context: Context) -> int | None:
    for sensor in sorted((context.root / "sys/class/hwmon").glob("hwmon*")):
        folder = str(sensor.relative_to(context.root))
        if context.text(f"{folder}/name") == "rpi_volt":
            return 0x10001 if context.text(f"{folder}/in0_lcrit_alarm") == "1" else 0
    return None


def _memory(context: Context) -> Iterator[Finding]:
    total, available = (_megabytes(context, key) for key in ("MemTotal", "MemAvailable"))
    if not total:
        return
    shown = f"{total} MB, {available} MB of them available"
    figures = {"memory_mb": total, "memory_available_mb": available}
    hint = _drop_in(context, total)
    if available < FREE_MB:
        remedy = hint or "end other programs; see what needs it: ps aux --sort=-rss | head"
        yield Finding("board", "warning", "memory", f"{shown}: nearly full", remedy, figures)
    elif hint:
        yield Finding("board", "info", "memory", shown, hint, figures)
    else:
        yield Finding("board", "ok", "memory", shown, figures=figures)


def available_mb(context: Context) -> int:
    """Memory that programs may still take, in MB; 0 where it is not known."""
    return _megabytes(context, "MemAvailable")


def _megabytes(context: Context, key: str) -> int:
    found = re.search(rf"^{key}:\s+(\d+) kB", context.text("/proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 // 10**6 if found else 0


def _drop_in(context: Context, total_mb: int) -> str:
    """Which settings a small device should have, and has not."""
    name = "memory-512m" if total_mb < SMALL_MB else "memory-1g" if total_mb < MEDIUM_MB else ""
    if not name or (context.root / DROP_INS.lstrip("/") / f"{name}.conf").exists():
        return ""
    return f"a small device: install the drop-in {name}.conf of deploy/systemd/drop-ins"
