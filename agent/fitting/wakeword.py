"""Fourth step: the wake word, said three times; gain and threshold follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from agent import models
from agent.fitting import levels, screen, tuning
from agent.fitting.asking import Asker, WayOn
from agent.fitting.attempts import Attempt, peak_with
from agent.fitting.draft import Draft
from agent.fitting.levels import Levels
from agent.fitting.microphone import MicrophoneTrouble
from agent.fitting.saying import Goal, Unheard, collect
from agent.fitting.tuning import Tuned
from agent.hearing import wakewords
from agent.hearing.wake import WakeEngine, WakeModelError
from agent.hearing.words import wake_name
from agent.models import Model

TIMES = 3


def choose(draft: Draft, asker: Asker) -> None:
    """Which word, and, with somebody there, how it is heard. Raises Trouble."""
    gain_db = draft.config.audio.mic.gain_db
    while True:
        _word(draft, asker)
        try:
            engine = wakewords.load(draft.config)
        except WakeModelError as error:
            way = asker.way_on(str(error), "")
        else:
            way = _fit(draft, asker, engine, gain_db) if asker.person else _only_named(asker, engine)
        if way == "leave":
            return


def _only_named(asker: Asker, engine: WakeEngine) -> WayOn:
    """Nobody is there to say it."""
    heard = (f'"{word.replace("_", " ")}" from {threshold:.2f} up' for word, threshold in engine.thresholds.items())
    asker.console.print(screen.good(f"wake word: {', '.join(heard)}"))
    return "leave"


def _word(draft: Draft, asker: Asker) -> None:
    wake = draft.config.wake
    known: list[Model | None] = [model for model in models.catalogue() if _installed(model)]
    here = next((at for at, model in enumerate(known) if model and _is(model, wake.words[0].model, wake.engine)), None)
    rows = [(model.name.replace("_", " "), f"{_engine(model)}, {model.licence}") for model in known if model]
    if here is None:
        rows, known = [(wake.words[0].model, "as configured"), *rows], [None, *known]
    chosen = known[asker.choose("Which wake word?", rows, here or 0)]
    if chosen is not None and not _is(chosen, wake.words[0].model, wake.engine):
        draft.set("wake.engine", _engine(chosen))
        draft.set("wake.words", [{"model": chosen.name}])


def _installed(model: Model) -> bool:
    return model.kind.startswith("wake-") and models.installed(model.name, model.kind) is not None


def _engine(model: Model) -> str:
    return model.kind.removeprefix("wake-")


def _is(model: Model, name: str, engine: str) -> bool:
    return model.name == name and _engine(model) == engine


def _fit(draft: Draft, asker: Asker, engine: WakeEngine, gain_db: float) -> WayOn:
    """`gain_db`: of before the first attempt, to be gone back to."""
    config = draft.config
    word = wake_name(config.wake.words[0].model)
    goal = Goal(word, TIMES, engine.thresholds[word])
    asker.console.print(f'\n Say "{goal.spoken}" {TIMES} times, from where you usually are.\n')
    try:
        attempts = collect(config, engine, goal, asker.console)
    except MicrophoneTrouble as trouble:
        return asker.way_on(str(trouble), "")
    except Unheard as nothing:
        return asker.way_on(str(nothing), nothing.remedy or "the step before finds the microphone")
    louder = _more(attempts)
    if louder:
        draft.set("audio.mic.gain_db", _within(config.audio.mic.gain_db + louder))
        attempts = [replace(each, peak=peak_with(each, louder, engine, word)) for each in attempts]
    tuned = tuning.judge(word, goal.threshold, attempts, None)
    _tell(draft, asker, tuned)
    answer = asker.key("Take it? (a: once more)", "yna", "y")
    if answer == "y" and tuned.differs:
        draft.update(tuning.changes(draft.config, word, tuned.proposal.threshold))
    elif answer == "n":
        draft.set("audio.mic.gain_db", gain_db)
    return "again" if answer == "a" else "leave"


def _more(attempts: Sequence[Attempt]) -> float:
    """The gain that is missing, after the one in force, in dB."""
    spoken = [each.levels for each in attempts if each.levels.speech_dbfs is not None]
    if not spoken:
        return 0.0
    usual = median(each.speech_dbfs for each in spoken if each.speech_dbfs is not None)
    together = Levels(usual, median(each.noise_dbfs for each in spoken), max(each.peak_dbfs for each in spoken))
    return levels.gain_db(together)


def _within(gain_db: float) -> float:
    return min(max(gain_db, levels.LEAST_DB), levels.MOST_DB)


def _tell(draft: Draft, asker: Asker, tuned: Tuned) -> None:
    proposal, console = tuned.proposal, asker.console
    mark = screen.good if proposal.heard == proposal.attempts else screen.bad
    console.print(mark(f"heard {proposal.heard} of {proposal.attempts} times"))
    kept = f"threshold {proposal.threshold:.2f}: {proposal.reason}"
    console.print(screen.good(f"gain {draft.config.audio.mic.gain_db:+.0f} dB, {kept}"))
