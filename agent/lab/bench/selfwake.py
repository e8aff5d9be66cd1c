"""Self-wake: the agent says its own wake word, and must not wake; others say it meanwhile, and must be heard.

Offline, in a simulated room with the daemon's own parts; `agent.lab.duet` says what is real there and what is not.
`replies` that contain the wake word, by the installed Piper voice and three others, with an echo of -30 to 0 dB
relative to what a visitor is at the microphone: `self_wakes` in them. `unguarded`: of how many of the loudest
`unguarded_of` the agent wakes itself where its speech is not scored before, which shows what the guard is for.
`real_caught`: the share of the wake words that visitors said over such replies elsewhere, 1.2 s or more away from the
agent's own, by all voices; without a reply they are all heard (`bench bargein`, `detected_alone`). `real_missed` is
the rest.
`scoring_percent`: CPU of scoring, of the length of the speech.
"""

from __future__ import annotations

import time

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.config import Config
from agent.hearing import wakewords
from agent.lab.acoustics import EchoPath, at_level
from agent.lab.bench.bargein import CLIP_DBFS, REPLY_DBFS, T60_S, agent_says, in_room
from agent.lab.bench.report import Bar, Figures, Progress
from agent.lab.duet import Duet, Scene
from agent.lab.script import WAKE
from agent.lab.visitor import VOICES, say, voice

BARS = (Bar("self_wakes", 0), Bar("real_missed", 0.05))
ECHO_DB = (-30, -20, -10, 0)
BEFORE = (
    "My name is a joke of my makers. If you want me to listen, just say",
    "There are two words that I always wait for, and they are",
    "Whoever comes into the kitchen in the morning and says",
    "In the film the hero calls his butler with the words",
    "The sticker on my back tells you to say",
    "I heard somebody on the radio say",
    "You can interrupt me at any time with",
    "Nobody needs a button, it is enough to say",
    "The first thing that children learn to say to me is",
    "To start a timer from the next room, call",
    "Your message from Anna begins with the words",
    "The manual says on page one that you should say",
    "When the music is loud, come closer and say",
)
AFTER = "and then ask for whatever you like, since I am always glad to be of help to you and to all your guests."
WORD_S = 1.0
VISITORS = ("cmu_us_slt_arctic_hts", "rms", "en-gb-x-rp")


def run(progress: Progress) -> Figures:
    config = Config()
    duet = Duet(wakewords.load(config), config.wake)
    replies = _replies(progress)
    woken = [_self_wakes(duet, reply, number, progress) for number, reply in enumerate(replies)]
    loudest = [number for number in range(len(replies)) if _echo_db(number) == max(ECHO_DB)]
    unguarded = [bool(_wakes(duet, replies[number], number, guarded=False)) for number in loudest]
    caught = [_caught(duet, replies[number % len(replies)], number, progress) for number in range(2 * len(VOICES))]
    share = round(sum(caught) / len(caught), 3)
    return {
        "replies": len(replies),
        "self_wakes": sum(woken),
        "unguarded": sum(unguarded),
        "unguarded_of": len(unguarded),
        "real": len(caught),
        "real_caught": share,
        "real_missed": round(1 - share, 3),
        "scoring_percent": _scoring_percent(duet, replies),
        "config": config.wake.model_dump(),
    }


def _replies(progress: Progress) -> list[Samples]:
    """Each sentence by each voice; voices alternate, so that each is heard at each level."""
    replies = []
    for number, before in enumerate(BEFORE):
        progress(f"sentence {number + 1} of {len(BEFORE)} is spoken")
        text = f"{before} {WAKE.title()}, {AFTER}"
        replies.append(agent_says(text))
        replies += [at_level(say(text, voice(name)).samples, REPLY_DBFS) for name in VISITORS]
    return replies


def _echo_db(number: int) -> int:
    """By turns, so that after 16 replies each of the four voices has had each level."""
    return ECHO_DB[(number + number // 4) % len(ECHO_DB)]


def _self_wakes(duet: Duet, reply: Samples, number: int, progress: Progress) -> int:
    progress(f"own word {number + 1}")
    return len(_wakes(duet, reply, number, guarded=True))


def _wakes(duet: Duet, reply: Samples, number: int, guarded: bool) -> list[float]:
    nobody = np.zeros(0, np.int16)
    return duet.perform(Scene(reply, nobody, 0.0, _echo_db(number), _path(number), number, guarded)).wakes


def _path(number: int) -> EchoPath:
    drift_ppm = 100.0 if number % 2 else -100.0
    return EchoPath(t60_s=T60_S, clip_dbfs=CLIP_DBFS, drift_ppm=drift_ppm, seed=number + 3)


def _caught(duet: Duet, reply: Samples, number: int, progress: Progress) -> bool:
    """Somebody says it where the agent does not: after its own word, in the rest of the reply."""
    progress(f"a visitor's word {number + 1}")
    word = say(WAKE, VOICES[number % len(VOICES)])
    begin_s = _own_word_end(reply, duet) + 1.2
    end_s = begin_s + word.last_loud / RATE_HZ
    scene = Scene(reply, in_room(word.samples, number), begin_s, _echo_db(number), _path(number), number)
    return any(end_s - WORD_S / 2 < wake < end_s + WORD_S for wake in duet.perform(scene).wakes)


def _own_word_end(reply: Samples, duet: Duet) -> float:
    """Where the reply's own word was last scored high; in its middle, where it never was."""
    high = duet.high(reply)
    return high[-1] if high else len(reply) / RATE_HZ / 2


def _scoring_percent(duet: Duet, replies: list[Samples]) -> float:
    began = time.process_time()
    for reply in replies[:8]:
        duet.high(reply)
    seconds = sum(len(reply) for reply in replies[:8]) / RATE_HZ
    return round((time.process_time() - began) / seconds * 100, 1)
