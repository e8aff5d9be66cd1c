"""Makes the systems that `make test-deploy` boots and `make test-arm64` emulates, so that they find them made.

It takes minutes of work: `chrt --idle 0 make systems` does it beside the other tests, which mostly wait for sound. What
cannot be made is said, and left to those tests, which are skipped or fail by it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "arm64")]

from installed import Workshop  # noqa: E402
from machines import provisioned, roots  # noqa: E402
from machines.unsupported import Unsupported  # noqa: E402


def systems() -> Iterator[tuple[str, Callable[[roots.Release], object]]]:
    yield "with the service", provisioned.layers
    yield "with a desktop", provisioned.desktop_layers
    yield "on arm64", Workshop().layers


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # whatever was begun is ended in order
    for kind, make in systems():
        for release in roots.RELEASES:
            began = time.monotonic()
            try:
                make(release)
            except (Unsupported, AssertionError, OSError, subprocess.SubprocessError) as reason:  # CommandFailed is one
                print(f"{release} {kind}: {reason}", flush=True)
            else:
                print(f"{release} {kind}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
