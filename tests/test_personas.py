"""Personas in the configuration: what they are made of, what is wrong with them, and which engines they get."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import config_file, engines, personas
from agent.choices import options
from agent.config import Config, OtherPersona
from agent.config_file import ConfigError
from agent.models import ModelMissing

WORDS = 'wake.words = [{model = "hey_jarvis"}, {model = "alexa"}]\n'
HOME = {"base_url": "http://localhost:11434/v1"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models, none of which is ever loaded."""
    monkeypatch.setenv("VOICE_AGENT_MODELS", str(tmp_path))
    for name in ("en_US-joe-medium", "de_DE-thorsten-medium"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.onnx").touch()
    for name in ("vosk-small-en-us", "vosk-small-de", "vosk-small-ko"):
        (tmp_path / name).mkdir()
    return tmp_path


def with_persona(document: Mapping[str, Any] = {}, **persona: Any) -> Config:
    """The configuration of one persona beside [persona]."""
    return personas.configurations(Config(**document, personas={"x": persona}))["x"]


def load(folder: Path, text: str) -> Config:
    file = folder / "config.toml"
    file.write_text(text)
    return config_file.load(file)


def test_what_is_not_set_is_as_in_persona() -> None:
    base: dict[str, Any] = {
        "persona": {"name": "Ada", "language": "de", "prompt": "Kurz."},
        "asr": {"engine": "vosk", "grammar": ["licht an"], "load": "first_use"},
        "tts": {"voice": "de_DE-thorsten-medium", "rate": 1.2},
        "llm": {"use": ["home"], "profiles": {"home": HOME}},
    }
    config = Config(**base, personas={"x": {}})
    assert personas.configurations(config)["x"] == config
    assert personas.configurations(config)[""] is config


def test_everything_can_be_the_personas_own() -> None:
    base: dict[str, Any] = {"llm": {"use": ["home"], "profiles": {"home": HOME, "cloud": HOME}}}
    own = with_persona(base, name="Nari", prompt="Short.", language="ko", voice="grandma", llm=["cloud", "home"])
    assert (own.persona.name, own.persona.prompt, own.persona.language) == ("Nari", "Short.", "ko")
    assert (own.tts.engine, own.tts.voice) == ("piper", "grandma")
    assert own.llm.use == ("cloud", "home")
    assert with_persona(base, llm=[]).llm.use == ()


@pytest.mark.parametrize(
    ("voice", "engine", "name"), [("espeak-ng", "espeak", None), ("espeak-ng:en-us+f3", "espeak", "en-us+f3")]
)
def test_espeak_ng_is_a_voice_by_name(voice: str, engine: str, name: str | None) -> None:
    own = with_persona({"tts": {"engine": "piper", "voice": "en_US-joe-medium"}}, voice=voice)
    assert (own.tts.engine, own.tts.voice) == (engine, name)


def test_another_language_takes_nothing_over_that_is_a_matter_of_language() -> None:
    base: dict[str, Any] = {
        "asr": {"engine": "moonshine", "model": "moonshine-tiny-en", "load": "first_use"},
        "tts": {"engine": "piper", "voice": "/my/english.onnx", "rate": 1.2},
    }
    own = with_persona(base, language="ko")
    assert (own.asr.engine, own.asr.model, own.asr.load) == ("auto", None, "first_use")
    assert (own.tts.engine, own.tts.voice, own.tts.rate) == ("auto", None, 1.2)
    grammar: dict[str, Any] = {"asr": {"engine": "vosk", "grammar": ["lights on"]}}
    assert with_persona(grammar, language="ko").asr.grammar == ()
    assert with_persona(grammar, language="ko", grammar=["불 켜"]).asr.grammar == ("불 켜",)
    assert with_persona(grammar, language="en-GB").asr.grammar == ("lights on",)
    assert with_persona(grammar, grammar=[]).asr.grammar == ()
    small: dict[str, Any] = {"tts": {"engine": "espeak", "voice": "en-us"}}
    assert with_persona(small, language="ko").tts.engine == "espeak"
    assert with_persona(small, language="ko").tts.voice is None


def test_a_persona_goes_along_where_the_language_changes(folder: Path) -> None:
    config = Config(persona={"language": "de"}, personas={"x": {"voice": "en_US-joe-medium"}})
    assert engines.choose(config).of("x").tts.model == folder / "de_DE-thorsten-medium/de_DE-thorsten-medium.onnx"
    insisted = Config(persona={"language": "de"}, personas={"x": {"voice": "en_US-joe-medium", "language": "de"}})
    assert engines.choose(insisted).of("x").tts.model == folder / "en_US-joe-medium/en_US-joe-medium.onnx"


@pytest.mark.parametrize(
    ("text", "key", "line", "reason"),
    [
        ('[personas.x]\nwake = "alexia"', "personas.x.wake", 3, 'did you mean "alexa"?'),
        ('[personas.x]\nwake = "computer"', "personas.x.wake", 3, 'add { model = "computer" } to wake.words'),
        (
            '[personas.x]\nwake = "alexa"\n[personas.y]\nwake = "alexa"',
            "personas.y.wake",
            5,
            '"alexa" is the wake word of [personas.x] already',
        ),
        ('[personas.x]\nllm = ["home"]', "personas.x.llm", 3, "there is no [llm.profiles.home]"),
        ('[personas.x]\n[persona]\nuse = "y"', "persona.use", 4, "add [personas.y]"),
        ('[personas.default]\nname = "x"', "personas.default", 2, 'not "default"'),
        ('[personas."a b"]\nname = "x"', "personas.a b", 2, "letters"),
        ('[personas.x]\nwakes = "alexa"', "personas.x.wakes", 3, 'did you mean "wake"?'),
        ('[personas.x]\nlanguage = "korean"', "personas.x.language", 3, "pattern"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_its_line_and_a_remedy(
    folder: Path, text: str, key: str, line: int, reason: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(folder, WORDS + text)
    (problem,) = raised.value.problems
    assert problem.key == key
    assert reason in problem.message
    assert problem.where.endswith(f"line {line}")


def test_all_that_is_wrong_is_told_at_once(folder: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(folder, WORDS + '[persona]\nuse = "y"\n[personas.x]\nwake = "o"\nllm = ["z"]')
    assert [problem.key for problem in raised.value.problems] == ["persona.use", "personas.x.wake", "personas.x.llm"]


def test_variables_configure_a_persona(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("VOICE_AGENT__PERSONAS__X__WAKE", "alexa")
    assert load(folder, WORDS).personas == {"x": OtherPersona(wake="alexa")}


def test_a_language_without_recogniser_or_voice_is_named_with_the_remedy(folder: Path) -> None:
    config = Config(
        tts={"engine": "piper"},
        personas={"x": {"language": "fr"}, "y": {"voice": "nobody"}, "z": {"language": "ko", "voice": "grandpa"}},
    )
    with pytest.raises(ModelMissing) as raised:
        engines.choose(config)
    first, second, third = str(raised.value).splitlines()
    assert first.startswith("personas.x.language: ")
    assert "voice-agent models install vosk-small-fr" in first
    assert second.startswith("personas.y.voice: ")
    assert third.startswith("personas.z.voice: ")


def test_what_two_personas_share_is_told_once(folder: Path) -> None:
    config = Config(asr={"engine": "vosk", "model": "vosk-nowhere"}, personas={"x": {}, "y": {"voice": "espeak-ng"}})
    with pytest.raises(ModelMissing) as raised:
        engines.choose(config)
    assert len(str(raised.value).splitlines()) == 1


def test_every_persona_has_its_engines_and_all_models_are_verified(folder: Path) -> None:
    config = Config(personas={"nari": {"language": "ko"}, "butler": {"language": "de"}, "same": {}})
    chosen = engines.choose(config)
    assert chosen.of("nari").asr == engines.AsrChoice("vosk", folder / "vosk-small-ko")
    assert chosen.of("nari").tts == engines.TtsChoice("espeak", None)
    assert chosen.of("butler").tts.model == folder / "de_DE-thorsten-medium/de_DE-thorsten-medium.onnx"
    assert chosen.of("same") == chosen.of("") == chosen.of("gone")
    names = [path.name for path in chosen.models()]
    assert len(names) == len(set(names))
    assert {"vosk-small-ko", "vosk-small-de", "de_DE-thorsten-medium.onnx"} < set(names)


def test_one_can_choose_between_personas_where_there_are_some() -> None:
    assert options(Config())["persona"] == ()
    assert options(Config(personas={"nari": {}, "butler": {}}))["persona"] == ("default", "nari", "butler")


def test_the_page_for_owners_shows_what_can_be_loaded(folder: Path) -> None:
    page = (Path(__file__).parents[1] / "docs/personas.md").read_text(encoding="utf-8")
    example = page.partition("```toml")[2].partition("```")[0]
    config = load(folder, example)
    assert list(config.personas) == ["nari", "butler"]
    assert engines.choose(config).of("nari").asr.model == folder / "vosk-small-ko"
