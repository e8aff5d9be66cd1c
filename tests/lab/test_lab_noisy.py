"""Speech among noise: what is done to it is what is named, and the bench counts and prints it."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from agent.audio.pcm import RATE_HZ
from agent.hearing.moonshine import MoonshineEngine
from agent.lab import noiseplot, noisy
from agent.lab.acoustics import rms_dbfs
from agent.lab.bench import noise
from agent.lab.noisy import TREATMENTS
from agent.lab.processes import PackagesMissing
from agent.lab.visitor import VOICES, say


@pytest.fixture(scope="module")
def changes() -> dict[str, noisy.Change]:
    try:
        return noisy.conditions()
    except PackagesMissing as missing:
        pytest.skip(str(missing))


def test_every_condition_of_the_issue_is_there(changes: dict[str, noisy.Change]) -> None:
    among = {f"{kind}_{snr}db" for kind in ("babble", "music", "fan") for snr in (20, 10, 0)}
    assert set(changes) == {"clean", "t60_0.2s", "t60_0.5s", "level_-30db", "level_+20db"} | among


def test_each_utterance_meets_another_noise_and_another_room(changes: dict[str, noisy.Change]) -> None:
    word = say("hey jarvis", VOICES[0]).samples
    for name, change in changes.items():
        assert np.array_equal(change(word, 3), change(word, 3)), name
        assert np.array_equal(change(word, 3), change(word, 4)) == (name == "clean"), name


def test_levels_are_those_of_the_name(changes: dict[str, noisy.Change]) -> None:
    word = say("hey jarvis", VOICES[0]).samples
    quiet, loud = changes["level_-30db"](word, 0), changes["level_+20db"](word, 0)
    assert rms_dbfs(quiet) == pytest.approx(rms_dbfs(word) - 30, abs=0.2)
    assert rms_dbfs(loud) < rms_dbfs(word) + 19
    assert np.abs(loud.astype(int)).max() >= 32767


def test_treatments_do_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    hiss = rng.normal(0, 300, 4 * RATE_HZ).astype(np.int16)
    late = slice(2 * RATE_HZ, None)
    assert TREATMENTS["raw"](hiss) is hiss
    suppressed = TREATMENTS["ns"](hiss)
    assert len(suppressed) == len(hiss)
    assert rms_dbfs(suppressed[late]) < rms_dbfs(hiss[late]) - 8
    speech = np.concatenate([say(text, VOICES[0]).samples for text in noise.SENTENCES])
    quiet = (speech / 30).astype(np.int16)
    assert rms_dbfs(TREATMENTS["agc"](quiet)[-RATE_HZ:]) > rms_dbfs(quiet[-RATE_HZ:]) + 6
    assert 0 < noisy.cpu_percent("both", hiss) < 20


@pytest.mark.room
def test_an_utterance_that_is_given_at_once_is_decoded_once_and_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    decode = MoonshineEngine._decode

    def counted(engine: MoonshineEngine) -> str | None:
        decoded.append(engine._length)
        return decode(engine)

    monkeypatch.setattr(MoonshineEngine, "_decode", counted)
    sound = np.pad(say("what is the capital of france", VOICES[0]).samples, (noise.LEAD, noise.AFTER))
    assert "capital of france" in noise.transcribe(noise.moonshine_engine(), sound).lower()
    assert decoded == [0, len(sound)]


def some_figures() -> dict[str, object]:
    misses = {"clean": {"raw": 0.0, "agc": 0.1, "ns": 0.2, "both": 0.3}, "fan_0db": dict.fromkeys(noiseplot.MARKS, 1.0)}
    errors = {"clean": {"raw": 0.1, "agc": 0.1, "ns": 0.3, "both": 0.4}, "fan_0db": dict.fromkeys(noiseplot.MARKS, 0.5)}
    misses["fan_0db"] |= {"raw": 0.533, "ns": 1.5}
    figures = {"machine": "m", "reference_ms": 1.0, "n_wakes": 15, "n_sentences": 18, "n_commands": 0}
    cpu = {"raw": 0.0, "ns": 0.123}
    return figures | {"miss_rate": {"openwakeword": misses}, "wer": {"moonshine": errors}, "cpu_percent": cpu}


def test_the_table_has_one_row_for_each_condition_and_one_column_for_each_engine() -> None:
    console = Console(width=120, record=True, file=StringIO())
    console.print(noise.render(some_figures()))
    text = console.export_text()
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert " ".join(rows["fan_0db"]) == "53 / 100 / 150 / 100 50 / 50 / 50 / 50"
    assert " ".join(rows["mean"]) == "27 / 55 / 85 / 65 30 / 30 / 40 / 45"
    assert "openwakeword, missed" in text
    assert "raw 0.00, ns 0.12" in text


def test_the_picture_has_one_panel_for_each_engine_and_shows_every_figure(tmp_path: Path) -> None:
    figure = noiseplot.compose(some_figures())
    panels = {axes.get_title(loc="left").split("\n")[0]: axes for axes in figure.axes}
    assert set(panels) == {"openwakeword", "moonshine"}
    marks = {line.get_label(): np.asarray(line.get_xdata(), float).tolist() for line in panels["openwakeword"].lines}
    assert marks["as the microphone heard it"] == pytest.approx([0, 53.3])
    assert marks["both"] == pytest.approx([30, 100])
    assert marks["noise suppression"] == pytest.approx([20, 100])
    first, last = panels["openwakeword"].get_ylim()
    assert first > last == -0.5  # the first condition is on top
    noiseplot.draw(some_figures(), tmp_path / "noise.png")
    assert (tmp_path / "noise.png").read_bytes().startswith(b"\x89PNG")
