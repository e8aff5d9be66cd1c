"""A hardware mixer's volume is what it was, after everything that may happen to whoever changes it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import psutil
import pytest
from audio_helpers import WAIT_S, SoundServer

from agent.audio.alsa import mixer, set_volumes, volumes
from agent.audio.keeper import volume_kept
from agent.audio.pcm import Samples
from agent.config import Speaker
from agent.fitting.loudspeaker import play

pytestmark = pytest.mark.room
LEFT_RIGHT = [40_000, 20_000]
SPEAKER = Speaker(device="default", mixer="Master", volume_percent=90)
# Ctrl-C is what it is at a terminal, also where the tests run in the background, with SIGINT ignored.
CHANGED = """
import json, signal, sys
from agent.audio.alsa import mixer, set_volume
from agent.audio.keeper import volume_kept
from agent.config import Speaker

signal.signal(signal.SIGINT, signal.default_int_handler)
with volume_kept(Speaker(**json.loads(sys.argv[1]))):
    set_volume(mixer("default", "Master"), 90)
    print("changed", flush=True)
    sys.stdin.read()
    raise SystemExit("a fault")
"""


def now() -> list[int]:
    return volumes(mixer("default", "Master"))


@pytest.fixture(autouse=True)
def _before(server: SoundServer) -> Iterator[None]:
    usual = now()
    set_volumes(mixer("default", "Master"), LEFT_RIGHT)
    assert now() == LEFT_RIGHT
    yield
    set_volumes(mixer("default", "Master"), usual)


def test_after_something_was_played() -> None:
    def sounds() -> Iterator[tuple[Samples, int]]:
        yield np.zeros(16_000, np.int16), 16_000
        end = time.monotonic() + WAIT_S
        while now() == LEFT_RIGHT:  # a mixer that changes has no event here
            assert time.monotonic() < end, "the volume was never changed"
            time.sleep(0.02)

    play(SPEAKER, sounds())
    assert now() == LEFT_RIGHT


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, None], ids=["killed", "Ctrl-C", "a fault"])
def test_after_an_end_that_nobody_has_planned(number: signal.Signals | None) -> None:
    """The keeper ends last, and its end is awaited."""
    with subprocess.Popen(
        [sys.executable, "-c", CHANGED, json.dumps(SPEAKER.model_dump(exclude_none=True))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"changed\n"
        assert now() != LEFT_RIGHT
        keepers = [each for each in psutil.Process(process.pid).children() if "agent.audio.keeper" in each.cmdline()]
        if number is None:
            process.stdin.close()
        else:
            process.send_signal(number)
        assert process.wait(WAIT_S) != 0
        _, left = psutil.wait_procs(keepers, WAIT_S)
    assert len(keepers) == 1
    assert not left
    assert now() == LEFT_RIGHT


def test_without_such_a_control_there_is_nothing_to_keep() -> None:
    with volume_kept(Speaker(device="default", mixer="Nothing")):
        set_volumes(mixer("default", "Master"), [10_000, 10_000])
    assert now() == [10_000, 10_000]
