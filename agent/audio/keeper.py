"""Whoever tries a speaker out sets its hardware mixer, too. Afterwards it is as it was, even where he was killed.

The keeper is a process, `python -m agent.audio.keeper DEVICE CONTROL`: it notes the volume, says so with an empty line
on stdout, and sets it again when its stdin ends, which it does in any case. A line before that end says that nobody
changes the volume any more; without one its parent was killed, and the speaker's process, too, is only about to end.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.audio.alsa import DeviceError, mixer, set_volumes, volumes

if TYPE_CHECKING:
    from agent.config import Speaker

END_S = 5.0
KILLED_S = 1.0
TRIES, PAUSE_S = 5, 0.05

log = logging.getLogger(__name__)


@contextmanager
def volume_kept(speaker: Speaker) -> Iterator[None]:
    """Where there is a hardware mixer, its volume afterwards is that of before.

    Where the card has no such control there is nothing to keep: the speaker's process says so, as in the service.
    """
    if speaker.mixer is None:
        yield
        return
    command = [sys.executable, "-m", "agent.audio.keeper", speaker.device, speaker.mixer]
    keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert keeper.stdin
    assert keeper.stdout
    try:
        keeper.stdout.readline()
        yield
    finally:
        with suppress(BrokenPipeError):
            keeper.stdin.write(b"\n")
            keeper.stdin.close()
        keeper.stdout.close()
        try:
            keeper.wait(END_S)
        except subprocess.TimeoutExpired:
            log.warning("the volume of %s is not what it was yet", speaker.device)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the end of stdin is the sign
    device, control = sys.argv[1:]
    try:
        before = volumes(mixer(device, control))
        print(flush=True)  # noqa: T201 - the protocol
        if not sys.stdin.read():
            time.sleep(KILLED_S)
        _restore(device, control, before)
    except DeviceError as error:
        log.warning("%s", error)


def _restore(device: str, control: str, before: list[int]) -> None:
    """A sound server's mixer takes channels one by one, and may set one back to what it still believed of it."""
    for _ in range(TRIES):
        set_volumes(mixer(device, control), before)
        if volumes(mixer(device, control)) == before:
            return
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
