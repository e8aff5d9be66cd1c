"""The models in use: are they there, and is every file what its checksum says?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from agent import engines, models, personas
from agent.config import Config
from agent.doctor.context import Context
from agent.doctor.finding import Finding, of_problem

LISTS = "voice-agent models list shows what there is"


def examine(context: Context) -> Iterator[Finding]:
    for title, choose in chosen(context.config):
        context.say(f"checksums of {title}")
        try:
            path = choose()
        except models.ModelMissing as error:
            yield of_problem("models", title, str(error), LISTS)
            continue
        if path is not None:
            yield _verified(title, path)


def chosen(config: Config) -> Iterator[tuple[str, Callable[[], Path | None]]]:
    """(what for, how to find it), one by one, so that a missing one hides no other."""
    language = config.persona.language
    for word in config.wake.words:
        yield f"wake word {Path(word.model).stem}", partial(_wake, config, config.wake.words.index(word))
    for name, own in personas.configurations(config).items():
        of = f" of {name}" if name else ""
        if not name or own.asr != config.asr or own.persona.language != language:
            yield f"recogniser{of}", partial(_recogniser, own)
        if not name or own.tts != config.tts or own.persona.language != language:
            yield f"voice{of}", partial(_voice, own)
        if not name or own.llm != config.llm:
            yield f"language model{of}", partial(engines.embedded, own)


def _recogniser(config: Config) -> Path:
    return engines.recogniser(config.asr, config.persona.language).model


def _voice(config: Config) -> Path | None:
    return engines.voice(config.tts.engine, config.tts.voice, config.persona.language).model


def _wake(config: Config, index: int) -> Path:
    return engines.wake(config.wake, config.wake.words[index], config.persona.language).model


def _verified(title: str, path: Path) -> Finding:
    try:
        count = models.verify(path)
    except models.ModelDamaged as error:
        return of_problem("models", title, str(error), LISTS)
    except OSError as error:
        remedy = "sudo chmod -R a+rX on the folder of the models"
        return Finding("models", "failure", title, f"{path} cannot be read: {error.strerror}", remedy)
    figures = {"path": str(path), "files": count}
    if not count:
        return Finding("models", "info", title, f"{path.name}: your own, no checksum is known", "", figures)
    name = path.name if path.is_dir() else path.stem
    return Finding(
        "models", "ok", title, f"{name}: {count} {'file' if count == 1 else 'files'}, all whole", "", figures
    )
