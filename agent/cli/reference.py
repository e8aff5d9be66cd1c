"""The README's table of the configuration, generated: `python -m agent.cli.reference README.md` renews it in place."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.cli import toml
from agent.config import Config, LlmProfile

BEGIN, END = "<!-- configuration: begin -->", "<!-- configuration: end -->"


def table() -> str:
    """The whole configuration as one Markdown table."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for path, info in toml.fields(Config):
        rows.append(_row(".".join(path), toml.default(info), info.description))
    for name, info in LlmProfile.model_fields.items():
        rows.append(_row(f"llm.profiles.NAME.{name}", toml.default(info), info.description))
    return "\n".join(rows)


def _row(key: str, value: object, meaning: str | None) -> str:
    shown = "" if value is None else f"`{toml.literal(value)}`".replace("|", "\\|")
    return f"| `{key}` | {shown} | {(meaning or '').replace('|', chr(92) + '|')} |"


def with_table(text: str) -> str:
    """The README with its table renewed. Raises ValueError where it has no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} … {END} in the text")
    return f"{before}{begin}\n{table()}\n{end}{after}"


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")
