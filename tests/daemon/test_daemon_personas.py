"""Two personas in one device, with real sound: each behind its wake word, with ears, language and voice of its own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from living import PARTS, VISITOR, WAIT_S, Life, kill, loudest, now, unwanted
from sick_llm import SickLlm, answer

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import KOREAN, say
from agent.lab.watch import Watcher
from agent.models import installed

pytestmark = pytest.mark.room

DEVICE = "personas"
TIME = "지금 몇 시"
GREETING = "Good morning to you, and to the whole house."
LOUD = 1000


def children(life: Life) -> list[str]:
    """What engines run as processes: "asr moonshine", "tts piper" …"""
    found = []
    for child in psutil.Process(life.agent.pid).children():
        command = child.cmdline()
        if "agent.hearing.asr_child" in command:
            found.append(f"asr {command[command.index('--engine') + 1]}")
        if "agent.speaking.tts_child" in command:
            found.append(f"tts {command[command.index('agent.speaking.tts_child') + 1]}")
    return sorted(found)


def memory_mb(life: Life) -> float:
    """PSS of recognisers and voices."""
    tree = (child for child in psutil.Process(life.agent.pid).children() if "_child" in " ".join(child.cmdline()))
    return sum(child.memory_full_info().pss for child in tree) / 1e6


@pytest.fixture(scope="module")
def korean() -> Path:
    if (model := installed("vosk-small-ko", "asr-vosk")) is None:
        pytest.skip("needs the model: `voice-agent models install vosk-small-ko`")
    return model


@pytest.fixture(scope="module")
def llms() -> Iterator[Mapping[str, SickLlm]]:
    with SickLlm(answer(GREETING)) as first, SickLlm(answer(GREETING)) as second:
        yield {"first": first, "second": second}


@pytest.fixture(scope="module")
def life(
    room: Room, broker: Broker, korean: Path, llms: Mapping[str, SickLlm], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Life]:
    """Jarvis speaks English with a Piper voice, Nari Korean with espeak-ng; each has a model of its own."""
    words = {"VOICE_AGENT__WAKE__WORDS": '[{model = "hey_jarvis"}, {model = "alexa"}]'}
    profiles = {f"llm.profiles.{name}.base_url": llm.base_url for name, llm in llms.items()}
    settings: dict[str, Any] = {
        "mqtt.port": broker.port,
        "mqtt.device": DEVICE,
        "persona.prompt": "You are Jarvis.",
        "personas.nari.wake": "alexa",
        "personas.nari.name": "Nari",
        "personas.nari.language": "ko",
        "personas.nari.prompt": "You are Nari.",
        "personas.nari.grammar": [TIME, "조용히 해"],
        "personas.nari.llm": ["second"],
        "personas.twin.voice": "espeak-ng:en-gb",
        "llm.use": ["first"],
        **profiles,
    }
    with ExitStack() as stack:
        watcher = Watcher("127.0.0.1", broker.port, f"voice-agent/{DEVICE}")
        stack.callback(watcher.stop)
        watcher.start()
        agent = stack.enter_context(Resident(settings, {**room.env, **words}, tmp_path_factory.mktemp("state")))
        agent.wait_online(watcher, WAIT_S)
        agent.wait_parts(watcher, (*PARTS, "mqtt"), 2 * WAIT_S)
        yield Life(room, watcher, agent)
        assert unwanted(agent.log) == []


def turn(life: Life) -> Any:
    receipt = life.wait("turn")
    assert receipt["outcome"] == "answered", f"{receipt}\n{life.agent.tail()}"
    return receipt


def spectrum(life: Life, since: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of what came out of the speaker, at unit length: two voices that say the same differ in it."""
    sound = life.room.record(since).agent.astype(np.float64)
    loud = sound[np.flatnonzero(np.abs(sound) > LOUD)[0] :][: 16_000 * 3]
    bins = np.abs(np.fft.rfft(loud, 16_000 * 3))[:12_000].reshape(-1, 150).sum(axis=1)
    return bins / np.linalg.norm(bins)


def test_each_answers_to_its_own_word_in_its_own_language_and_voice(life: Life, record_property: Any) -> None:
    assert children(life) == ["asr moonshine", "tts piper"], "nothing is loaded for whom nobody has spoken to"
    record_property("one_mb", round(memory_mb(life)))
    jarvis = life.whole_turn()
    assert jarvis["persona"] == "default"
    assert jarvis["reply"].startswith("It's ")
    assert life.wait("event/wake")["persona"] == "default"
    assert children(life) == ["asr moonshine", "tts piper"]

    for first_time in (True, False):
        life.begin()
        since = time.monotonic()
        life.room.play(say("alexa", VISITOR).then(say(TIME, KOREAN), 0.6).samples)
        nari = turn(life)
        assert life.wait("event/wake")["persona"] == "nari"
        assert life.wait("event/intent") | {"name": "time", "persona": "nari"} == life.wait("event/intent")
        assert (nari["persona"], nari["word"], nari["transcript"]) == ("nari", "alexa", TIME)
        assert nari["reply"].startswith("지금은 오")
        assert nari["heard"] == nari["reply"]
        assert nari["engines"]["asr"] == "vosk:vosk-small-ko"
        assert nari["engines"]["tts"] == "espeak:ko"
        assert loudest(life.room, since) > LOUD
        assert children(life) == ["asr moonshine", "asr vosk", "tts espeak", "tts piper"]
        record_property("first_ms" if first_time else "next_ms", nari["ttfa_ms"])
    record_property("two_mb", round(memory_mb(life)))
    assert life.whole_turn()["persona"] == "default", "and nobody has forgotten English"


def test_a_command_names_whom_it_is_for_and_each_has_a_model_a_prompt_and_a_voice_of_its_own(
    life: Life, llms: Mapping[str, SickLlm]
) -> None:
    sounds = {}
    for number, name in enumerate(("default", "twin", "nari", "nari")):
        life.begin()
        since = time.monotonic()
        life.command("ask", id=str(number), text=f"good morning {name}", persona=name)
        result = life.wait("result", lambda data, number=number: data["id"] == str(number))
        assert result["ok"], result
        assert turn(life)["persona"] == name
        life.room.wait_heard(time.monotonic())
        sounds[name] = spectrum(life, since)
    told = {name: [seen.body["messages"] for seen in llm.requests] for name, llm in llms.items()}
    prompts = {name: [messages[0]["content"] for messages in asked] for name, asked in told.items()}
    assert prompts == {"first": ["You are Jarvis."] * 2, "second": ["You are Nari."] * 2}
    assert [message["content"] for message in told["second"][1][-3:]] == [
        "good morning nari",
        GREETING,
        "good morning nari",
    ]
    assert "default" not in str(told["second"]), "what was said to Jarvis is his"
    likeness = {name: float(sounds["default"] @ sounds[name]) for name in ("twin", "nari")}
    assert max(likeness.values()) < 0.9, likeness
    again = time.monotonic()
    life.begin()
    life.command("say", id="again", text=GREETING)
    life.wait("result", lambda data: data["id"] == "again")
    life.room.wait_heard(time.monotonic())
    assert float(sounds["default"] @ spectrum(life, again)) > max(likeness.values()) + 0.03, "the same voice is alike"


def test_who_answers_otherwise_is_a_setting_that_changes_at_once(life: Life) -> None:
    before = psutil.Process(life.agent.pid).children()
    life.begin()
    life.command("setting/persona", id="use", value="twin")
    assert life.wait("result", lambda data: data["id"] == "use")["ok"]
    assert life.wait("setting/persona")["value"] == "twin"
    assert psutil.Process(life.agent.pid).children() == before, "no room was replaced for it"
    assert life.whole_turn()["persona"] == "twin"
    life.begin()
    life.command("setting/persona", id="nobody", value="nobody")
    refusal = life.wait("result", lambda data: data["id"] == "nobody")
    assert (refusal["ok"], "there are default, nari, twin" in refusal["error"]["message"]) == (False, True)
    life.command("ask", id="x", text="why", persona="nobody")
    assert life.wait("result", lambda data: data["id"] == "x")["error"]["code"] == "unknown_persona"


def test_a_persona_that_comes_by_a_reload_is_there_and_one_that_goes_leaves_the_memory(life: Life) -> None:
    life.begin()
    since = now()
    life.agent.configure({key: None for key in ("personas.nari.language", "personas.nari.grammar")})
    kill(psutil.Process(life.agent.pid), signal.SIGHUP)
    assert life.wait("event/reload")["ok"]
    life.wait_renewed("asr", "ok", since)
    life.begin()
    life.room.play(say("alexa", VISITOR).then(say("what time is it", VISITOR), 0.5).samples)
    english = turn(life)
    assert (english["persona"], english["reply"].startswith("It's ")) == ("nari", True)
    assert children(life).count("asr moonshine") == 1
    assert "asr vosk" not in children(life)
