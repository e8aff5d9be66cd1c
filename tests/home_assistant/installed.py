"""Home Assistant in a Debian 13 system, as its own project installs it: a layer that is kept in .cache/roots.

The release and its own `package_constraints.txt` decide about every version below it. What an integration needs at run
time is read from the manifests and installed along: the machine of a test has no network to fetch it from.
"""

from __future__ import annotations

import time
from pathlib import Path

from machines import provisioned, roots
from machines.machine import Machine

VERSION = "2026.2.3"
RELEASE: roots.Release = "trixie"  # Python 3.13
FOLDER = "/opt/home-assistant"
HASS = f"{FOLDER}/bin/hass"
# Those of the configuration (core.py), those that Home Assistant sets up unasked, and two without which it cannot tell
# a browser what actions there are.
INTEGRATIONS = (
    "api", "assist_pipeline", "auth", "backup", "camera", "config", "conversation", "frontend", "http", "input_boolean",
    "logger", "mqtt", "network", "person", "stream", "template", "websocket_api", "wyoming", "zone",
)  # fmt: skip
PIP = (f"{FOLDER}/bin/pip", "--disable-pip-version-check", "--quiet")
# The pinned pymicro-vad and pyspeex-noise have no wheels for this Python; it makes announcements with ffmpeg.
DEBIAN = ("g++", "python3-dev", "ffmpeg")
INSTALL_S = 1800.0
RECIPE = "1"  # changes where the same parts are put together in another way
# Arguments: the wheel, then integrations. Writes constraints.txt, prints what they and all that they depend on need.
NEEDS = """
import json, sys, zipfile
wheel, *wanted = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    with open("constraints.txt", "wb") as file:
        file.write(archive.read("homeassistant/package_constraints.txt"))
    known, needs = set(), set()
    while wanted:
        name = wanted.pop()
        if name not in known:
            known.add(name)
            manifest = json.loads(archive.read(f"homeassistant/components/{name}/manifest.json"))
            needs.update(manifest.get("requirements", ()))
            wanted += manifest.get("dependencies", ())
print(*sorted(needs), sep="\\n")
"""


def layers(steps: list[tuple[str, float]]) -> tuple[Path, ...]:
    """For `Machine(RELEASE, layers(steps))`; `steps`: what took how many seconds. Raises Unsupported, CommandFailed."""
    began = time.monotonic()
    below = (roots.base(RELEASE),)
    steps.append(("bare Debian 13", time.monotonic() - began))
    began = time.monotonic()
    parts = [RECIPE, below[0].name, VERSION, *DEBIAN, *INTEGRATIONS, NEEDS]
    made = provisioned.kept(RELEASE, "home-assistant", parts, below, _install)
    steps.append((f"Home Assistant {VERSION} in it", time.monotonic() - began))
    return made


def _install(machine: Machine) -> None:
    provisioned.packages(machine, DEBIAN)
    machine.run(["python3", "-m", "venv", FOLDER])
    folder = "/root/home-assistant"
    machine.run([*PIP, "download", "--no-deps", f"--dest={folder}", f"homeassistant=={VERSION}"], timeout=INSTALL_S)
    wheel = machine.sh(f"ls {folder}/*.whl").strip()
    machine.write(f"{folder}/needs.py", NEEDS)
    machine.sh(f"cd {folder} && python3 needs.py {wheel} {' '.join(INTEGRATIONS)} > needs.txt")
    files = [f"--constraint={folder}/constraints.txt", f"--requirement={folder}/needs.txt", wheel]
    machine.run([*PIP, "install", *files], timeout=INSTALL_S)
    machine.run(["rm", "-r", folder])
