"""From a command to silence: the agent speaks, `stop` is published, and the room tells when the last sound was.

`agent.lab.flood` makes it harder.
"""

from __future__ import annotations

import time

import numpy as np

from agent.audio.pcm import RATE_HZ
from agent.lab.resident import Resident, ResidentFailed
from agent.lab.room import Room
from agent.lab.theatre import Visitors
from agent.lab.watch import Watcher

LONG = "One two three four five six seven eight nine ten. " * 30
LOUD = 200  # of 32,767; what the room hears of silence is zeros
AFTER_S = 1.5
ATTEMPTS = 10
ANSWERS = 30
WAIT_S = 10.0


def speaking(room: Room, agent: Resident, watcher: Watcher) -> None:
    """Let it speak, audibly. After a flood its rate limit may take no command for a moment. Raises ResidentFailed."""
    for _ in range(ATTEMPTS):
        mark, began = watcher.mark(), time.monotonic()
        watcher.publish("cmd/say", {"text": LONG})
        if watcher.wait(lambda n: (n.topic, n.data) == ("state", "speaking"), 1.0, mark, agent.check):
            break
    else:
        raise ResidentFailed(f"it does not speak\n{agent.tail()}")
    if not Visitors(room).hear_answer(began, 0.5):
        raise ResidentFailed(f"nothing came out of the speaker\n{agent.tail()}")


def answering(agent: Resident, watcher: Watcher) -> None:
    """Until it answers (again): what stood before us in the queue is done. Raises ResidentFailed."""
    for number in range(ANSWERS):
        if _answers(f"answer {number}", agent, watcher):
            return
    raise ResidentFailed(f"it does not answer\n{agent.tail()}")


def _answers(id: str, agent: Resident, watcher: Watcher) -> bool:
    mark = watcher.mark()
    watcher.publish("cmd/nonsense", {"id": id})
    return watcher.wait(lambda n: n.topic == "result" and n.data["id"] == id, 1.0, mark, agent.check) is not None


def hush(room: Room, agent: Resident, watcher: Watcher) -> float:
    """Publish `stop`; ms until the last sound was in the air. It is idle afterwards. Raises ResidentFailed."""
    mark, asked = watcher.mark(), time.monotonic()
    watcher.publish("cmd/stop")
    if watcher.wait(lambda n: (n.topic, n.data) == ("state", "idle"), WAIT_S, mark, agent.check) is None:
        raise ResidentFailed(f"the stop did not arrive\n{agent.tail()}")
    room.wait_heard(asked + AFTER_S, WAIT_S)
    heard = np.flatnonzero(np.abs(room.record(asked, asked + AFTER_S).agent.astype(np.int32)) > LOUD)
    return float(heard[-1] + 1) / RATE_HZ * 1000 if len(heard) else 0.0
