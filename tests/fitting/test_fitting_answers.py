"""What an answer of a person does to the draft; the questions themselves are asked at a terminal in tests/cli."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from agent.audio.pcm import RATE_HZ
from agent.fitting import languages, microphones, services, wakeword
from agent.fitting.asking import Check, Prepared, WayOn
from agent.fitting.draft import Draft
from agent.fitting.levels import Levels
from agent.fitting.microphones import Trial
from agent.lab.processes import PackagesMissing
from agent.lab.visitor import say, voice

SERVER = '[llm]\nuse = ["home"]\n[llm.profiles.home]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "llama3"\n'


class Decided(Prepared):
    """Somebody whose letters and rows are known beforehand; all else is answered by Enter."""

    person = True

    def __init__(self, letters: str = "", rows: Sequence[int] = ()) -> None:
        super().__init__(Console(file=io.StringIO(), width=200))
        self._letters, self._rows = iter(letters), iter(rows)

    @property
    def shown(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()

    def key(self, question: str, keys: str, default: str) -> str:
        return next(self._letters, default)

    def choose(self, question: str, rows: Sequence[tuple[str, str]], default: int) -> int:
        return next(self._rows, default)

    def way_on(self, complaint: str, remedy: str) -> WayOn:
        return "leave"


@pytest.fixture(scope="module")
def soft(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A microphone that hears the wake word three times, from far away."""
    try:
        word = say("hey jarvis", voice("flite slt")).samples
    except PackagesMissing as missing:
        pytest.skip(str(missing))
    quiet = np.zeros(RATE_HZ * 3 // 2)
    sound = np.concatenate([quiet, *(part for _ in range(3) for part in (word * 0.1, quiet))])
    sound += np.random.default_rng(0).normal(0, 3, len(sound))
    path = tmp_path_factory.mktemp("tape") / "soft.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(np.rint(sound).astype(np.int16).tobytes())
    return f"file:{path}?clock=audio"


@pytest.mark.parametrize(("letters", "taken"), [("y", True), ("n", False), ("an", False)])
def test_gain_and_threshold_are_taken_or_left_together(tmp_path: Path, soft: str, letters: str, taken: bool) -> None:
    place = tmp_path / "config.toml"
    place.write_text(f'[audio.mic]\ndevice = "{soft}"\ngain_db = 2.0\n')
    asker = Decided(letters)
    with Draft(place) as draft:
        wakeword.choose(draft, asker)
        gain_db = draft.config.audio.mic.gain_db
    assert "gain +" in asker.shown, "it was proposed to raise it"
    assert (gain_db > 10) if taken else (gain_db == 2.0)


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (Trial("hw:CARD=A", None, "in use by another program"), "in use by another program"),
        (Trial("hw:CARD=A", Levels(None, -60.0, -50.0)), "no voice was heard"),
    ],
)
def test_a_microphone_that_was_not_heard_is_taken_with_a_warning(tmp_path: Path, trial: Trial, words: str) -> None:
    asker = Decided()
    with Draft(tmp_path / "config.toml") as draft:
        microphones._take(draft, asker, trial)
        assert draft.config.audio.mic.device == "hw:CARD=A"
    assert words in asker.shown


def test_the_embedded_model_is_not_called_as_the_servers(tmp_path: Path) -> None:
    place = tmp_path / "config.toml"
    place.write_text(SERVER)
    with Draft(place) as draft:
        services._asked_language_model(draft, Decided(rows=[2]))
        home = draft.config.llm.profiles["home"]
        assert (home.kind, home.model) == ("embedded", None)
        services._asked_language_model(draft, Decided(rows=[1]))
        assert draft.config.llm.profiles["home"].kind == "openai"


class Nobody(Decided):
    def text(self, question: str, default: str, check: Check = lambda text: "") -> str:
        return "-" if question.startswith("User") else default


def test_nobody_has_no_password(tmp_path: Path) -> None:
    """Or the broker could not be tried out: a credential that is named has to be there."""
    place = tmp_path / "config.toml"
    place.write_text('[mqtt]\nusername = "anna"\npassword = "mqtt-password"\n')
    with Draft(place) as draft:
        services._asked_broker(draft, Nobody())
        assert (draft.config.mqtt.username, draft.config.mqtt.password) == (None, None)


@pytest.mark.parametrize(
    ("code", "fits"), [("en", True), ("en-GB", True), ("en-gb", False), ("en-", False), ("En", False), ("", False)]
)
def test_a_language_that_is_taken_fits_the_configuration(tmp_path: Path, code: str, fits: bool) -> None:
    assert (languages._language(code) == "") == fits
    if fits:
        with Draft(tmp_path / "config.toml") as draft:
            draft.set("persona.language", code)
            assert draft.config.persona.language == code


@pytest.mark.parametrize("url", ["http://[::1/v1", "http://a b/v1", "http://anna@home/v1", "localhost", "http:///v1"])
def test_no_address(url: str) -> None:
    assert services.OLLAMA in services._address(url)
    assert services._address("http://[::1]:11434/v1") == ""


def test_the_servers_model_is_the_default_for_the_next_time(tmp_path: Path) -> None:
    place = tmp_path / "config.toml"
    place.write_text(SERVER)
    with Draft(place) as draft:
        services._asked_language_model(draft, Decided(rows=[1]))
        assert not draft.changes
