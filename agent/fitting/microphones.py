"""Third step: the microphone that hears a voice best, and the gain it takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.audio.pcm import PERIOD
from agent.config import Mic
from agent.fitting import levels, screen
from agent.fitting.asking import Asker
from agent.fitting.draft import Draft
from agent.fitting.keys import Keys
from agent.fitting.levels import LevelMeter, Levels
from agent.fitting.microphone import Microphone, MicrophoneTrouble
from agent.fitting.saying import shown
from agent.fitting.speakers import candidates
from agent.hearing.framing import Framer
from agent.hearing.gate import VoiceGate

SPEECH_S = 2.0  # of voice is enough
LEAST_S, MOST_S = 3.0, 20.0
CHECK_S = 1.0  # where nobody speaks
BETTER_DB = 3.0  # than the configured one, to be proposed


@dataclass(frozen=True, slots=True)
class Trial:
    """What a device gave, or why it gave nothing."""

    device: str
    levels: Levels | None
    trouble: str = ""

    @property
    def snr_db(self) -> float:
        return self.levels.snr_db if self.levels else float("-inf")


def choose(draft: Draft, asker: Asker) -> None:
    """Raises Trouble."""
    mic = draft.config.audio.mic
    if not asker.person:
        _check(mic, asker)
        return
    rows = candidates("capture", mic.device)
    while True:
        asker.console.print(" Speak as you usually do: count aloud from one to ten.")
        trials = [_try(mic, device, asker.console) for device, _ in rows]
        best = _best(trials)
        asker.console.print(_table(trials, best))
        if best is None:
            if (
                asker.way_on("no microphone heard a voice", "is it muted, is it turned up (`alsamixer`, F4)?")
                == "leave"
            ):
                return
            continue
        chosen = _chosen(trials, best, asker)
        if chosen:
            _take(draft, asker, chosen)
            return


def _chosen(trials: list[Trial], best: int, asker: Asker) -> Trial | None:
    """None: once more."""
    if len(trials) == 1:
        return trials[0] if asker.key("Take it? (a: measure again)", "ya", "y") == "y" else None
    rows = [(trial.device, "the clearest" if at == best else "") for at, trial in enumerate(trials)]
    index = asker.choose("Which one?", [*rows, ("measure again", "")], best)
    return trials[index] if index < len(trials) else None


def _take(draft: Draft, asker: Asker, trial: Trial) -> None:
    draft.set("audio.mic.device", trial.device)
    if trial.levels is None:
        asker.console.print(screen.bad(f"microphone: {trial.device}, which gives no sound now: {trial.trouble}"))
        return
    if trial.levels.speech_dbfs is None:
        asker.console.print(screen.bad(f"microphone: {trial.device}; {levels.complaint(trial.levels)}"))
        return
    draft.set("audio.mic.gain_db", levels.gain_db(trial.levels))
    asker.console.print(screen.good(f"microphone: {trial.device}"))
    if wrong := levels.complaint(trial.levels):
        asker.console.print(screen.bad(wrong))


def _try(mic: Mic, device: str, console: Console) -> Trial:
    """Listen to one device, without any gain, until enough was said or Enter skips it."""
    config = mic.model_copy(update={"device": device, "gain_db": 0.0})
    meter, gate, framer = LevelMeter(), VoiceGate(), Framer(PERIOD)
    try:
        with Microphone(config) as microphone, Keys() as keys, shown(console) as show:
            began = time.monotonic()
            while (passed := time.monotonic() - began) < MOST_S and keys.pressed() != "\n":
                for block in microphone.read():
                    voice = gate.feed(block.pcm, block.position)
                    meter.feed(framer.together(block.pcm, block.position).pcm, voice.voiced)
                if meter.speech_s >= SPEECH_S and passed >= LEAST_S:
                    break
                if meter.heard_s:  # who sees the meter may speak
                    show(lambda: _view(device, meter))
    except MicrophoneTrouble as trouble:
        return Trial(device, None, str(trouble))
    return Trial(device, meter.levels())


def _check(mic: Mic, asker: Asker) -> None:
    """Nobody speaks: does sound come at all? Raises Trouble."""
    try:
        with Microphone(mic) as microphone:
            heard = 0.0
            while heard < CHECK_S and not microphone.ended:
                heard += sum(len(block.pcm) for block in microphone.read()) / (100 * PERIOD)
    except MicrophoneTrouble as trouble:
        asker.way_on(str(trouble), "")
    asker.console.print(screen.good(f"microphone: {mic.device} gives sound"))


def _best(trials: list[Trial]) -> int | None:
    """The clearest; the configured one, which is first, unless another is clearly better."""
    best = max(range(len(trials)), key=lambda at: trials[at].snr_db)
    if trials[best].snr_db == float("-inf"):
        return None
    return 0 if trials[0].snr_db > trials[best].snr_db - BETTER_DB else best


def _view(device: str, meter: LevelMeter) -> RenderableType:
    said = meter.speech_s / SPEECH_S
    rows = [
        ("voice", screen.level_bar(meter.now_dbfs), screen.decibels(meter.now_dbfs)),
        ("heard", screen.bar(said, "cyan"), f"{min(said, 1.0):.0%}"),
    ]
    title = Text.assemble(" ", (device, "bold"))
    return Group("", title, "", screen.meters(rows), "", screen.keys_line(("Enter", "leave this one out")))


def _table(trials: list[Trial], best: int | None) -> RenderableType:
    grid = Table(box=None, padding=(0, 2, 0, 1), header_style="dim", title_justify="left")
    grid.add_column("microphone", max_width=34, overflow="fold")
    for name in ("voice", "noise", "apart"):
        grid.add_column(name, justify="right", no_wrap=True)
    for at, trial in enumerate(trials):
        style = "bold green" if at == best else ""
        if trial.levels is None:
            grid.add_row(Text(trial.device), Text(""), Text(""), Text(""))
            continue
        speech = trial.levels.speech_dbfs
        figures = ("–", "–") if speech is None else (screen.decibels(speech), screen.decibels(trial.levels.snr_db))
        grid.add_row(
            Text(trial.device, style), figures[0], screen.decibels(trial.levels.noise_dbfs), Text(figures[1], style)
        )
    troubles = [screen.bad(trial.trouble) for trial in trials if trial.trouble]
    return Group("", grid, "", *troubles)
