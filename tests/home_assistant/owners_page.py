"""docs/home-assistant.md, the page for owners: its text, and what it gives to paste."""

from __future__ import annotations

import re
from typing import Any

import yaml
from machines import roots

PATH = roots.PROJECT / "docs/home-assistant.md"
BLOCK = re.compile(r"^ *```yaml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def text() -> str:
    return PATH.read_text(encoding="utf-8")


def automations() -> dict[str, dict[str, Any]]:
    """By their alias."""
    return {block["alias"]: block for block in _blocks() if "triggers" in block}


def card() -> dict[str, Any]:
    """The one for a dashboard."""
    (found,) = [block for block in _blocks() if "type" in block]
    return found


def _blocks() -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in BLOCK.findall(text())]
