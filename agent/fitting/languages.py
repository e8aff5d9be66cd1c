"""First step: the language, and the models that it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from agent import engines, models
from agent.config import Persona
from agent.fitting import screen
from agent.fitting.asking import Asker
from agent.fitting.draft import Draft
from agent.models import Kind, Model, ModelMissing

Install = Callable[[Model], None]


class NotInstalled(Exception):
    """A model could not be installed; str() says why."""


def choose(draft: Draft, asker: Asker, install: Install) -> None:
    """Raises Trouble."""
    known = sorted({code for model in models.catalogue() if model.kind.startswith("asr") for code in model.languages})
    short = [code for code in known if "-" not in code]
    asker.console.print(screen.hint(f"There are models for {', '.join(short)}."))
    draft.set("persona.language", asker.text("Language", draft.config.persona.language, _language))
    while not _recogniser(draft, asker, install):
        draft.set("persona.language", asker.text("Another language", "en", _language))
    _voice(draft, asker, install)


def _language(code: str) -> str:
    try:
        Persona(language=code)
    except ValidationError:
        return 'two letters, such as "en" or "de", or with a country: "en-GB"'
    return ""


def _recogniser(draft: Draft, asker: Asker, install: Install) -> bool:
    """Whether somebody will be understood, now or later."""
    while True:
        config = draft.config
        try:
            choice = engines.recogniser(config.asr, config.persona.language)
        except ModelMissing as missing:
            model = _first("asr-vosk", config.persona.language) or _first("asr-moonshine", config.persona.language)
            if model and not model.bundled and _offered(model, "understands speech", asker, install):
                continue
            way = asker.way_on("what is said cannot be recognised", str(missing))
            if way == "again":
                continue
            return way == "leave"
        asker.console.print(screen.good(f"understands speech: {choice.engine}, {_name(choice.model)}"))
        return True


def _voice(draft: Draft, asker: Asker, install: Install) -> None:
    config = draft.config
    while True:
        try:
            choice = engines.voice(config.tts.engine, config.tts.voice, config.persona.language)
        except ModelMissing as missing:
            model = _first("tts-piper", config.persona.language)
            if model and _offered(model, "speaks", asker, install):
                continue
            if asker.way_on("nothing can be said", str(missing)) == "again":
                continue
            return
        better = _first("tts-piper", config.persona.language) if choice.model is None else None
        if (
            better
            and config.tts.engine == "auto"
            and asker.person
            and _offered(better, "sounds better", asker, install)
        ):
            continue
        what = f"Piper, {_name(choice.model)}" if choice.model else "espeak-ng"
        asker.console.print(screen.good(f"speaks: {what}"))
        return


def _first(kind: Kind, language: str) -> Model | None:
    return next((model for model in models.catalogue() if model.kind == kind and model.speaks(language)), None)


def _offered(model: Model, purpose: str, asker: Asker, install: Install) -> bool:
    """Whether the model was wanted and is there now."""
    size = f"{model.size / 1e6:.0f} MB"
    asker.console.print(screen.hint(f"{model.name} {purpose}: {size} to download, licence {model.licence}"))
    if not asker.yes(f"Install {model.name} ({size})?", True):
        return False
    try:
        install(model)
    except NotInstalled as error:
        asker.console.print(screen.bad(str(error)))
        return False
    return True


def _name(path: Path) -> str:
    return path.stem if path.suffix else path.name
