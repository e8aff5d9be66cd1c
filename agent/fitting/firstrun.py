"""The first run, step by step. Everything is asked before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.panel import Panel
from rich.text import Text

from agent.doctor import report
from agent.fitting import languages, microphones, screen, services, speakers, wakeword
from agent.fitting.asking import Asker, Trouble
from agent.fitting.draft import Draft
from agent.fitting.languages import Install

STOP = "sudo systemctl stop voice-agent"


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    purpose: str
    take: Callable[[Draft, Asker], None]


def steps(install: Install) -> tuple[Step, ...]:
    return (
        Step("Language", "What you speak, and what the agent speaks.", lambda d, a: languages.choose(d, a, install)),
        Step("Speaker", "Is it heard? It plays on one after the other.", speakers.choose),
        Step("Microphone", "Each one listens to you; the clearest is proposed.", microphones.choose),
        Step("Wake word", "Three times, so that gain and threshold fit your voice and room.", wakeword.choose),
        Step(
            "Language model", "Who answers open questions. It is asked one, for real.", services.choose_language_model
        ),
        Step("Broker", "MQTT, for Home Assistant and automations. Voice works without.", services.choose_broker),
        Step("Name", "What this device is called in topics.", services.name_device),
    )


def welcome(draft: Draft, asker: Asker) -> None:
    """What is going to happen; and who holds the devices already. Raises Trouble."""
    what = "These answers become" if draft.new else "The answers of before are the defaults; they are in"
    text = Text.assemble(
        ("The agent is fitted to its room.\n\n", "bold"),
        f"{what} {draft.path}.\nEnter takes the default in [brackets]. ",
        "Ctrl-C ends it at any time, and leaves everything as it was.",
    )
    asker.console.print(Panel(text, title="voice-agent setup", title_align="left", border_style="cyan", padding=(1, 2)))
    running = report.running()
    if running is None:
        return
    asker.console.print(screen.bad(f"voice-agent is running (process {running.pid}) and may hold the sound devices"))
    asker.console.print(screen.hint(f"stop it first: {STOP} (or Ctrl-C where it was started)"))
    if asker.person and not asker.yes("Go on all the same?", False):
        raise Trouble(f"nothing was changed; {STOP}, then voice-agent setup")


def walk(draft: Draft, asker: Asker, install: Install) -> None:
    """Raises Trouble."""
    welcome(draft, asker)
    all_steps = steps(install)
    for number, step in enumerate(all_steps, 1):
        asker.console.print(screen.heading(number, len(all_steps), step.title, step.purpose if asker.person else ""))
        step.take(draft, asker)
