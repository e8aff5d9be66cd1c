"""The demo does the whole job, proves it, and leaves nothing behind, however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from agent.audio.pcm import RATE_HZ
from agent.lab import verdict
from agent.lab.processes import require
from agent.lab.pulse import PACKAGES
from agent.lab.room import Heard
from agent.lab.script import ENGLISH, KOREAN_SCENES, Scene, scenes
from agent.lab.stage import Row, Stage, line, table, updated
from agent.lab.timeline import Notice
from agent.lab.verdict import Check, Turn

DEMO = [sys.executable, "-m", "agent.cli", "demo", "--json"]


class Run:
    """What one run of the demo left."""

    def __init__(self, out: Path) -> None:
        done = subprocess.run([*DEMO, "--out", str(out)], capture_output=True, text=True, check=False, timeout=400)
        self.code, self.stdout, self.stderr, self.out = done.returncode, done.stdout, done.stderr, out

    @property
    def receipts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    require(PACKAGES)
    before = set(psutil.pids())
    yield Run(tmp_path_factory.mktemp("demo"))
    left = [
        p
        for p in psutil.process_iter(["cmdline"])
        if p.pid not in before and "room-" in " ".join(p.info["cmdline"] or [])
    ]
    assert not left


@pytest.mark.room
@pytest.mark.timeout(420)
def test_the_whole_job_is_done(run: Run) -> None:
    assert run.code == 0, run.stderr
    assert [receipt["outcome"] for receipt in run.receipts] == [scene.outcome for scene in ENGLISH]
    assert len(run.receipts) >= 6


@pytest.mark.room
@pytest.mark.timeout(420)
def test_receipts_add_up(run: Run) -> None:
    for receipt, scene in zip(run.receipts, ENGLISH, strict=True):
        if scene.wordless or scene.kind == "silence":
            continue
        assert sum(receipt["stages_ms"].values()) == receipt["ttfa_ms"] == receipt["at_ms"]["audible"]
        assert receipt["stages_ms"][receipt["blame"]] == max(receipt["stages_ms"].values())


@pytest.mark.room
@pytest.mark.timeout(420)
def test_it_leaves_recording_receipts_and_picture(run: Run) -> None:
    assert [json.loads(line) for line in (run.out / "turns.jsonl").read_text().splitlines()] == run.receipts
    assert (run.out / "timeline.png").read_bytes().startswith(b"\x89PNG")
    summary = json.loads((run.out / "summary.json").read_text())
    assert summary["ok"] is True
    assert summary["recogniser"].startswith(("Vosk", "Moonshine"))
    assert {check["name"] for check in summary["checks"]} >= {
        "local commands",
        "actions",
        "spoken failures",
        "word error rate",
        "spoken replies",
    }
    with wave.open(str(run.out / "room.wav")) as file:
        sides = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
        assert file.getframerate() == RATE_HZ
    assert (np.abs(sides[:, 0].astype(int)) > 1000).sum() > RATE_HZ, "the visitors"
    assert (np.abs(sides[:, 1].astype(int)) > 1000).sum() > RATE_HZ, "the agent"


@pytest.mark.room
@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_process_is_left_behind_when_it_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    demo = subprocess.Popen([*DEMO, "--out", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    family: set[psutil.Process] = set()
    deadline = time.monotonic() + 60
    while not any("agent.audio.mic" in " ".join(_command(process)) for process in family):
        assert demo.poll() is None
        assert time.monotonic() < deadline
        family |= set(psutil.Process(demo.pid).children(recursive=True))
    demo.send_signal(number)
    family |= set(psutil.Process(demo.pid).children(recursive=True))
    demo.communicate(timeout=30)
    assert demo.returncode == 130
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_language_without_a_script_is_refused(tmp_path: Path) -> None:
    done = subprocess.run([*DEMO, "--language", "fi"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "English (en) and Korean (ko), not fi" in done.stderr
    assert done.stdout == ""


def test_missing_packages_are_named(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    env = {**os.environ, "PATH": str(tmp_path / "bin")}
    done = subprocess.run([*DEMO, "--out", str(tmp_path / "out")], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "sudo apt-get install -y pulseaudio" in done.stderr


def test_scripts_are_complete() -> None:
    for script in (ENGLISH, KOREAN_SCENES):
        assert len(script) >= 6
        assert any(scene.cuts_in for scene in script)
        assert script[-1].kind == "silence"
        for scene, following in pairwise(script):
            assert (scene.outcome == "interrupted") == following.cuts_in
    assert any(scene.gap_s is None for scene in ENGLISH)
    assert any(scene.rings for scene in ENGLISH)
    assert any(scene.sends for scene in ENGLISH)
    assert any(scene.sick and scene.outcome == "failed" for scene in ENGLISH)
    assert scenes("en-GB") is ENGLISH
    assert all("hey jarvis" in scene.prompt() for scene in ENGLISH)


# What the checks say when something is wrong.


def turn(scene: Scene, **fields: Any) -> Turn:
    at_ms = {"endpoint": 600, "asr_final": 650, "first_clause": 660, "tts_first": 700, "audible": 800}
    receipt = {
        "turn": 1,
        "outcome": scene.outcome,
        "at_ms": at_ms,
        "stages_ms": {"endpoint": 600, "asr_final": 50, "first_clause": 10, "tts_first": 40, "audible": 100},
        "ttfa_ms": 800,
        "blame": "endpoint",
        "transcript": scene.text,
        "heard": "Penguins can not fly.",
        **fields,
    }
    notices = (
        Notice(100.65, "transcript", {"turn": 1, "text": scene.text, "final": True}),
        Notice(100.66, "event/intent", {"turn": 1, "name": scene.intent}),
        Notice(104.0, "turn", receipt),
    )
    return Turn(scene, receipt, notices, last_loud=100.0)


def room_with_sound_at(second: float) -> Heard:
    samples = np.zeros((RATE_HZ * 10, 2), np.int16)
    samples[round(second * RATE_HZ) : round((second + 2) * RATE_HZ), 1] = 3000
    return Heard(samples, start=97.0)


class Parrot:
    """A listener that always hears the same."""

    name = "parrot"

    def __init__(self, text: str) -> None:
        self._text = text

    def hear(self, samples: Any) -> str:
        return self._text

    def close(self) -> None:
        pass


LOCAL, OPEN = ENGLISH[0], ENGLISH[1]


def test_checks_pass_what_is_right() -> None:
    turns = [turn(LOCAL), turn(OPEN)]
    assert verdict.outcomes(turns).ok
    assert verdict.commands(turns).ok
    assert verdict.open_sentences(turns) == Check("word error rate", True, "0% of 1 open sentences")
    assert verdict.receipts(turns).ok
    assert verdict.honesty(turns, room_with_sound_at(3.8)).ok
    assert verdict.sounds(turns, room_with_sound_at(3.8)).ok
    assert verdict.replies(turns, room_with_sound_at(3.8), Parrot("Oh. Penguins cannot fly, no.")).ok
    assert verdict.open_sentences([turn(LOCAL)]) is None


def test_a_sound_of_ours_before_the_first_word_is_not_the_word() -> None:
    heard = room_with_sound_at(3.8)
    heard.samples[round(3.55 * RATE_HZ) : round(3.75 * RATE_HZ), 1] = 3000
    assert verdict.first_sound_ms(turn(LOCAL), heard) == 800
    assert verdict.honesty([turn(LOCAL)], heard).ok


def test_where_the_sound_for_those_who_wait_covers_the_first_word_nothing_is_compared() -> None:
    assert verdict.honesty([turn(LOCAL, ttfa_ms=1900)], room_with_sound_at(4.7)).ok
    assert not verdict.honesty([turn(LOCAL, ttfa_ms=1700)], room_with_sound_at(4.4)).ok


def test_checks_refuse_what_is_wrong() -> None:
    assert "failed, not answered" in verdict.outcomes([turn(LOCAL, outcome="failed")]).reasons[0]
    misheard = replace(turn(LOCAL, transcript="what lime is it"), notices=())
    assert "heard as “what lime is it”: no command" in verdict.commands([misheard]).reasons[0]
    garbled = verdict.open_sentences([turn(OPEN, transcript="tell me a bun fact about engines")])
    assert garbled is not None
    assert not garbled.ok
    assert "engines" in garbled.reasons[0]
    assert "sum to 800 ms, not 790 ms" in verdict.receipts([turn(LOCAL, ttfa_ms=790)]).reasons[0]
    assert "not the longest" in verdict.receipts([turn(LOCAL, blame="audible")]).reasons[0]
    assert "no first audio" in verdict.receipts([turn(LOCAL, ttfa_ms=None)]).reasons[0]
    assert "the room 1100 ms" in verdict.honesty([turn(LOCAL)], room_with_sound_at(4.1)).reasons[0]
    assert "nothing was heard" in verdict.sounds([turn(LOCAL)], room_with_sound_at(8.0)).reasons[0]
    assert not verdict.replies([turn(LOCAL)], room_with_sound_at(3.8), Parrot("The moon is far away.")).ok
    assert not verdict.replies([], room_with_sound_at(3.8), Parrot("")).ok


def test_the_stage_shows_each_turn_as_it_goes() -> None:
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    stage = Stage(Console(file=out, width=200))
    with stage:
        stage.status("starting")
        stage.begin("a local question", "what time is it")
        for topic, data in (
            ("event/wake", {"turn": 4, "word": "hey_jarvis"}),
            ("transcript", {"turn": 4, "text": "what", "final": False}),
            ("transcript", {"turn": 4, "text": "What time is it?", "final": True}),
            ("reply", {"turn": 4, "text": "It's noon.", "heard": "It's noon."}),
            ("turn", {"turn": 4, "outcome": "answered", "ttfa_ms": 812, "blame": "endpoint"}),
            ("state", "idle"),
        ):
            stage.notice(Notice(1.0, topic, data))
    assert "4  what time is it  |  heard: What time is it?  |  says: It's noon.  |  answered, 812 ms" in out.getvalue()


def test_a_row_keeps_what_was_really_heard() -> None:
    row = updated(Row("", "", turn=1), Notice(0.0, "reply", {"text": "One two three.", "heard": "One"}))
    assert row.answer == "One"
    assert table([row]).row_count == 1
    assert "heard: -" in str(line(row))


def test_an_action_that_nobody_got_is_named() -> None:
    scene = next(scene for scene in ENGLISH if scene.sends)
    topic, payload = scene.sends or ("", None)
    arrived = verdict.deeds([turn(scene)], [Notice(1.0, topic, payload)])
    lost = verdict.deeds([turn(scene)], [Notice(1.0, topic, {"state": "off"})])
    assert arrived is not None
    assert arrived.ok
    assert lost is not None
    assert "nobody got" in lost.reasons[0]
    assert verdict.deeds([turn(LOCAL)], []) is None


def test_a_failure_without_words_is_named() -> None:
    scene = next(scene for scene in ENGLISH if scene.sick)
    told, mute = verdict.failures([turn(scene)]), verdict.failures([turn(scene, heard="")])
    assert told is not None
    assert told.ok
    assert mute is not None
    assert "without a word" in mute.reasons[0]
    assert verdict.failures([turn(LOCAL)]) is None
