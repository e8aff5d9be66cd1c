"""The state diagram in the documentation is the one the code has."""

from __future__ import annotations

from pathlib import Path

from agent.lab.diagram import mermaid

DESIGN = Path(__file__).parents[2] / "docs" / "design.md"


def test_the_diagram_in_the_documentation_is_current() -> None:
    copied = DESIGN.read_text(encoding="utf-8").split("```mermaid\n")[1].split("```")[0]
    assert copied == mermaid(), "run `python -m agent.lab.diagram` and paste its output into docs/design.md"
