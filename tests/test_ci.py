"""`.ci/run`, with a Makefile whose targets are small real test runs: what was skipped stands at the end, by name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / ".ci" / "run"
MAKEFILE = f"""\
check: ; true
test-arm64: ; false
%: ; {sys.executable} -m pytest -ra -p no:cacheprovider $@.py $(ARGS)
"""
NOTHING_SKIPPED = "def test_it(): pass\n"
ONE_OF_TWO = """\
import pytest

@pytest.fixture(params=["bookworm", "trixie"])
def system(request):
    if request.param == "trixie":
        pytest.skip("no kernel - for now [6.12]")

def test_one(system): pass
def test_two(system): pass
"""
ALL = "import pytest\npytestmark = pytest.mark.skip('no root')\ndef test_it(): pass\n"


def run(folder: Path, **targets: str) -> subprocess.CompletedProcess[str]:
    """Targets by their names, "-" written "_": the tests that each runs."""
    (folder / ".ci").mkdir()
    shutil.copy(RUN, folder / ".ci")
    for name, tests in targets.items():
        (folder / f"{name.replace('_', '-')}.py").write_text(tests)
    makefile = MAKEFILE.replace("test-arm64: ; false\n", "") if "test_arm64" in targets else MAKEFILE
    (folder / "Makefile").write_text(makefile)
    return subprocess.run([folder / ".ci" / "run"], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(autouse=True)
def _needs_make() -> None:
    if not shutil.which("make"):
        pytest.skip("make is not installed")


def test_each_system_that_was_skipped_is_named_at_the_end(tmp_path: Path) -> None:
    done = run(tmp_path, test=NOTHING_SKIPPED, test_deploy=ONE_OF_TWO, test_arm64=ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    loud = done.stdout.partition("!!! NOT PROVED HERE")[2]
    assert [line.split(maxsplit=1) for line in loud.splitlines()[1:] if line[:1] == " "] == [
        ["2", "make test-deploy[trixie]: no kernel - for now [6.12]"],
        ["1", "make test-arm64: no root"],
    ]
    assert "make test-arm64 proved nothing: every test was skipped" in loud


def test_it_is_quiet_where_nothing_was_skipped_and_ends_where_something_fails(tmp_path: Path) -> None:
    done = run(tmp_path, test=NOTHING_SKIPPED, test_deploy=NOTHING_SKIPPED)
    assert "NOT PROVED" not in done.stdout
    assert done.returncode != 0, "test-arm64 has failed"


def test_a_failure_does_not_hide_behind_tee(tmp_path: Path) -> None:
    done = run(tmp_path, test="def test_it(): assert False\n", test_deploy=NOTHING_SKIPPED)
    assert done.returncode != 0
    assert "test-deploy.py" not in done.stdout, "it goes on"
