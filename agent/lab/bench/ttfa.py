"""Time to first audio: from the visitor's last loud sample to the first sound of the answer, as the room heard both.

With an instant language model: `total_p50_ms total_p90_ms` of `n` questions, `overhead_p50_ms` of what is not the
silence that was waited for; `local_p50_ms` of local commands. `receipts_p50_ms`: the same by the receipts.
`speculation_saved_ms`: how much earlier than after the usual silence (`silence_ms`) the model was asked, p50.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from agent.config import Config
from agent.lab.bench.instant import InstantLlm
from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.lab.broker import Broker
from agent.lab.resident import Resident, ResidentFailed, Value
from agent.lab.room import Room
from agent.lab.script import Scene
from agent.lab.theatre import Visitors
from agent.lab.verdict import Turn, first_sound_ms
from agent.lab.visitor import voice
from agent.lab.watch import Watcher

BARS = (Bar("overhead_p50_ms", 250, 130),)
ROOT = "voice-agent/bench"
ROUNDS = 2
QUESTIONS = ("tell me a fun fact about penguins", "what is the capital of france", "why is the sky blue")
# All answers differ: one that was given before would come out of the voice's cache.
COMMANDS = tuple(f"set the volume to {number} percent" for number in ("thirty", "forty", "fifty", "sixty"))
SPEAKERS = ("cmu_us_slt_arctic_hts", "slt")
TURN_S = 60.0


def run(progress: Progress) -> Figures:
    script = [Scene("open", "open", voice(s), text) for text in QUESTIONS for s in SPEAKERS] * ROUNDS
    script += [Scene("local", "local", voice(SPEAKERS[0]), text) for text in COMMANDS]
    settings: dict[str, Value] = {
        "mqtt.device": ROOT.rsplit("/", maxsplit=1)[-1],
        "llm.use": ["instant"],
        "llm.profiles.instant.model": "instant",
    }
    with Room() as room, Broker() as broker, InstantLlm() as llm:
        watcher = Watcher(broker.host, broker.port, ROOT)
        watcher.start()
        settings |= {"llm.profiles.instant.base_url": llm.base_url, "mqtt.port": broker.port}
        try:
            with Resident(settings, room.env) as agent:
                progress("starting the agent")
                agent.wait_online(watcher, TURN_S)
                agent.wait_parts(watcher, ("mic", "speaker", "asr", "tts"), TURN_S)
                turns = [_turn(scene, room, agent, watcher, progress) for scene in script]
        finally:
            watcher.stop()
    return {**_figures(turns), "config": {key: str(value) for key, value in settings.items() if "port" not in key}}


def _turn(scene: Scene, room: Room, agent: Resident, watcher: Watcher, progress: Progress) -> tuple[Turn, int | None]:
    mark = watcher.mark()
    spoken = Visitors(room).speak(scene, progress)
    slip = watcher.wait(lambda n: n.topic == "turn" and n.data["outcome"] != "continued", TURN_S, mark, agent.check)
    if slip is None:
        raise ResidentFailed(f"no turn came of “{scene.text}”\n{agent.tail()}")
    turn = Turn(scene, slip.data, tuple(n for n in watcher.notices[mark:] if n.turn == slip.turn), spoken.last)
    room.wait_heard(time.monotonic() + 0.5)
    return turn, first_sound_ms(turn, room.record(spoken.first))


def _figures(turns: Sequence[tuple[Turn, int | None]]) -> Figures:
    silence_ms = Config().endpoint.silence_ms
    heard = [(turn, ms) for turn, ms in turns if turn.scene.kind == "open" and ms is not None]
    total = [ms for _, ms in heard]
    waited = [turn.receipt["at_ms"]["endpoint"] for turn, _ in heard]
    local = [ms for turn, ms in turns if turn.scene.kind == "local" and ms is not None]
    (p50, p90), (local_p50,) = percentiles(total, 50, 90), percentiles(local, 50)
    (overhead,) = percentiles([ms - silence for ms, silence in zip(total, waited, strict=True)], 50)
    return {
        "n": len(total),
        "silence_ms": silence_ms,
        "overhead_p50_ms": overhead,
        "total_p50_ms": p50,
        "total_p90_ms": p90,
        "local_p50_ms": local_p50,
        "receipts_p50_ms": statistics.median(turn.receipt["ttfa_ms"] for turn, _ in heard) if heard else None,
        "speculation_saved_ms": statistics.median(silence_ms - silence for silence in waited) if waited else None,
    }
