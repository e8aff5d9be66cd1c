"""From file, environment and command line to a `Config`, or to all errors at once.

Rules:
- Later sources win key by key: TOML file < `VOICE_AGENT__SECTION__KEY` < settings that were changed while the agent ran
  < overrides of the command line ("audio.mic.device").
- Every key that the model does not know is an error, wherever it comes from. Every error names its key path and where
  the value came from (line, variable), and never repeats a text, since it might be a secret.
- In a variable, `[…]` and `{…}` are read as TOML, anything else as text; an empty variable is as good as none.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.config import Config, action_rules, personas

PREFIX = "VOICE_AGENT__"
MAX_BYTES = 1 << 20

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """`key`: dotted path ("" for the file as a whole); `where`: file and line, variable, setting, or command line."""

    key: str
    message: str
    where: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


class ConfigError(Exception):
    """The configuration cannot be used; str() has one line for each of `problems`."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(slots=True)
class _Draft:
    """Values merged so far, and where each came from."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)

    def put(self, key: tuple[str, ...], value: object, origin: str) -> None:
        table = self.values
        for depth, part in enumerate(key[:-1], 1):
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(Problem(_dotted(key), f"{_dotted(key[:depth])} is no section", origin))
            table = inner
        table[key[-1]] = value
        self.origins[key] = origin

    def origin(self, key: Key) -> str:
        """Where the value came from, or else the nearest thing around it."""
        around = (key[:length] for length in range(len(key), 0, -1))
        return next((self.origins[part] for part in around if part in self.origins), "")


def default_paths() -> tuple[Path, Path]:
    """The system's file and the user's; the first that exists is read."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path("/etc/voice-agent/config.toml"), Path(base) / "voice-agent/config.toml"


def load(path: Path | None = None, overrides: Mapping[str, object] = {}, settings: Mapping[str, object] = {}) -> Config:
    """The configuration of this process. Without `path` the default files count, and none of them has to exist.

    `settings`, `overrides`: dotted keys and their values.

    Raises ConfigError.
    """
    draft = _Draft()
    file = path or next((each for each in default_paths() if each.exists()), None)
    if file is not None:
        text = _read(file)
        draft.values = _parse(text, file)
        draft.origins = {key: f"{file} line {line}" for key, line in _lines(text)}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and os.environ[name]:
            draft.put(*_variable(name, os.environ[name]))
    for origin, values in (("setting", settings), ("command line", overrides)):
        for dotted, value in values.items():
            draft.put(tuple(dotted.split(".")), value, origin)
    try:
        config = Config(**draft.values)
        problems = [Problem(key, text, draft.origin(tuple(key.split(".")))) for key, text in personas.problems(config)]
        problems += [Problem(_dotted(key), text, draft.origin(key)) for key, text in action_rules.problems(config)]
        problems += _untrusted(config, draft, file)
        if not problems:
            return config
    except ValidationError as error:
        problems = sorted(_problems(error, draft), key=lambda problem: problem.key)
    raise ConfigError(*problems)  # outside of `except`: pydantic's text repeats the values


def warnings(config: Config) -> list[str]:
    """What is allowed but will hurt."""
    devices = {"audio.mic.device": config.audio.mic.device, "audio.speaker.device": config.audio.speaker.device}
    moving = [
        f'{key}: card numbers move when a device is plugged in; "plughw:CARD=…" is stable (`voice-agent devices`)'
        for key, device in devices.items()
        if re.fullmatch(r"(plug)?hw:\d+(,\d+)*", device)
    ]
    return [*moving, *action_rules.warnings(config)]


def _untrusted(config: Config, draft: _Draft, file: Path | None) -> Iterator[Problem]:
    """Programs to run are taken from the file alone, and from none that others can write."""
    for name in (name for name, server in config.tools.mcp.items() if server.command):
        key = ("tools", "mcp", name, "command")
        origins = (draft.origins[key[:length]] for length in range(1, len(key) + 1) if key[:length] in draft.origins)
        elsewhere = next((origin for origin in origins if not origin.startswith(f"{file} line ")), None)
        if file is None or elsewhere is not None:
            yield Problem(_dotted(key), "a program can be named in the configuration file alone", elsewhere or "")
        elif file.stat().st_uid not in (0, os.geteuid()) or file.stat().st_mode & 0o022:
            remedy = f"others can write this file: `chown root {file}; chmod go-w {file}`"
            yield Problem(_dotted(key), f"no program is run from here, since {remedy}", str(file))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(Problem("", f"cannot be read: {error.strerror}", str(path))) from error
    if len(data) > MAX_BYTES:
        raise ConfigError(Problem("", f"has over {MAX_BYTES} bytes; is it the right file?", str(path)))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(Problem("", "is not UTF-8 text", f"{path} line {line}")) from None


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(Problem("", f"is not TOML: {error}", str(path))) from None
    except RecursionError:
        raise ConfigError(Problem("", "is nested too deeply", str(path))) from None


_HEADER = re.compile(r"^\s*(\[\[?)([^\[\]]+)\]")
_ASSIGNMENT = re.compile(r"^\s*([^=#\[\]]+?)\s*=")


def _lines(text: str) -> Iterator[tuple[Key, int]]:
    """(key, line) as far as lines tell: tables and assignments. Inside multi-line values it may see ghosts."""
    table: Key = ()
    counts: dict[Key, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _split(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield table, number
        elif assignment := _ASSIGNMENT.match(line):
            yield (*table, *_split(assignment[1])), number


def _split(dotted: str) -> Key:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _variable(name: str, value: str) -> tuple[tuple[str, ...], object, str]:
    key = tuple(name.removeprefix(PREFIX).lower().split("__"))
    if not value.lstrip().startswith(("[", "{")):
        return key, value, name
    try:
        return key, tomllib.loads(f"value = {value}")["value"], name
    except (tomllib.TOMLDecodeError, RecursionError):
        raise ConfigError(Problem(_dotted(key), "is neither a list nor a table in TOML", name)) from None


def _problems(error: ValidationError, draft: _Draft) -> Iterator[Problem]:
    """One problem for each key; the branches of a union are joined by "or"."""
    messages: dict[Key, list[str]] = {}
    for detail in error.errors(include_url=False):
        key = _real_key(detail["loc"], draft.values)
        message = _message(key, detail)
        if message not in messages.setdefault(key, []):
            messages[key].append(message)
    for key, texts in messages.items():
        yield Problem(_dotted(key), " or ".join(texts), draft.origin(key))


def _real_key(loc: Key, values: object) -> Key:
    """`loc` without the names of union branches that pydantic appends; they are in no document."""
    for depth, part in enumerate(loc):
        match values:
            case dict() if part in values:
                values = values[part]
            case list() | tuple() if isinstance(part, int) and part < len(values):
                values = values[part]
            case dict() if depth == len(loc) - 1:
                return loc  # a required key that is not there
            case _:
                return loc[:depth]
    return loc


def _message(key: Key, detail: ErrorDetails) -> str:
    given = detail["input"]
    shown = f", not {given}" if isinstance(given, int | float) else ""
    match detail["type"]:
        case "extra_forbidden":
            near = get_close_matches(str(key[-1]), _siblings(key), 1, 0.5)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            return f"there is no such key{hint}"
        case "missing":
            return "has to be set"
        case "literal_error" if key == ("version",):
            return f"this program knows version 1{shown}"
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            message = detail["msg"].removeprefix("Input should be").strip()
            return f"has to be {message}{shown}"


def _siblings(key: Key) -> list[str]:
    """The keys that exist where `key` was looked for."""
    place: object = Config
    for part in key[:-1]:
        if isinstance(place, type) and issubclass(place, BaseModel):
            known = place.model_fields.get(str(part))
            place = known.annotation if known else None
        else:  # an index, or a name that the user gives
            place = _inner(place)
    return list(place.model_fields) if isinstance(place, type) and issubclass(place, BaseModel) else []


def _inner(annotation: object) -> object:
    """The model within `tuple[Model, ...]` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _inner(each))), None)


def _dotted(key: Key) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return "".join(letter if letter.isprintable() else "?" for letter in text.lstrip("."))[:200]
