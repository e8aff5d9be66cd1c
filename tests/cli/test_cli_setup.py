"""The first run, as somebody lives it: a terminal, a room, a voice, a broker that wants a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from terminal import Terminal

from agent import config_file, models
from agent.audio.pcm import RATE_HZ, Samples
from agent.cli.__main__ import main
from agent.fitting.levels import TARGET_DBFS
from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.visitor import VOICES, say, voice
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room
SMALL_VOICE = {"VOICE_AGENT__TTS__ENGINE": "espeak"}
SOFT_DB = -16.0  # visitors far from the microphone
PASSWORD = "correct horse"
OLD = """\
version = 1  # of the format

[audio.mic]
# the one on the shelf
buffer_ms = 700

[mqtt]
host = "old.example"  # the box in the hall
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.fixture
def env(room: Room, tmp_path: Path) -> dict[str, str]:
    """A user of this room with nothing at home but the models of this machine."""
    homes = {"HOME": "", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state"}
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    own = {name: str(tmp_path / folder) for name, folder in homes.items()}
    return {**room.env, **own, "XDG_CACHE_HOME": cache, "VOICE_AGENT_MODELS": str(models.folder())}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that knows one user."""
    if not shutil.which("mosquitto_passwd"):
        pytest.skip("mosquitto_passwd is not installed")
    folder = tmp_path_factory.mktemp("broker")
    users = folder / "users"
    users.touch()
    subprocess.run(["mosquitto_passwd", "-b", str(users), "anna", PASSWORD], check=True, capture_output=True)
    for path in (*folder.parents[:2], folder, users):
        path.chmod(path.stat().st_mode | 0o055)  # mosquitto gives up root's rights
    with Broker(settings=f"allow_anonymous false\npassword_file {users}") as broker:
        yield broker


def counting() -> Samples:
    samples: Samples = say("one two three four five six seven eight nine ten", voice("flite slt")).samples
    return samples


def through_the_room(terminal: Terminal, room: Room) -> None:
    """From the beginning to the end of the wake word, with a soft voice, all by default."""
    terminal.expect(r"Language \[en\]")
    terminal.type("")
    terminal.expect(r"Did you hear it\?")
    terminal.type("y")
    through_the_microphones(terminal, room)
    terminal.expect("Which wake word")
    terminal.type("")
    terminal.expect("0 of 3")
    for number, visitor in enumerate(VOICES[:3], 1):
        room.play(say("hey jarvis", visitor).samples, gain_db=SOFT_DB)
        terminal.expect(f"{number} of 3" if number < 3 else "heard 3 of 3 times")
    terminal.expect("Take it")
    terminal.type("")


def through_the_microphones(terminal: Terminal, room: Room) -> None:
    terminal.expect("count aloud")
    terminal.expect("leave this one out")
    room.play(counting(), gain_db=SOFT_DB)
    terminal.expect(" pulse\r")
    terminal.expect("leave this one out")
    terminal.type("")
    terminal.expect("Which one")
    terminal.type("")


def test_a_whole_first_run(room: Room, env: dict[str, str], place: Path, locked: Broker) -> None:
    place.write_text(OLD)
    place.chmod(0o640)
    with Terminal(["setup", "--config", str(place)], env) as terminal:
        through_the_room(terminal, room)
        through_the_language_model(terminal)
        terminal.expect("Connect to an MQTT broker")
        through_the_broker(terminal, locked)
        terminal.expect("Name of this device")
        terminal.type("kitchen")
        terminal.expect("what is new")
        terminal.expect(r"Write it\?")
        assert place.read_text() == OLD
        terminal.type("")
        assert terminal.ended() == 0
        text = terminal.text
    assert "configuration and models are fine" in text
    assert f"voice-agent run --config {place}" in text.replace("\r\n", "")
    assert PASSWORD not in text + place.read_text()
    as_written(place, env, locked)


def through_the_language_model(terminal: Terminal) -> None:
    """First a server that is down, then none."""
    terminal.expect("Which language model")
    terminal.type("2")
    terminal.expect("Address")
    terminal.type("localhost")
    terminal.expect("an address such as")
    terminal.type("http://127.0.0.1:9/v1")
    terminal.expect("Key")
    terminal.type("a-key-for-nothing")
    terminal.expect("Model")
    terminal.type("llama")
    terminal.expect("does the server run")
    terminal.expect("What now")
    terminal.type("2")
    terminal.expect("Which language model")
    terminal.type("1")
    terminal.expect("language model: none")


def through_the_broker(terminal: Terminal, broker: Broker) -> None:
    """First with a wrong password, then with the right one."""
    terminal.type("y")
    for secret in ("wrong", PASSWORD):
        terminal.expect("Host name")
        terminal.type(broker.host)
        terminal.expect("Port")
        terminal.type(str(broker.port))
        terminal.expect("TLS")
        terminal.type("")
        terminal.expect("User")
        terminal.type("anna")
        terminal.expect("Password")
        terminal.type(secret)
        if secret == "wrong":
            terminal.expect("(Not authorized|Bad user name)")
            terminal.expect("What now")
            terminal.type("2")
            terminal.expect("Connect to an MQTT broker")
            terminal.type("")
    terminal.expect("login: 127.0.0.1")


def as_written(place: Path, env: dict[str, str], broker: Broker) -> None:
    text = place.read_text()
    assert "# the one on the shelf" in text
    assert "# the box in the hall" in text
    assert "llm" not in text
    assert place.stat().st_mode & 0o777 == 0o640
    assert place.with_name("config.toml.bak").read_text() == OLD
    config = config_file.load(place)
    assert (config.audio.mic.device, config.audio.speaker.device) == ("default", "default")
    assert config.audio.mic.buffer_ms == 700
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.device) == (broker.host, broker.port, "kitchen")
    assert config.wake.threshold == 0.5
    assert -20 + SOFT_DB - 10 + config.audio.mic.gain_db <= TARGET_DBFS + 3
    assert 8 <= config.audio.mic.gain_db <= 24
    credential = Path(env["XDG_CONFIG_HOME"]) / "voice-agent/credentials/mqtt-password"
    assert credential.read_text() == f"{PASSWORD}\n"
    assert credential.stat().st_mode & 0o777 == 0o600
    assert config.mqtt.password == credential.name
    assert [path.name for path in credential.parent.iterdir()] == [credential.name]


def test_the_sentence_is_heard_and_ctrl_c_leaves_nothing(room: Room, env: dict[str, str], place: Path) -> None:
    """Broken off twice: at a question, and at a meter."""
    with Terminal(["setup", "--config", str(place)], env | SMALL_VOICE) as terminal:
        terminal.expect("Language")
        terminal.type("")
        since = time.monotonic()
        terminal.expect(r"Did you hear it\?")
        heard = room.record(since).agent.astype(np.int32)
        assert np.abs(heard).max() > 1000
        terminal.type("n")
        terminal.expect("playing on pulse")
        terminal.expect(r"Did you hear it\?")
        terminal.type("y")
        terminal.expect("leave this one out")
        process = psutil.Process(terminal.pid)
        children = process.children(recursive=True)
        terminal.interrupt()
        assert terminal.ended() == 130
        assert terminal.text.rstrip().endswith("Nothing was changed.")
        assert "Traceback" not in terminal.text
    assert not psutil.wait_procs(children, 5)[1]
    assert not place.exists()


def test_a_typed_secret_is_forgotten(env: dict[str, str], place: Path) -> None:
    """Nothing was heard by anybody, and then the connection to the terminal was lost."""
    answers = ["", "n", "n", "3"]
    before = set(Path("/dev/shm").glob("voice-agent-*"))
    with Terminal(["setup", "--config", str(place)], env | SMALL_VOICE) as terminal:
        terminal.expect("Language")
        terminal.type(answers[0])
        for answer in answers[1:3]:
            terminal.expect(r"Did you hear it\?")
            terminal.type(answer)
        terminal.expect("What now")
        terminal.type(answers[3])
        for _ in ("default", "pulse"):
            terminal.expect("leave this one out")
            terminal.type("")
        terminal.expect("What now")
        terminal.type("3")
        terminal.expect("Which wake word")
        terminal.type("")
        terminal.expect("0 of 3")
        terminal.type("q", enter=False)
        terminal.expect("What now")
        terminal.type("3")
        terminal.expect("Which language model")
        terminal.type("2")
        terminal.expect("Address")
        terminal.type("http://127.0.0.1:9/v1")
        terminal.expect("Key")
        terminal.type("a-key")
        terminal.expect("Model")
        (folder,) = set(Path("/dev/shm").glob("voice-agent-*")) - before
        assert folder.stat().st_mode & 0o777 == 0o700
        terminal.hang_up()
        assert terminal.ended() == 130
    assert not folder.exists()
    assert not place.exists()


def test_a_television_is_named_where_the_wake_word_is_to_be_said(env: dict[str, str], place: Path) -> None:
    """The microphone is a recording of one, heard faster than it was made."""
    talk = counting()
    talk = np.resize(talk[np.abs(talk) > 200], 90 * RATE_HZ)
    with wave.open(str(tape := place.with_name("television.wav")), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(talk.astype(np.int16).tobytes())
    place.write_text(f'[audio.mic]\ndevice = "file:{tape}?clock=audio"\n')
    with Terminal(["setup", "--config", str(place)], env | SMALL_VOICE) as terminal:
        terminal.expect("Language")
        terminal.type("")
        terminal.expect(r"Did you hear it\?")
        terminal.type("y")
        terminal.expect("count aloud")
        for device in ("default", "pulse"):
            terminal.expect(f" {device}\r")
            terminal.expect("leave this one out")
            terminal.type("")
        terminal.expect("Which one")
        terminal.type("1")
        terminal.expect("Which wake word")
        terminal.type("")
        terminal.expect(r"talks without a pause \(a television")
        terminal.expect("turn it off")
        terminal.expect("What now")
        terminal.interrupt()
        assert terminal.ended() == 130


def test_the_service_runs(room: Room, env: dict[str, str], place: Path, broker: Broker) -> None:
    """It may hold the devices: that is said before anything is tried."""
    runtime = place.with_name("run")
    runtime.mkdir()
    env["RUNTIME_DIRECTORY"] = str(runtime)
    settings = {"tts.engine": "espeak", "mqtt.device": "setup", "mqtt.host": broker.host, "mqtt.port": broker.port}
    watcher = Watcher(broker.host, broker.port, "voice-agent/setup")
    watcher.start()
    try:
        with Resident(settings, env) as agent:
            agent.wait_online(watcher, 30)
            with Terminal(["setup", "--config", str(place)], env) as terminal:
                terminal.expect(rf"is running \(process {agent.pid}\)")
                terminal.expect("Go on all the same")
                terminal.type("")
                assert terminal.ended() == 75
                assert "systemctl stop voice-agent" in terminal.text
    finally:
        watcher.stop()
    assert not place.exists()


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program without a terminal, in the room: its exit code, and all it says."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["setup", *arguments])
        said = capsys.readouterr()
        return code, " ".join(f"{said.out} {said.err}".split())

    return run


def test_answers_in_a_file(run: Run, place: Path, broker: Broker) -> None:
    answers = place.with_name("answers.toml")
    answers.write_text(f'mqtt.host = "{broker.host}"\nmqtt.port = {broker.port}\npersona.name = "Friday"\n')
    code, said = run("--answers", str(answers), "--config", str(place))
    assert code == 0, said
    config = config_file.load(place)
    assert (config.mqtt.port, config.persona.name) == (broker.port, "Friday")
    code, said = run("--yes", "--config", str(place))
    assert code == 0, said
    assert "stays as it is" in said


@pytest.mark.parametrize(
    ("answer", "code", "sentence"),
    [
        ("mqtt.port = 9", 75, "does the broker run"),
        ('audio.mic.device = "plughw:CARD=None"', 75, "no microphone"),
        ("mqtt.prot = 9", 78, 'did you mean "port"'),
        ("mqtt.port = ", 2, "is not TOML"),
    ],
)
def test_wrong_answers_write_nothing(run: Run, place: Path, answer: str, code: int, sentence: str) -> None:
    answers = place.with_name("answers.toml")
    answers.write_text(f"{answer}\n")
    ended, said = run("--answers", str(answers), "--config", str(place))
    assert ended == code, said
    assert sentence in said
    assert not place.exists()


def test_without_a_terminal(run: Run) -> None:
    code, said = run()
    assert code == 2
    assert "--answers" in said
