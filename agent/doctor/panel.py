"""Can the lights, the button and the mute switch be had? Each is opened and given back.

The running service holds them: then its log (`VOICE_AGENT_CODE=panel.failed`) is what tells.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.doctor import report
from agent.doctor.context import Context
from agent.doctor.finding import Finding, of_problem
from agent.panel.check import problems

HINT = "docs/panel.md tells how it is wired; voice-agent panel test shows each look and press"


def examine(context: Context) -> Iterator[Finding]:
    panel = context.config.panel
    if panel.empty:
        yield Finding("panel", "info", "panel", "none is configured: no lights, no button, no mute switch")
        return
    running = report.read()
    if isinstance(running, report.Report) and running.alive:
        remedy = "journalctl -u voice-agent VOICE_AGENT_CODE=panel.failed"
        yield Finding("panel", "info", "panel", "left out: the running service holds the pins", remedy)
        return
    context.say("opening lights, button and switch")
    found = problems(panel)
    for problem in found:
        yield of_problem("panel", "panel", problem, HINT)
    if not found:
        yield Finding("panel", "ok", "panel", f"lights {panel.wired.lights}; all that is configured opens", HINT)
