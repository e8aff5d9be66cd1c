"""Room for state and models, disks that became read-only, and wear of an SD card."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from agent import models
from agent.doctor.context import Context
from agent.doctor.finding import Finding

LOW_MB, FULL_MB = 200, 20
MODELS = "models"
STATE = Path("/var/lib/voice-agent")


def examine(context: Context) -> Iterator[Finding]:
    context.say("free space")
    folders = {"state": _state(), MODELS: models.folder()}
    seen: set[int] = set()
    for what, folder in folders.items():
        there = _existing(folder)
        device = there.stat().st_dev
        if device not in seen:
            yield room(what if len(set(map(_device, folders.values()))) > 1 else "state and models", there)
        seen.add(device)
    yield from _wear(context)


def room(what: str, folder: Path) -> Finding:
    """How much fits the file system of a folder. Raises OSError."""
    status = os.statvfs(folder)
    free_mb, total_mb = (blocks * status.f_frsize // 10**6 for blocks in (status.f_bavail, status.f_blocks))
    shown = f"{free_mb / 1000:.1f} of {total_mb / 1000:.1f} GB free at {folder}"
    figures = {"folder": str(folder), "free_mb": free_mb, "total_mb": total_mb}
    if status.f_flag & os.ST_RDONLY and what == MODELS:
        return Finding("disk", "ok", what, f"{folder} is read-only, as models may be", figures=figures)
    if status.f_flag & os.ST_RDONLY:
        remedy = "dmesg tells whether the card failed; sudo mount -o remount,rw, or replace it"
        return Finding("disk", "warning", what, f"{folder} is read-only: nothing will be remembered", remedy, figures)
    remedy = "sudo journalctl --vacuum-size=100M; sudo apt-get clean"
    if free_mb < FULL_MB:
        return Finding("disk", "failure", what, f"{shown}: full", remedy, figures)
    if free_mb < LOW_MB or (status.f_files and status.f_favail < 100):
        return Finding("disk", "warning", what, f"{shown}: nearly full", remedy, figures)
    return Finding("disk", "ok", what, shown, figures=figures)


def _state() -> Path:
    """Where the service keeps its state; else where a program of this user does."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    own = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "voice-agent"
    return Path(given) if given else STATE if STATE.is_dir() else own


def _existing(folder: Path) -> Path:
    """The folder, or what is there of the way to it."""
    return next(each for each in (folder, *folder.parents) if os.path.exists(each))


def _device(folder: Path) -> int:
    return _existing(folder).stat().st_dev


def _wear(context: Context) -> Iterator[Finding]:
    """A journal that is written through wears out a card."""
    roots = re.findall(r"^(/dev/\S+) / ", context.text("/proc/mounts"), re.MULTILINE)
    if not any(re.match(r"/dev/mmcblk", root) for root in roots):
        return
    lasting = (context.root / "var/log/journal").is_dir()
    settings = [context.text("/etc/systemd/journald.conf")]
    folder = context.root / "etc/systemd/journald.conf.d"
    settings += [context.text(str(file.relative_to(context.root))) for file in sorted(folder.glob("*.conf"))]
    storage = re.findall(r"^\s*Storage\s*=\s*(\w+)", "\n".join(settings), re.MULTILINE)
    if (storage[-1] if storage else "auto") in ("volatile", "none") or (not lasting and "persistent" not in storage):
        yield Finding("disk", "ok", "SD card", "the journal stays in memory", figures={"journal": "volatile"})
        return
    remedy = "Storage=volatile in /etc/systemd/journald.conf spares the card (logs end with the power)"
    yield Finding("disk", "info", "SD card", "the journal is written to it", remedy, {"journal": "persistent"})
