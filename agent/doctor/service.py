"""Does the service run, how often did it have to be restarted, and what does it say about itself?"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping

from agent.doctor import report
from agent.doctor.context import Context, printed
from agent.doctor.finding import Finding, Severity
from agent.doctor.report import Report, Unreadable

UNIT = "voice-agent.service"
ASKED = "LoadState,ActiveState,SubState,NRestarts,Result,ExecMainCode,ExecMainStatus,MainPID,UnitFileState"
JOURNAL = "journalctl -u voice-agent -n 50"
KILLED = ("2", "3")  # ExecMainCode: CLD_KILLED and CLD_DUMPED of waitid(2); the status is a signal then
EXITS = {"78": "bad configuration or model", "75": "something was not there in time", "70": "a fault inside"}
SEVERITY: Mapping[str, Severity] = {"ok": "ok", "loading": "info", "degraded": "warning", "failed": "failure"}
COUNTED = ("xruns", "lost_periods", "underruns", "mic_restarts", "speaker_restarts")


def examine(context: Context) -> Iterator[Finding]:
    context.say("asking systemd")
    unit = _shown()
    found = report.read()
    alive = isinstance(found, Report) and found.alive
    if unit:
        yield from of_unit(unit)
    elif not alive:
        shown = "no service is installed here, or systemd does not answer"
        yield Finding("service", "info", "unit", shown, "deploy/systemd or the Ansible role installs it")
    yield from of_report(found)


def _shown() -> dict[str, str]:
    """What systemd knows of the unit, the system's first; {} where there is none."""
    for manager in ((), ("--user",)):
        text = printed("systemctl", *manager, "show", UNIT, f"--property={ASKED}") or ""
        unit = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if unit.get("LoadState") == "loaded":
            return unit
    return {}


def of_unit(unit: Mapping[str, str]) -> Iterator[Finding]:
    """Out of the properties of `systemctl show`."""
    state, sub = unit.get("ActiveState", "unknown"), unit.get("SubState", "")
    restarts = int(unit.get("NRestarts") or 0)
    code = unit.get("ExecMainStatus", "0")
    figures = {
        "state": state,
        "sub_state": sub,
        "restarts": restarts,
        "exit_code": int(code) if code.isdigit() else None,
    }
    if state == "failed" or sub.startswith("auto-restart"):  # and "auto-restart-queued", from systemd 254 on
        what = "failed" if state == "failed" else "is being restarted again and again"
        remedy = "voice-agent check" if code == "78" else JOURNAL
        shown = f"{what} ({unit.get('Result', '')}, {_ended(unit)})"
        yield Finding("service", "failure", "unit", shown, remedy, figures)
    elif state == "active":
        severity: Severity = "warning" if restarts else "ok"
        again = f", restarted by systemd {'once' if restarts == 1 else f'{restarts} times'}" if restarts else ""
        yield Finding("service", severity, "unit", f"{state} ({sub}){again}", JOURNAL if restarts else "", figures)
    elif state == "activating":
        yield Finding("service", "info", "unit", f"{state} ({sub})", "", figures)
    else:
        yield Finding(
            "service", "warning", "unit", f"{state} ({sub})", "sudo systemctl enable --now voice-agent", figures
        )


def _ended(unit: Mapping[str, str]) -> str:
    """How the last process ended. Of an active unit this is not known: its process has not."""
    code = unit.get("ExecMainStatus", "0")
    if unit.get("ExecMainCode") in KILLED and code.isdigit():
        return f"killed by {_signal(int(code))}"
    return f"exit code {code}" + (f", {EXITS[code]}" if code in EXITS else "")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def of_report(found: Report | Unreadable | None) -> Iterator[Finding]:
    """What the service says about itself, part by part."""
    match found:
        case None:
            return
        case Unreadable():
            yield Finding("service", "warning", "own report", f"{found.path} {found.reason}", found.remedy)
        case Report(alive=False):
            shown = f"is left over from process {found.pid}, which has ended"
            yield Finding("service", "info", "own report", f"{found.path} {shown}")
        case Report():
            yield from _of_living(found)


def _of_living(found: Report) -> Iterator[Finding]:
    figures = {"pid": found.pid, "version": found.version, "phase": found.phase, "age_s": round(found.age_s, 1)}
    shown = f"version {found.version}, {found.phase}, process {found.pid}"
    yield Finding("service", "ok", "own report", shown, figures=figures)
    for part, state in found.health.items():
        severity = SEVERITY.get(state.status, "warning")
        reason = f": {state.reason}" if state.reason else ""
        remedy = f"voice-agent doctor --only {_part(part)}; {JOURNAL}" if severity in ("warning", "failure") else ""
        since = f" (since {state.since})" if severity != "ok" and state.since else ""
        gives = {"mic": found.mic, "speaker": found.speaker}.get(part, "")
        reason = reason or (f", {gives}" if gives else "")
        status = {"status": state.status, "since": state.since}
        yield Finding("service", severity, f"its {part}", f"{state.status}{reason}{since}", remedy, status)
    yield from _counted(found)


def _counted(found: Report) -> Iterator[Finding]:
    counted = {name: found.counters[name] for name in COUNTED if name in found.counters}
    if not counted:
        return
    some = [f"{count} {name.replace('_', ' ')}" for name, count in counted.items() if count]
    severity: Severity = "info" if some else "ok"
    yield Finding("service", severity, "its counters", ", ".join(some) or "no xruns, nothing lost", "", dict(counted))


def _part(part: str) -> str:
    """The check that looks closer at a part of the service's health."""
    closer = {"mic": "devices sound", "speaker": "devices sound", "llm": "language", "mqtt": "broker", "disk": "disk"}
    return closer.get(part, "models engines")
