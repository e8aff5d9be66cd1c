"""`voice-agent check`: configuration, models, credentials; every error at once, nothing started."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from agent import config_file, credentials, engines, models, personas
from agent.cli import output
from agent.config import Config
from agent.config_file import ConfigError
from agent.models import ModelDamaged, ModelMissing
from agent.thinking.collisions import collisions


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    try:
        config = config_file.load(args.config)
    except ConfigError as error:
        problems, warnings = [str(problem) for problem in error.problems], []
    else:
        problems, warnings = list(problems_of(config)), [*config_file.warnings(config), *_collisions(config)]
    if args.json:
        output.data({"ok": not problems, "problems": problems, "warnings": warnings})
    else:
        for warning in warnings:
            output.note(f"warning: {warning}")
        for problem in problems:
            output.note(problem)
        output.note(f"{len(problems)} problems" if problems else "configuration and models are fine")
    return 78 if problems else 0


def _collisions(config: Config) -> Iterator[str]:
    """Sentences of one's own actions that are somebody else's already."""
    actions = [section.compiled() for section in config.actions]
    languages = dict.fromkeys(each.persona.language for each in personas.configurations(config).values())
    for language in languages:
        yield from collisions(actions, language)


def problems_of(config: Config) -> Iterator[str]:
    """What would keep a valid configuration from working here, one sentence each."""
    yield from _models(config)
    yield from credentials.problems(config)
    for key, file in {**config.mqtt.files(), **config.web.files()}.items():
        if not Path(file).is_file():
            yield f"{key}: there is no file {file}"


def _models(config: Config) -> Iterator[str]:
    try:
        chosen = engines.choose(config)
    except ModelMissing as error:
        yield from str(error).splitlines()
        return
    for path in chosen.models():
        try:
            models.verify(path)
        except ModelDamaged as error:
            yield str(error)
