"""The visitors' wake words and people reading aloud, made or read once."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import pytest
from hearing_helpers import HUMAN, wav

from agent.audio.pcm import Samples
from agent.config import WakeSection
from agent.hearing import openwakeword
from agent.hearing.openwakeword import OpenWakeWord
from agent.lab.processes import PackagesMissing
from agent.lab.visitor import VOICES, Utterance, Voice, say

JARVIS = "hey_jarvis"


@pytest.fixture(scope="session")
def visitors() -> Mapping[Voice, Utterance]:
    """ "hey jarvis" by all visitors."""
    try:
        return {voice: say("hey jarvis", voice) for voice in VOICES}
    except PackagesMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def human() -> Mapping[str, Samples]:
    """People reading sentences, cards and numbers."""
    paths = sorted(HUMAN.rglob("*.wav"))
    if not paths:
        pytest.skip("no human speech; run: sudo apt-get install -y pocketsphinx-testdata")
    return {path.stem: wav(path) for path in paths}


@pytest.fixture(scope="session")
def two_cities() -> Samples:
    """44 s of a novel, read aloud."""
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        pytest.skip("no moonshine-voice; run: pip install voice-agent[moonshine]")
    return wav(Path(spec.origin).parent / "assets" / "two_cities.wav")


@pytest.fixture(scope="session")
def jarvis() -> OpenWakeWord:
    """The default wake word with the default configuration. `reset` comes with each use."""
    config = WakeSection()
    model = openwakeword.packaged() / "hey_jarvis_v0.1.onnx"
    return openwakeword.load({JARVIS: model}, {JARVIS: config.threshold}, config.extra_phases)
