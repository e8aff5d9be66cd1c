"""The configuration: read as every command reads it, and what is wrong with it as findings."""

from __future__ import annotations

from pathlib import Path

from agent import config_file
from agent.config import Config
from agent.config_file import ConfigError
from agent.daemon import asitruns
from agent.doctor.finding import Finding


def load(path: Path | None) -> tuple[Config, list[Finding]]:
    """The configuration, or the defaults beside what keeps it from being used."""
    try:
        found = asitruns.load(path)
    except ConfigError as error:
        remedy = "correct it; voice-agent config --example shows every key"
        return Config(), [_problem(problem.where, problem.key, problem.message, remedy) for problem in error.problems]
    except PermissionError as error:  # of the folder: not even its existence can be told
        return Config(), [_problem(str(error.filename), "", f"cannot be read: {error.strerror}", "")]
    file = path or next((each for each in config_file.default_paths() if each.exists()), None)
    shown = str(file) if file else "no file: the defaults"
    findings = [Finding("config", "ok", "configuration", shown, "", {"file": str(file) if file else None})]
    if found.laid.kept:
        names = ", ".join(found.laid.kept)
        findings.append(Finding("config", "info", "settings", f"changed at run time: {names}", "voice-agent config"))
    for name, why in found.laid.dropped.items():
        remedy = f'publish {{"value": null}} to cmd/setting/{name}, or make it possible again'
        findings.append(Finding("config", "warning", f"setting {name}", f"is left out: {why.splitlines()[0]}", remedy))
    return found.laid.config, findings


def _problem(where: str, key: str, message: str, remedy: str) -> Finding:
    detail = ": ".join(part for part in (where, message) if part)
    if "Permission denied" in message:
        remedy = "sudo voice-agent doctor"
    return Finding("config", "failure", key or "configuration", detail, remedy)
