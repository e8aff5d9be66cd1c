"""`voice-agent config`: what the configuration is, could be, and how to bring an old one up to date."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from agent import config_file
from agent.cli import migrate, output, toml
from agent.config import Config
from agent.daemon import asitruns
from agent.daemon.asitruns import AsItRuns
from agent.daemon.overlay import value_of
from agent.settings import SETTINGS

# Of tables that anybody may add: what they are called in the example, and what stands in them beside defaults.
NAMED: Mapping[tuple[str, ...], tuple[str, Mapping[str, object]]] = {
    ("llm", "profiles"): ("home", {"base_url": "http://localhost:11434/v1"}),
}
LISTED: Mapping[tuple[str, ...], Mapping[str, object]] = {
    ("actions",): {
        "name": "light",
        "sentences": ["turn {state:on|off} [the] {room} light[s]"],
        "slots": {"room": {"kitchen": "kitchen", "living room": "living_room"}},
        "topic": "home/{room}/light/set",
        "payload": {"state": "{state}"},
        "reply": "The {room} light is {state}.",
    },
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=["show", "migrate", "document"],
        default="show",
        help="show: print; migrate: print it in the newest format",
    )
    parser.add_argument("--config", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="migrate: write the file (the old one stays as .bak)")
    parser.add_argument("--example", "--defaults", action="store_true", help="print a commented example instead")


def run(args: argparse.Namespace) -> int:
    match args.action:
        case "migrate":
            _migrate(args.config, args.write)
        case _ if args.example:
            print(example(), end="")
        case _:
            _show(asitruns.load(args.config), args.json)
    return 0


def _migrate(path: Path | None, write: bool) -> None:
    """What would be written goes to stdout, what was changed to stderr."""
    file = path or next((each for each in config_file.default_paths() if each.exists()), None)
    if file is None:
        output.note("there is no configuration file: nothing to do")
        return
    migrated = migrate.migrate(file)
    for change in migrated.changes:
        output.note(f"{file}: {change}")
    if not migrated.changes:
        output.note(f"{file} is of version {migrate.NEWEST}, the newest: nothing to do")
    if not write:
        print(migrated.text, end="")
    elif migrated.changes:
        output.note(f"written; the old one is {migrate.replace(file, migrated.text)}")


def _show(found: AsItRuns, as_json: bool) -> None:
    """The configuration as it runs on stdout; on stderr what of it was changed at run time."""
    if found.remark:
        output.note(found.remark)
    for line in changed(found):
        output.note(line)
    values = found.laid.config.model_dump(mode="json")
    if as_json:
        output.data(values)
    else:
        print(toml.document(values), end="")


def changed(found: AsItRuns) -> Iterator[str]:
    """What somebody has set: a line each."""
    for name, value in found.laid.kept.items():
        said = value_of(found.file, name)
        otherwise = "not set" if said is None else toml.literal(said)
        yield f"changed at run time: {name} = {toml.literal(value)} ({SETTINGS[name].key}; otherwise {otherwise})"
    for name, why in found.laid.dropped.items():
        yield f"left out, since it makes no sense any more: {name} ({why.splitlines()[0]})"


def example() -> str:
    """All keys with their defaults and meanings; as it stands it changes nothing."""
    return "\n".join(_example()).strip() + "\n"


def _example() -> Iterator[str]:
    yield "# The configuration of voice-agent. Every line shows its default: keep what you change."
    yield ""
    section: tuple[str, ...] = ()
    for path, info in toml.fields(Config):
        model = toml.named(info)
        if model is not None:
            yield from _example_table(path, model)
            continue
        model = toml.listed(info)
        if model is not None:
            yield from _example_list(path, model)
            continue
        if path[:-1] != section:
            section = path[:-1]
            yield from ("", *_purpose(section), f"[{'.'.join(section)}]")
        yield f"# {info.description}"
        yield toml.assignment(path[-1], toml.default(info))


def _example_table(path: tuple[str, ...], model: type[BaseModel]) -> Iterator[str]:
    """A table that anybody may add, commented out."""
    name, given = NAMED.get(path, ("NAME", {}))
    yield ""
    yield f"# [{'.'.join((*path, name))}]"
    for key, info in model.model_fields.items():
        yield f"# # {info.description}"
        yield f"# {toml.assignment(key, given.get(key, toml.default(info)))}"


def _example_list(path: tuple[str, ...], model: type[BaseModel]) -> Iterator[str]:
    """A table of which there may be many, commented out."""
    given = LISTED.get(path, {})
    yield ""
    yield f"# [[{'.'.join(path)}]]"
    for key, info in model.model_fields.items():
        yield f"# # {info.description}"
        yield f"# {toml.assignment(key, given.get(key, toml.default(info)))}"


def _purpose(path: tuple[str, ...]) -> Iterator[str]:
    model: type[BaseModel] = Config
    for part in path:
        inner = model.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return
        model = inner
    if model.__doc__:
        yield f"# {model.__doc__.strip()}"
