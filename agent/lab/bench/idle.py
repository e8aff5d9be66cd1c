"""The whole agent doing nothing: all its processes; the sound server and the broker are not counted.

`cpu_silence_percent` of one core while nobody speaks, `cpu_speech_percent` while people talk to each other;
`pss_idle_mb` with recogniser and voice not loaded (`load = "first_use"`, as for devices with little memory),
`pss_voice_mb` with the voice loaded, as by default, but not the recogniser, `pss_loaded_mb` with both, after a turn.
`processes` at first; `pss_by_process_mb`: who takes what in the end.
"""

from __future__ import annotations

import time

import numpy as np

from agent.audio.pcm import RATE_HZ
from agent.lab.acoustics import SENTENCES
from agent.lab.bench import usage
from agent.lab.bench.report import Bar, Figures, Progress
from agent.lab.bench.ttfa import ROOT
from agent.lab.broker import Broker
from agent.lab.resident import Resident, ResidentFailed, Value
from agent.lab.room import Room
from agent.lab.script import ENGLISH
from agent.lab.theatre import Visitors
from agent.lab.visitor import VOICES, say
from agent.lab.watch import Watcher

BARS = (Bar("cpu_silence_percent", 3.0, 1.5), Bar("pss_idle_mb", 160, 120))
SETTLE_S, SILENCE_S, SPEECH_S = 5.0, 30.0, 20.0
TURN_S = 90.0


def run(progress: Progress) -> Figures:
    settings: dict[str, Value] = {
        "mqtt.device": ROOT.rsplit("/", maxsplit=1)[-1],
        "asr.load": "first_use",
        "tts.load": "first_use",
    }
    with Room() as room, Broker() as broker:
        watcher = Watcher(broker.host, broker.port, ROOT)
        watcher.start()
        try:
            with Resident({**settings, "mqtt.port": broker.port}, room.env) as agent:
                progress("starting the agent")
                agent.wait_online(watcher, TURN_S)
                agent.wait_parts(watcher, ("mic", "speaker"), TURN_S)
                figures = _measure(room, agent, watcher, progress)
        finally:
            watcher.stop()
    return {**figures, "config": settings}


def _measure(room: Room, agent: Resident, watcher: Watcher, progress: Progress) -> Figures:
    room.wait_heard(time.monotonic() + SETTLE_S, 2 * SETTLE_S)
    progress(f"{SILENCE_S:g} s of silence")
    silence = _cpu_percent(room, agent, np.zeros(round(SILENCE_S * RATE_HZ), np.int16))
    processes = usage.tree(agent.pid)
    idle_mb = sum(map(usage.pss_mb, processes))
    progress(f"{SPEECH_S:g} s of other people's talk")
    talk = np.concatenate([say(text, voice).samples for text, voice in zip(SENTENCES, VOICES, strict=False)])
    speech = _cpu_percent(room, agent, np.resize(talk, round(SPEECH_S * RATE_HZ)))
    progress("the voice is loaded")
    _say(agent, watcher)
    voice_mb = sum(map(usage.pss_mb, usage.tree(agent.pid)))
    mark = watcher.mark()
    Visitors(room).speak(ENGLISH[0], progress)
    if watcher.wait(lambda n: n.topic == "turn", TURN_S, mark, agent.check) is None:
        raise ResidentFailed(f"the turn did not end\n{agent.tail()}")
    loaded = {pid: usage.pss_mb(pid) for pid in usage.tree(agent.pid)}
    return {
        "cpu_silence_percent": silence,
        "cpu_speech_percent": speech,
        "pss_idle_mb": round(idle_mb, 1),
        "pss_voice_mb": round(voice_mb, 1),
        "pss_loaded_mb": round(sum(loaded.values()), 1),
        "processes": len(processes),
        "pss_by_process_mb": {usage.name(pid): round(mb, 1) for pid, mb in loaded.items()},
    }


def _say(agent: Resident, watcher: Watcher) -> None:
    mark = watcher.mark()
    watcher.publish("cmd/say", {"id": "say", "text": "Good morning."})
    if watcher.wait(lambda n: n.topic == "result" and n.data["id"] == "say", TURN_S, mark, agent.check) is None:
        raise ResidentFailed(f"nothing was said\n{agent.tail()}")


def _cpu_percent(room: Room, agent: Resident, sound: np.ndarray[tuple[int], np.dtype[np.int16]]) -> float:
    before = sum(map(usage.cpu_s, usage.tree(agent.pid)))
    began = time.monotonic()
    room.play(sound)
    return round((sum(map(usage.cpu_s, usage.tree(agent.pid))) - before) / (time.monotonic() - began) * 100, 2)
