"""May the audio processes be put before all others? Tried, not looked up: limits, capabilities and sandboxes all count.

Without it the agent works; the microphone's process is late by tens of milliseconds while models compute.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence

from agent.doctor import report
from agent.doctor.context import Context
from agent.doctor.finding import Finding

TRY = "from agent.audio.realtime import schedule_realtime; print(schedule_realtime())"
POLICIES = {os.SCHED_OTHER: "SCHED_OTHER", os.SCHED_RR: "SCHED_RR", os.SCHED_FIFO: "SCHED_FIFO"}
TRY_S = 10.0
AUDIO = ("agent.audio.mic", "agent.audio.speaker")


def examine(context: Context) -> Iterator[Finding]:
    context.say("trying SCHED_RR")
    audio = context.config.audio
    if not (audio.mic.realtime or audio.speaker.realtime):
        yield Finding("realtime", "info", "scheduling", "switched off by audio.mic.realtime and audio.speaker.realtime")
        return
    running = report.read()
    if isinstance(running, report.Report) and running.alive:
        wanted = {"agent.audio.mic": audio.mic.realtime, "agent.audio.speaker": audio.speaker.realtime}
        yield from _of_service(running.pid, [module for module in AUDIO if wanted[module]])
    yield _tried()
    yield _memory()


def _tried() -> Finding:
    """What this user may, in a process of its own."""
    command = [sys.executable, "-c", TRY]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TRY_S, check=False)
    except subprocess.TimeoutExpired:
        remedy = "end what keeps the processor busy; voice-agent doctor --only board"
        return Finding("realtime", "warning", "scheduling", f"not tried: Python did not start in {TRY_S:g} s", remedy)
    refused = done.stdout.strip() or (done.stderr.strip().rpartition("\n")[2] if done.returncode else "")
    who = _user()
    if not refused:
        return Finding("realtime", "ok", "scheduling", f"{who} may use SCHED_RR", figures={"allowed": True})
    remedy = "the service has it by LimitRTPRIO=20; for yourself: @audio - rtprio 20 in /etc/security/limits.d"
    return Finding("realtime", "info", "scheduling", f"{who} may not use SCHED_RR", remedy, {"allowed": False})


def _of_service(pid: int, wanted: Sequence[str]) -> Iterator[Finding]:
    """What those of the service's audio processes really have that are to have it."""
    for child, module in _children(pid, wanted):
        try:
            policy = os.sched_getscheduler(child) & ~os.SCHED_RESET_ON_FORK
        except (ProcessLookupError, PermissionError):
            continue
        title = f"of the service's {module.rpartition('.')[2]}"
        name = POLICIES.get(policy, str(policy))
        if policy in (os.SCHED_RR, os.SCHED_FIFO):
            yield Finding("realtime", "ok", title, f"runs with {name}", figures={"policy": name})
        else:
            remedy = "LimitRTPRIO=20 in the unit; systemctl show voice-agent -p LimitRTPRIO"
            yield Finding(
                "realtime", "warning", title, f"runs with {name}: late while models compute", remedy, {"policy": name}
            )


def _children(pid: int, wanted: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(process, module) of those that this one has started; none where /proc hides them."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except (OSError, IndexError):
            continue
        module = next((word for word in words if word in wanted), "")
        if parent == pid and module:
            yield int(name), module


def _memory() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    shown = "without limit" if soft == resource.RLIM_INFINITY else f"{soft // 1024} KiB"
    figures = {"memlock_kib": None if soft == resource.RLIM_INFINITY else soft // 1024}
    return Finding("realtime", "info", "memory lock", f"{_user()} may lock memory {shown}", figures=figures)


def _user() -> str:
    name = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
    uid = os.geteuid()
    return "root" if uid == 0 else name if re.fullmatch(r"[\w.-]{1,32}", name) else f"user {uid}"
