"""The guest, booted once for all tests of this folder. The tests in `inside/` run in it, not here."""

from __future__ import annotations

import shutil
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import Guest, obstacle

from agent.audio.pcm import RATE_HZ
from agent.lab.processes import PackagesMissing
from agent.lab.visitor import say, voice

collect_ignore = ["inside"]


@pytest.fixture(scope="session")
def guest() -> Iterator[Guest]:
    if why_not := obstacle():
        pytest.skip(why_not)
    folder = Path(tempfile.mkdtemp(prefix="guest"))
    guest = Guest(folder)
    try:
        guest.make(sounds(folder / "sounds"))
        guest.boot()
        yield guest
    finally:
        guest.stop()
        shutil.rmtree(folder)


def sounds(folder: Path) -> Path:
    """A question by a visitor's voice, for the guest, which has none."""
    folder.mkdir()
    try:
        question = say("hey jarvis", voice("flite slt")).then(say("what time is it", voice("flite slt")), 0.45)
        with wave.open(str(folder / "question.wav"), "wb") as file:
            file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            file.writeframes(question.samples.tobytes())
    except PackagesMissing:
        pass  # the test that needs it says so
    return folder
