"""The generated parts of the documentation: `python -m agent.cli.reference PAGE …` (`make docs`) renews them in place.

A part stands on a page between `<!-- NAME: begin -->` and `<!-- NAME: end -->`, and is made by the function of `PARTS`
with that name. Tests hold every page in step.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.cli import commandreference, entityreference, toml, topicreference
from agent.config import Config

_PART = re.compile(r"<!-- (\w+): begin -->\n.*?<!-- \1: end -->", re.DOTALL)
_BEGIN = re.compile(r"<!-- \w+: begin -->")


def table() -> str:
    """The whole configuration as one Markdown table."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    named: list[str] = []
    for path, info in toml.fields(Config):
        rows.append(_row(".".join(path), toml.default(info), info.description))
        if (model := toml.named(info)) is not None:
            inner = model.model_fields.items()
            named += (_row(".".join((*path, "NAME", key)), toml.default(each), each.description) for key, each in inner)
        if (model := toml.listed(info)) is not None:
            inner = model.model_fields.items()
            named += (_row(f"{'.'.join(path)}[].{key}", toml.default(each), each.description) for key, each in inner)
    return "\n".join([*rows, *named])


def _row(key: str, value: object, meaning: str | None) -> str:
    shown = "" if value is None else f"`{toml.literal(value)}`".replace("|", "\\|")
    return f"| `{key}` | {shown} | {(meaning or '').replace('|', chr(92) + '|')} |"


PARTS: Mapping[str, Callable[[], str]] = {
    "configuration": table,
    "entities": entityreference.entities,
    "topics": topicreference.topics,
    "payloads": topicreference.payloads,
    "house": topicreference.house,
    "hermes": topicreference.hermes,
    "commands": commandreference.commands,
    "settings": commandreference.settings,
    "codes": commandreference.codes,
    "errors": commandreference.errors,
    "limits": commandreference.limits,
}


def renewed(text: str) -> str:
    """The page with its generated parts made anew. Raises ValueError where it has none, or one that is not whole."""
    marks, parts = _BEGIN.findall(text), _PART.findall(text)
    if not parts or len(marks) != len(parts):
        raise ValueError(f"there have to be parts <!-- NAME: begin --> … <!-- NAME: end -->, of {', '.join(PARTS)}")
    unknown = [name for name in parts if name not in PARTS]
    if unknown:
        raise ValueError(f"nothing makes {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return _PART.sub(lambda part: f"<!-- {part[1]}: begin -->\n{PARTS[part[1]]()}\n<!-- {part[1]}: end -->", text)


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
