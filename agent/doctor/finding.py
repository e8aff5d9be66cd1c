"""What an examination finds: one fact about one part, how bad it is, and what to do.

`failure`: the agent cannot do its work; `warning`: it can, but not well, or not for long; `info`: worth knowing, or why
something was left out; `ok`: looked at, and fine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Severity = Literal["ok", "info", "warning", "failure"]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
BY_CONFIGURATION = frozenset({"config", "models"})  # what is wrong there stays wrong until somebody changes it
DONE, TEMPORARY, BAD_CONFIG = 0, 75, 78


@dataclass(frozen=True, slots=True)
class Finding:
    """`title`: what was looked at; `detail`: what was found, with its figure; `remedy`: what to do, "" for nothing.

    `figures`: the same for programs, with units in the names. No text ever holds a secret.
    """

    part: str
    severity: Severity
    title: str
    detail: str = ""
    remedy: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def from_json(fields: Mapping[str, Any]) -> Finding:
    """The inverse of `as_json`."""
    return Finding(**fields)


def of_problem(part: str, title: str, problem: str, otherwise: str) -> Finding:
    """A failure out of an error's sentence: what stands behind its first semicolon is what helps, else `otherwise`.

    Only a warning, where whoever asks may not look: that says nothing about the service.
    """
    detail, _, remedy = problem.partition("; ")
    if "Permission denied" in problem:
        return Finding(part, "warning", title, detail, f"sudo voice-agent doctor --only {part}")
    return Finding(part, "failure", title, detail, remedy or otherwise)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 without a failure, 78 where the configuration or a model is at fault, else 75."""
    failed = {finding.part for finding in findings if finding.severity == "failure"}
    if failed & BY_CONFIGURATION:
        return BAD_CONFIG
    return TEMPORARY if failed else DONE
