"""`voice-agent demo`: the whole job on this machine, without a sound card, and proof that it was done.

A private sound server with a microphone and a speaker, a private broker, the agent as its own process; visitors speak,
the agent answers, a second recogniser listens to the recording. With `mic` or `speaker` the room is real and a person
speaks. The output folder gets room.wav (left the visitor, right the agent), turns.jsonl (the receipts as they were
published), timeline.png, summary.json and agent.log.

Exit codes: 0 all is well, 1 a check failed, 75 the play could not be played, 78 models or packages are missing,
130 Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
from rich.console import Console

from agent import engines, models
from agent.audio.pcm import RATE_HZ
from agent.config import AsrSection
from agent.lab import verdict, waterfall
from agent.lab.broker import Broker, BrokerFailed
from agent.lab.listener import MoonshineListener
from agent.lab.playing import SoundLost
from agent.lab.processes import PackagesMissing
from agent.lab.pulse import PulseFailed
from agent.lab.resident import Resident, ResidentFailed, Value
from agent.lab.room import Heard, Room
from agent.lab.script import HOME, LIGHT, Scene, scenes
from agent.lab.stage import Stage
from agent.lab.stage import verdict as verdict_table
from agent.lab.theatre import Company, Person, SceneFailed, Spoken, Theatre, Visitors
from agent.lab.timeline import Notice, turn_view
from agent.lab.verdict import Check, Turn
from agent.lab.visitor import VoiceFailed
from agent.lab.watch import Watcher

DONE, CHECK_FAILED, TEMPORARY, MISSING, INTERRUPTED = 0, 1, 75, 78, 130
ROOT = "voice-agent/demo"
ONLINE_S = 60.0
LOADED_S = 120.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`asr`: "vosk" or "moonshine", None for the best that is installed; `mic`, `speaker`: real ALSA devices."""

    json: bool = False
    asr: str | None = None
    language: str | None = None
    mic: str | None = None
    speaker: str | None = None
    out: Path = Path("demo-out")
    download: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """What was played. `house`: what its devices got; `heard` is silence where the room was real."""

    turns: list[Turn]
    spoken: Mapping[int, Spoken]
    notices: list[Notice]
    house: list[Notice]
    heard: Heard
    recorded: bool


def main(options: DemoOptions) -> int:
    """Run the demo; returns the exit code."""
    console = Console(stderr=options.json)
    try:
        with _terminable():
            return _demo(options, console)
    except KeyboardInterrupt:
        console.print("interrupted; all processes are ended", style="yellow")
        return INTERRUPTED
    except (PackagesMissing, models.ModelMissing) as error:
        console.print(f"voice-agent demo: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return MISSING
    except (BrokerFailed, PulseFailed, ResidentFailed, SceneFailed, SoundLost, TimeoutError, VoiceFailed) as error:
        console.print(f"voice-agent demo: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return TEMPORARY


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends us as Ctrl-C does, so that everything is put away."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _demo(options: DemoOptions, console: Console) -> int:
    language = options.language or "en"
    script = _script(language)
    if options.download:
        _download(language)
    settings, recogniser = _settings(options, language)
    console.print(f"recogniser: {recogniser}", highlight=False, soft_wrap=True)
    options.out.mkdir(parents=True, exist_ok=True)
    with Stage(console) as stage:
        session = _play(options, script, settings, stage)
        stage.status("looking at the recording")
        checks = _checks(session, language)
        _leave(options.out, session, checks, recogniser)
    if not options.json:
        console.print(waterfall.waterfall([turn.receipt for turn in session.turns]))
    console.print(verdict_table(checks))
    console.print(
        f"{options.out}/: {', '.join(sorted(path.name for path in options.out.iterdir()))}",
        highlight=False,
        soft_wrap=True,
    )
    return DONE if all(check.ok for check in checks) else CHECK_FAILED


def _script(language: str) -> tuple[Scene, ...]:
    try:
        return scenes(language)
    except KeyError:
        raise models.ModelMissing(f"the demo speaks English (en) and Korean (ko), not {language}") from None


def _download(language: str) -> None:
    """Vosk's model of the language, by the command that users have. Raises ModelMissing."""
    name = next((m.name for m in models.catalogue() if m.kind == "asr-vosk" and m.speaks(language)), None)
    if name is None:
        raise models.ModelMissing(f"there is no Vosk model for {language} in the catalogue")
    if models.installed(name) is None:
        command = [sys.executable, "-m", "agent.cli", "models", "install", name]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
            raise models.ModelMissing(f"{name} could not be installed")


def _settings(options: DemoOptions, language: str) -> tuple[dict[str, Value], str]:
    """The agent's configuration, and its recogniser in words. Raises ModelMissing."""
    section = AsrSection.model_validate({"engine": options.asr or "auto"})
    choice = engines.recogniser(section, language)
    settings: dict[str, Value] = {
        "persona.language": language,
        "asr.engine": choice.engine,
        "mqtt.host": Broker.host,
        "mqtt.device": ROOT.rsplit("/", maxsplit=1)[-1],
    }
    said = f"{choice.engine.capitalize()} ({choice.model.name})"
    if choice.engine == "vosk" and language != "en":
        from agent.thinking.intents import phrases

        settings["asr.grammar"] = list(phrases(language))
        said += ", restricted to the local commands"
    elif choice.engine == "moonshine" and options.asr is None:
        said += "; Vosk's model is not installed, --download gets it"
    if language.startswith("en"):
        models.require("llm-gguf", language)
        settings |= {"llm.use": ["embedded"], "llm.profiles.embedded.kind": "embedded", "actions": [LIGHT]}
    for key, device in (("audio.mic.device", options.mic), ("audio.speaker.device", options.speaker)):
        if device:
            settings[key] = device
    return settings, said


def _play(options: DemoOptions, script: tuple[Scene, ...], settings: dict[str, Value], stage: Stage) -> Session:
    with ExitStack() as stack:
        stage.status("starting the room and the broker")
        room = None if options.mic or options.speaker else stack.enter_context(Room())
        broker = stack.enter_context(Broker())
        watcher = Watcher(broker.host, broker.port, ROOT, _show(options, stage))
        stack.callback(watcher.stop)
        watcher.start()
        house = Watcher(broker.host, broker.port, HOME)
        stack.callback(house.stop)
        house.start()
        stage.status("starting the agent, loading its models")
        agent = Resident({**settings, "mqtt.port": broker.port}, room.env if room else os.environ)
        stack.callback(agent.stop, options.out / "agent.log")
        agent.start()
        agent.wait_online(watcher, ONLINE_S)
        parts = {"mic", "speaker", "wake", "asr", "tts"} | ({"llm"} if "llm.use" in settings else set())
        agent.wait_parts(watcher, parts, LOADED_S)
        company: Company = Visitors(room) if room else Person()
        theatre = Theatre(company, agent, watcher, stage)
        since = time.monotonic()
        turns = theatre.play(script)
        until = time.monotonic()
        heard = (
            room.record(since, until)
            if room
            else Heard(np.zeros((round((until - since) * RATE_HZ), 2), np.int16), since)
        )
        return Session(turns, theatre.spoken, watcher.notices, house.notices, heard, room is not None)


def _show(options: DemoOptions, stage: Stage) -> Callable[[Notice], None]:
    def notice(notice: Notice) -> None:
        stage.notice(notice)
        if options.json and notice.topic == "turn" and notice.data["word"]:  # else it speaks of itself: a timer rings
            sys.stdout.write(json.dumps(notice.data, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    return notice


def _checks(session: Session, language: str) -> list[Check]:
    checks = [verdict.outcomes(session.turns), verdict.commands(session.turns)]
    some = (
        verdict.deeds(session.turns, session.house),
        verdict.failures(session.turns),
        verdict.open_sentences(session.turns),
    )
    checks += [check for check in some if check is not None]
    checks.append(verdict.receipts(session.turns))
    if not session.recorded:
        return checks
    checks.append(verdict.honesty(session.turns, session.heard))
    if not language.startswith("en"):
        return [*checks, verdict.sounds(session.turns, session.heard)]
    listener = MoonshineListener()
    try:
        return [*checks, verdict.replies(session.turns, session.heard, listener)]
    finally:
        listener.close()


def _leave(out: Path, session: Session, checks: list[Check], recogniser: str) -> None:
    from agent.lab import plots  # matplotlib takes a second to import, and a failed play needs none

    receipts = [turn.receipt for turn in session.turns]
    lines = [json.dumps(receipt, ensure_ascii=False) + "\n" for receipt in receipts]
    (out / "turns.jsonl").write_text("".join(lines), encoding="utf-8")
    if session.recorded:
        session.heard.write(out / "room.wav")
    views = []
    for turn in session.turns:
        spoken = session.spoken.get(turn.receipt["turn"])
        views.append(turn_view(turn.receipt, session.notices, (spoken.first, spoken.last) if spoken else None))
    used = {part: name for receipt in receipts for part, name in receipt.get("engines", {}).items()}
    title = " · ".join([f"voice-agent demo: {len(views)} turns", *(str(used[part]) for part in used)])
    plots.draw(views, session.heard, out / "timeline.png", title)
    summary = {
        "ok": all(check.ok for check in checks),
        "recogniser": recogniser,
        "engines": used,
        "checks": [{"name": c.name, "ok": c.ok, "found": c.found, "reasons": list(c.reasons)} for c in checks],
    }
    (out / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
