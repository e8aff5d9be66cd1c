"""Benches: common keys, bars, what they count, and that figures come out of the real parts."""

import json
import math
import os
import subprocess
import sys
import urllib.request
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from agent.audio.pcm import RATE_HZ
from agent.lab.bench import NAMES, USAGE, capture, main, report, tts, usage
from agent.lab.bench.instant import InstantLlm
from agent.lab.bench.report import Bar, Progress, complete, judged, percentiles, poisson_bound, table
from agent.lab.playing import Played, locate
from agent.lab.resident import Resident, to_toml

COMMON = {"bench", "version", "machine", "at", "config", "reference_ms"}


def progress() -> Progress:
    return Progress("test", Console(file=StringIO()))


def test_every_bench_is_there_with_its_bars() -> None:
    assert set(NAMES) >= {"capture", "wake", "asr", "tts", "ttfa", "idle", "start", "mqtt", "rivals", "noise"}
    assert set(NAMES) >= {"first-word", "endpoint"}


def test_an_unknown_bench_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-bench"], json=True) == USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert "no bench no-such-bench" in told.err


def test_every_object_has_the_common_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "reference_ms", lambda: 123.4)
    with progress() as on:
        one = complete("x", {"p50_ms": 5.0, "config": {"a": 1, "b": 2}}, on)
        same = complete("x", {"p50_ms": 6.0, "config": {"b": 2, "a": 1}}, on)
        other = complete("x", {"p50_ms": 5.0, "config": {"a": 2, "b": 2}}, on)
    assert set(one) == COMMON | {"p50_ms"}
    assert one["config"] == same["config"] != other["config"]
    assert "cores" in one["machine"]
    json.dumps(one, allow_nan=False)


def test_the_table_judges_by_the_bars() -> None:
    figures = {**dict.fromkeys(COMMON, "-"), "p50_ms": 61.0, "lost": 0, "n": 12, "none": None}
    console = Console(width=100, record=True, file=StringIO())
    console.print(table("x", figures, [Bar("p50_ms", 60, 10), Bar("lost", 0), Bar("none", 5)]))
    rows = {line.split()[0]: line for line in console.export_text().splitlines()[2:]}
    assert rows["p50_ms"].split() == ["p50_ms", "61", "≤", "60", "(goal", "10)", "miss"]
    assert rows["lost"].split() == ["lost", "0", "≤", "0", "PASS"]
    assert rows["n"].split() == ["n", "12"]
    assert rows["none"].endswith("miss")
    assert judged(3, None).plain == ""


def test_percentiles_and_bounds() -> None:
    assert percentiles([1, 2, 3, 4, 100], 50, 100) == [3.0, 100.0]
    assert percentiles([], 50, 90) == [None, None]
    assert poisson_bound(0) == pytest.approx(-math.log(0.05), rel=1e-6)
    assert poisson_bound(3) == pytest.approx(7.754, abs=1e-3)  # tables of the chi-squared distribution


def test_usage_counts_a_process_and_its_children() -> None:
    work = "sum(range(10**7)); print(flush=True); input()"
    shell = ["sh", "-c", '"$0" -c "$1"; true', sys.executable, work]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        family = usage.tree(parent.pid)
        assert len(family) == 2
        assert usage.cpu_s(family[1]) > 0
        assert 3 < usage.pss_mb(family[1]) < 100
        assert usage.name(family[1]).startswith("python")
        parent.communicate(b"\n")
    assert usage.cpu_s(parent.pid) == usage.pss_mb(parent.pid) == 0.0
    assert usage.name(parent.pid) == "?"


def test_clicks_can_be_placed_and_timed() -> None:
    sound = capture.clicks(3.0)
    starts = np.flatnonzero((np.abs(sound.astype(int)) > 20_000) & (np.roll(sound, 1) == 0)) / RATE_HZ
    assert starts.tolist() == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5])
    assert locate(sound, np.pad(sound, (777, 99))) == 777
    played = Played(10.0, 13.0)
    assert capture.delays_ms([(10.512, 10.501), (11.014, 11.004)], played) == pytest.approx([12, 14])


def test_the_instant_model_speaks_the_protocol() -> None:
    with InstantLlm() as llm:
        request = urllib.request.Request(
            f"{llm.base_url}/chat/completions", b"{}", {"Content-Type": "application/json"}
        )
        texts = []
        for _ in range(2):
            with urllib.request.urlopen(request, timeout=10) as answer:
                lines = [line[6:] for line in answer.read().decode().splitlines() if line.startswith("data: ")]
            assert lines.pop() == "[DONE]"
            deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
            texts.append("".join(delta.get("content", "") for delta in deltas))
    assert all("penguins cannot fly" in text for text in texts)
    assert texts[0] != texts[1]


def test_settings_become_toml() -> None:
    import tomllib

    settings = {"a.b": 'he said "hi"\n', "a.c": ["x", "한"], "d": 1.5, "e.f": True}
    assert tomllib.loads(to_toml(settings)) == {
        "a": {"b": 'he said "hi"\n', "c": ["x", "한"]},
        "d": 1.5,
        "e": {"f": True},
    }


def test_a_resident_that_ends_is_told_with_its_log(tmp_path: Path) -> None:
    from agent.lab.resident import ResidentFailed
    from agent.lab.watch import Watcher

    with Resident({"no_such_section.x": 1}, os.environ) as agent:
        watcher = Watcher("127.0.0.1", 1, "x")
        with pytest.raises(ResidentFailed, match=r"(?s)exit code 78.*no_such_section"):
            agent.wait_online(watcher, 60.0)


@pytest.mark.room
@pytest.mark.timeout(120)
def test_a_bench_says_one_object(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tts, "TEXTS", ("Okay.", "It's noon."))
    assert main(["tts"], json=True) == 0
    figures = json.loads(capfd.readouterr().out)
    assert COMMON | {"rtf", "first_audio_p50_ms", "pss_mb"} <= set(figures)
    assert figures["n"] == 2
    assert figures["pss_mb"] > 5
    assert figures["first_audio_p50_ms"] > 0


@pytest.mark.room
@pytest.mark.timeout(120)
def test_capture_is_measured_in_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.lab.room import Room

    with Room() as room:
        figures = capture._measure(room, 4.0)
    assert figures["periods"] >= 400
    assert figures["delay_p50_ms"] > 0
    assert figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"]
