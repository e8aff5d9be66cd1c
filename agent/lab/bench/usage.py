"""What processes use, from /proc: CPU time, memory, and who is a child of whom. https://man7.org/linux/man-pages/man5/proc.5.html"""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Seconds of CPU time, user and system, of all threads; 0.0 for a process that is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def pss_mb(pid: int) -> float:
    """Proportional set size in MB (10⁶ bytes): shared pages counted by share. 0.0 for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024 / 1e6


def held(pid: int) -> tuple[int, int, int]:
    """Resident memory in KiB, file descriptors, threads; of one process that lives."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return int(fields["VmRSS"].split()[0]), descriptors, int(fields["Threads"])


def name(pid: int) -> str:
    """The module it runs ("agent.audio.mic"), else its program."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return "?"
    return words[words.index("-m") + 1] if "-m" in words[:-1] else Path(words[0]).name


def tree(root: int) -> list[int]:
    """The process and all that descend from it."""
    parents = {int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    found = [root]
    for pid in found:
        found += [child for child, fields in parents.items() if fields and int(fields[1]) == pid]
    return found


def cores() -> int:
    """How many we may run on."""
    return len(os.sched_getaffinity(0))


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, [] for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
