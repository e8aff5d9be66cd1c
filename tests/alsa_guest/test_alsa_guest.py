"""Sound on a real kernel: the tests in `inside/`, run by pytest in a QEMU guest with snd-aloop, snd-dummy and USB.

Not in the default run: `make test-alsa`, part of nightly. What they measured is printed, with what they skipped.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from guest import Guest

INSIDE = Path(__file__).parent / "inside"
CODE = "/opt/voice-agent/code"
PYTEST = (
    f"cd {CODE}/inside && PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={CODE}/inside "
    "/opt/voice-agent/current/bin/python -m pytest -c inside.ini -p pytest_timeout -p no:cacheprovider -rA --tb=short "
)


@pytest.mark.alsa
@pytest.mark.timeout(2400)  # the first one waits for the image to be made, which takes as long as the network does
@pytest.mark.parametrize("file", sorted(file.name for file in INSIDE.glob("test_*.py")))
def test_in_the_guest(guest: Guest, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = guest.run(PYTEST + file, 1500)
    told = [line for line in done.stdout.splitlines() if line.startswith(("measured:", "PASSED", "SKIPPED"))]
    with capsys.disabled():
        sys.stdout.write("\n  ".join([f"\n{file}", *told]) + "\n")
    assert done.returncode == 0, done.stdout + done.stderr
