"""What may be configured of a server on a bigger machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from agent import personas
from agent.config import AsrSection, Config, OtherPersona, Persona, Tts
from agent.engines import AsrChoice, recogniser
from agent.hearing.recogniser import child_spec
from agent.speaking.voices import speakers, voices

ASR, TTS = "tcp://big.local:10300", "tcp://[fd00::1]:10200"


@pytest.mark.parametrize(
    "uri",
    [
        "big.local:10300",
        "http://big:10300",
        "tcp://big",
        "tcp://:10300",
        "tcp://big:99999",
        "tcp://me:secret@big:1",
        "tcp://big:1/x",
        "",
    ],
)
def test_an_address_is_a_host_and_a_port(uri: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AsrSection(wyoming=uri)
    assert "secret" not in str(refused.value.errors()[0]["msg"])


@pytest.mark.parametrize("section", [AsrSection, Tts])
def test_the_engine_is_the_one_on_this_device(section: type[AsrSection | Tts]) -> None:
    with pytest.raises(ValidationError, match=r'set wyoming = "tcp://host:10[23]00" for the server'):
        section(engine="wyoming")  # type: ignore[arg-type]


def test_what_does_not_go_together() -> None:
    with pytest.raises(ValidationError, match="take out grammar or wyoming"):
        AsrSection(wyoming=ASR, grammar=("light on",))
    with pytest.raises(ValidationError, match="wyoming_voice needs wyoming"):
        Tts(wyoming_voice="joe")


def test_the_recogniser_asks_the_server_and_has_its_own_engine() -> None:
    config = Config(asr=AsrSection(wyoming=ASR, engine="moonshine"), persona=Persona(language="en-GB"))
    choice = recogniser(config.asr, "en-GB")
    assert choice.engine == "moonshine"
    arguments = child_spec(choice, config).args
    assert arguments[-6:] == ("--wyoming", ASR, "--wait-ms", "2000", "--language", "en")
    assert "--wyoming" not in child_spec(choice, Config()).args


def test_a_persona_with_a_grammar_is_heard_on_this_device() -> None:
    config = Config(asr=AsrSection(wyoming=ASR), personas={"x": OtherPersona(grammar=("light on",))})
    own = personas.configurations(config)["x"]
    assert "--wyoming" not in child_spec(AsrChoice("vosk", Path("model")), own).args


def test_the_server_speaks_before_the_voices_of_this_device() -> None:
    specs = voices(Config(tts=Tts(wyoming=TTS, wyoming_voice="joe", engine="espeak")))
    assert [spec.engine for spec in specs] == ["wyoming", "espeak"]
    assert specs[0].child.args == ("wyoming", TTS, "--name", "joe", "--language", "en")


def test_who_of_several_personas_the_server_speaks_for() -> None:
    others = {
        "butler": OtherPersona(wake="alexa", voice="espeak-ng:en-gb"),
        "nari": OtherPersona(wake="hey_mycroft", language="ko"),
        "twin": OtherPersona(wake="hey_rhasspy"),
    }
    config = Config(tts=Tts(wyoming=TTS, wyoming_voice="joe", engine="espeak"), personas=others)
    of = speakers(config)
    assert of["butler"].specs[0].voice == "en-gb"
    assert of["nari"].specs[0].voice == "ko"
    assert of["twin"].specs[0] == of[""].specs[0]
