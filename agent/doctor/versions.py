"""What runs here: program, Python, kernel, ALSA, distribution, and every package that the program asks for.

People are shown the packages that make sound or sense of it; the figures hold all.
"""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Iterator

from agent import version
from agent.audio import alsa
from agent.doctor.context import Context
from agent.doctor.finding import Finding

PROGRAM = "voice-agent"
TOLD = (
    "pyalsaaudio", "onnxruntime", "openwakeword", "vosk", "moonshine-voice", "piper-tts", "paho-mqtt", "xllamacpp",
    "aiohttp", "av", "zeroconf",
)  # fmt: skip


def examine(context: Context) -> Iterator[Finding]:
    installed = _version(PROGRAM) is not None
    if not installed:
        remedy = "install the program with pip or Ansible"
        yield Finding("versions", "warning", "program", "runs out of a folder, not installed", remedy)
    system = distribution(context)
    figures: dict[str, object] = {
        "program": version(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "alsa": alsa.library_version(),
        "distribution": system,
    }
    shown = f"Python {figures['python']}, {system}, Linux {figures['kernel']}, ALSA {figures['alsa']}"
    yield Finding("versions", "ok", f"{PROGRAM} {version()}", f"{shown}, {figures['machine']}", figures=figures)
    if installed:
        yield from _packages()


def distribution(context: Context) -> str:
    """Such as "Debian GNU/Linux 12 (bookworm)". os-release(5)."""
    named = re.search(r'^PRETTY_NAME="?(.*?)"?$', context.text("/etc/os-release"), re.MULTILINE)
    point = context.text("/etc/debian_version")
    name = named[1] if named else "an unknown distribution"
    return f"{name} {point}" if re.fullmatch(r"[0-9.]+", point) else name


def _packages() -> Iterator[Finding]:
    required, optional = _wanted()
    found = {name: _version(name) for name in sorted({*required, *optional})}
    there: dict[str, str] = {name: number for name, number in found.items() if number}
    missing = [name for name in required if not found[name]]
    if missing:
        remedy = f"pip install {' '.join(missing)}"
        yield Finding("versions", "failure", "packages", f"missing: {', '.join(missing)}", remedy)
    shown = ", ".join(f"{name} {there[name]}" for name in TOLD if name in there)
    more = f"; --json has all {len(there)}"
    yield Finding("versions", "info", "packages", f"{shown}{more}", figures={"packages": there})


def _wanted() -> tuple[list[str], list[str]]:
    """Names of what the program needs, and of what its extras for a device bring."""
    required, optional = [], []
    for line in importlib.metadata.requires(PROGRAM) or ():
        name = re.split(r"[\s\[<>=!~;(]", line, maxsplit=1)[0]
        extra = re.search(r"""extra\s*==\s*["']([\w-]+)["']""", line)
        if not extra:
            required.append(name)
        elif extra[1] not in ("dev", "demo") and name != PROGRAM:
            optional.append(name)
    return required, optional


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
