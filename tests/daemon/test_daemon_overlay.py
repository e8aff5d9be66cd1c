"""Settings laid over a configuration: what they become, and what is left of those that make no sense any more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import config_file, engines, models
from agent.config import Config
from agent.daemon.overlay import held, in_force, kept_in, overlaid, sifted, value_of
from agent.dialogue.state import Held
from agent.requests import Value
from agent.settings import SETTINGS, Unfit

HOME = {"base_url": "http://localhost:11434/v1"}


class File:
    """A configuration file, and a folder of models."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.models.mkdir()
        self.path = folder / "config.toml"
        self.path.write_text("version = 1\n")

    def write(self, text: str) -> None:
        self.path.write_text(f"version = 1\n{text}")

    def load(self, settings: Mapping[str, object]) -> Config:
        return config_file.load(self.path, {}, settings)

    def install(self, *names: str) -> None:
        for name in names:
            (self.models / name).mkdir()
            (self.models / name / f"{name}.onnx").touch()
            (self.models / name / f"{name}.onnx.json").touch()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    file = File(tmp_path)
    monkeypatch.setenv("VOICE_AGENT_MODELS", str(file.models))
    return file


def choose(config: Config) -> None:
    engines.choose(config)


def test_every_setting_that_is_not_live_stands_for_a_key() -> None:
    values = {name: value_of(Config(), name) for name, each in SETTINGS.items() if not each.live and name != "persona"}
    assert values == {
        "night_volume": 30, "follow_up": False, "barge_in": True, "wake_threshold": 0.5, "silence": 700,
        "wake_word": "hey_jarvis", "voice": values["voice"], "llm_profile": None, "language": "en",
    }  # fmt: skip


def test_simple_settings_are_one_key_each(file: File) -> None:
    config = overlaid(file.load, {"silence": 900, "follow_up": True, "night_volume": 5})
    assert (config.endpoint.silence_ms, config.conversation.follow_up, config.room.night_volume_percent) == (
        900,
        True,
        5,
    )


def test_a_threshold_wins_over_those_of_single_words(file: File) -> None:
    file.write('wake.words = [{model = "hey_jarvis", threshold = 0.8}, {model = "alexa"}]')
    config = overlaid(file.load, {"wake_threshold": 0.3})
    assert [choice.threshold for choice in engines.choose(config).wake] == [0.3, 0.3]
    assert value_of(config, "wake_threshold") == 0.3
    assert value_of(file.load({}), "wake_threshold") == 0.8


def test_the_threshold_of_a_microwakeword_model_is_not_the_sections(file: File) -> None:
    file.write('wake = {engine = "microwakeword"}')
    assert value_of(file.load({}), "wake_threshold") is None
    assert value_of(overlaid(file.load, {"wake_threshold": 0.3}), "wake_threshold") == 0.3


def test_a_wake_word_takes_the_place_of_the_first(file: File) -> None:
    file.write('wake.words = [{model = "hey_jarvis", threshold = 0.8}, {model = "alexa", threshold = 0.6}]')
    words = overlaid(file.load, {"wake_word": "hey_mycroft"}).wake.words
    assert [(word.model, word.threshold) for word in words] == [("hey_mycroft", None), ("alexa", 0.6)]
    assert [word.model for word in overlaid(file.load, {"wake_word": "alexa"}).wake.words] == ["alexa"]


def test_a_profile_comes_first_and_the_others_behind_it(file: File) -> None:
    profiles = "\n".join(f'[llm.profiles.{name}]\nbase_url = "{HOME["base_url"]}"' for name in ("a", "b", "c"))
    file.write(f'llm.use = ["a", "b"]\n{profiles}')
    assert overlaid(file.load, {"llm_profile": "b"}).llm.use == ("b", "a")
    assert overlaid(file.load, {"llm_profile": "c"}).llm.use == ("c", "a", "b")
    with pytest.raises(Unfit, match="llm_profile: there is no such choice; there are a, b, c"):
        overlaid(file.load, {"llm_profile": "c2"})


def test_a_language_sets_aside_what_does_not_speak_it(file: File) -> None:
    file.install("en_US-joe-medium", "en_US-lessac-medium", "de_DE-thorsten-medium")
    (file.models / "vosk-small-de").mkdir()
    file.write('tts = {engine = "piper", voice = "en_US-joe-medium"}\nasr = {model = "moonshine-tiny-en"}')
    kept = {"voice": "en_US-lessac-medium", "language": "de"}
    config = overlaid(file.load, kept)
    assert (config.persona.language, config.tts.voice, config.asr.model) == ("de", None, None)
    assert in_force(config, kept) == ("language",)
    assert value_of(config, "voice") == "de_DE-thorsten-medium"
    assert overlaid(file.load, {"voice": "en_US-lessac-medium"}).tts.voice == "en_US-lessac-medium", "it was not lost"
    with pytest.raises(Unfit, match="voice: it does not speak"):
        overlaid(file.load, kept, wished="voice")


def test_a_choice_there_is_not_is_refused_with_those_there_are(file: File) -> None:
    file.install("en_US-joe-medium", "de_DE-thorsten-medium")
    with pytest.raises(Unfit, match='there are en_US-joe-medium; did you mean "en_US-joe-medium"'):
        overlaid(file.load, {"voice": "en_US-jo-medium"}, wished="voice")
    with pytest.raises(Unfit, match="does not speak the language"):
        overlaid(file.load, {"voice": "de_DE-thorsten-medium"}, wished="voice")
    with pytest.raises(Unfit, match="language: there is no such choice; there are en"):
        overlaid(file.load, {"language": "no language"}, wished="language")


def test_the_file_may_change_under_a_setting(file: File) -> None:
    file.write("endpoint.silence_ms = 700")
    assert overlaid(file.load, {"silence": 900}).endpoint.silence_ms == 900
    assert overlaid(file.load, {}).endpoint.silence_ms == 700


def test_what_makes_no_sense_any_more_is_left_out_and_the_rest_counts(file: File) -> None:
    file.install("en_US-joe-medium")
    kept: dict[str, Value] = {"silence": 900, "voice": "gone", "llm_profile": "gone", "language": "fr"}
    laid = sifted(file.load, kept, choose)
    assert laid.kept == {"silence": 900}
    assert set(laid.dropped) == {"voice", "llm_profile", "language"}
    assert all(laid.dropped.values())
    assert (laid.config.endpoint.silence_ms, laid.config.persona.language) == (900, "en")


def test_a_damaged_model_is_no_reason_not_to_start(file: File) -> None:
    file.install("en_US-joe-medium", "en_US-lessac-medium")
    (file.models / "en_US-lessac-medium" / "manifest.json").write_text('{"files": {"en_US-lessac-medium.onnx": "0"}}')

    def verify(config: Config) -> None:
        for path in engines.choose(config).models():
            models.verify(path)

    laid = sifted(file.load, {"voice": "en_US-lessac-medium"}, verify)
    assert (laid.kept, laid.config.tts.voice) == ({}, None)
    assert "damaged" in laid.dropped["voice"]


def test_a_file_that_is_wrong_is_not_the_settings_fault(file: File) -> None:
    file.write("endpoint.silence_ms = 1")
    with pytest.raises(config_file.ConfigError, match=r"line 2: endpoint\.silence_ms"):
        sifted(file.load, {"follow_up": True}, choose)


@pytest.mark.parametrize("stored", ["x", True, None, [1], 1e9, {}])
def test_a_stored_value_of_another_kind_is_as_good_as_none(stored: Any) -> None:
    assert kept_in({"silence": stored, "follow_up": "yes", "volume": 3, "unheard of": 1, "barge_in": False}) == {
        "barge_in": False
    }


def test_what_is_held_tells_what_somebody_has_set() -> None:
    shown = held(Config(), {"silence"})
    assert shown["silence"] == Held(700, changed=True)
    assert shown["barge_in"] == Held(True, changed=False)
    assert not {"volume", "mute", "do_not_disturb"} & set(shown)


PERSONAS = """
wake.words = [{model = "alexa"}, {model = "hey_jarvis"}, {model = "hey_mycroft"}]
[personas.nari]
wake = "alexa"
voice = "en_US-joe-medium"
"""


def test_who_answers_is_a_setting(file: File) -> None:
    file.write(PERSONAS)
    config = overlaid(file.load, {"persona": "nari"}, "persona")
    assert (config.persona.use, value_of(config, "persona")) == ("nari", "nari")
    assert value_of(overlaid(file.load, {"persona": "default"}), "persona") == "default"
    with pytest.raises(Unfit, match='did you mean "nari"'):
        overlaid(file.load, {"persona": "nary"})
    file.write("")
    assert value_of(file.load({}), "persona") == "default"
    with pytest.raises(Unfit, match="nothing to choose from"):
        overlaid(file.load, {"persona": "nari"})


def test_a_persona_that_is_gone_is_left_out_and_comes_back_with_it(file: File) -> None:
    file.install("en_US-joe-medium")
    file.write("")
    laid = sifted(file.load, {"persona": "nari", "silence": 900}, lambda config: None)
    assert (dict(laid.kept), list(laid.dropped)) == ({"silence": 900}, ["persona"])
    file.write(PERSONAS)
    assert sifted(file.load, {"persona": "nari"}, lambda config: None).config.persona.use == "nari"


def test_a_chosen_wake_word_takes_no_personas_word_away(file: File) -> None:
    file.write(PERSONAS)
    assert value_of(file.load({}), "wake_word") == "hey_jarvis"
    config = overlaid(file.load, {"wake_word": "hey_marvin"})
    assert [word.model for word in config.wake.words] == ["alexa", "hey_marvin", "hey_mycroft"]
    assert value_of(config, "wake_word") == "hey_marvin"
    config = overlaid(file.load, {"wake_word": "hey_mycroft"})
    assert [word.model for word in config.wake.words] == ["alexa", "hey_mycroft"]


def test_a_word_that_belongs_to_a_persona_may_be_the_only_one(file: File) -> None:
    file.write(PERSONAS)
    config = overlaid(file.load, {"wake_word": "alexa"})
    assert [word.model for word in config.wake.words] == ["alexa", "hey_mycroft"]
