"""Several agents in one house: does the one that is nearest answer, and how soon is that decided.

Quality of a wake word, by all visitors' voices at 0.5, 1, 2 and 4 m in a reverberant room: over `pairs` of distances
`ordered`, by the noise of the room, is the share in which the nearer one was heard better; `ordered_by_score` what the
wake model's score alone would give; `ordered_at_gain`, where the farther microphone is 12 dB more sensitive.
`skew_p50_ms skew_p90_ms`: how far apart in time the word is detected at the four.

Contests of three agents (sessions and dialogues without sound) over one broker on this machine: of `contests` in
`answered_by_best` the best alone answered; from its wake word to its claim `decision_p50_ms decision_p99_ms` where all
have heard it, `window_p50_ms window_p99_ms` where one has not, so that the whole time is waited; `yield_p99_ms`: until
the last of the others has given way.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations

from agent.audio.pcm import RATE_HZ
from agent.config import Config
from agent.hearing import wakewords
from agent.hearing.offline import judge_wakes
from agent.lab.acoustics import crowd
from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.lab.broker import Broker
from agent.lab.contender import Contender
from agent.lab.distances import DISTANCES_M, NOISES, heard
from agent.lab.script import WAKE
from agent.lab.visitor import VOICES, Voice, say

BARS = (Bar("decision_p99_ms", 150, 50), Bar("window_p99_ms", 170), Bar("yield_p99_ms", 250))
GAIN_DB = 12.0
DEVICES = ("hall", "kitchen", "office")
HOUSES, ROUNDS = 5, 12  # no agent is heard that claims more often than people talk to one
APART_S = 0.7  # between two words
PATIENCE_S = 10.0
STEP = 8 * RATE_HZ // 100

Judged = tuple[float, float, int]  # quality, score, position


def run(progress: Progress) -> Figures:
    config = Config()
    return {**_near_and_far(config, progress), **_contests(progress), "config": config.wake.model_dump()}


def _near_and_far(config: Config, progress: Progress) -> Figures:
    judge = _judge(config)
    ordered: dict[str, float] = {}
    pairs, by_score, skews = 0, [0, 0], []
    for kind in NOISES:
        right, total = 0, 0
        for number, voice in enumerate(VOICES):
            progress(f"distances, noise: {kind}, voice {number + 1} of {len(VOICES)}")
            wakes = judge(voice, kind, 0.0)
            skews.append(_spread_ms(wakes))
            for near, far in combinations(sorted(wakes), 2):
                total += 1
                right += wakes[near][0] > wakes[far][0]
                by_score[wakes[near][1] > wakes[far][1]] += 1
        ordered[kind] = round(right / total, 3)
        pairs += total
    skew_p50, skew_p90 = percentiles(skews, 50, 90)
    return {
        "pairs": pairs,
        "ordered": ordered,
        "ordered_by_score": round(by_score[1] / sum(by_score), 3),
        "ordered_at_gain": _at_gain(judge, progress),
        "skew_p50_ms": skew_p50,
        "skew_p90_ms": skew_p90,
    }


Judge = Callable[[Voice, str, float], Mapping[float, Judged]]


def _judge(config: Config) -> Judge:
    engine, others = wakewords.load(config), crowd()

    def judge(voice: Voice, kind: str, gain_db: float) -> dict[float, Judged]:
        """By distance, where the word was noticed at all."""
        found: dict[float, Judged] = {}
        for seed, metres in enumerate(DISTANCES_M):
            sound = heard(say(WAKE, voice).samples, metres, kind, seed + 10 * VOICES.index(voice), others, gain_db)
            for detection, quality in judge_wakes(sound, engine, config.wake, STEP)[:1]:
                found[metres] = quality, detection.score, detection.position
        return found

    return judge


def _at_gain(judge: Judge, progress: Progress) -> float:
    right = total = 0
    for voice in VOICES:
        progress(f"another gain: {voice.name}")
        plain, amplified = judge(voice, "white", 0.0), judge(voice, "white", GAIN_DB)
        for near, far in combinations(DISTANCES_M, 2):
            if near in plain and far in amplified:
                total += 1
                right += plain[near][0] > amplified[far][0]
    return round(right / total, 3)


def _spread_ms(wakes: Mapping[float, Judged]) -> float:
    positions = [position for _, _, position in wakes.values()]
    return (max(positions) - min(positions)) * 1000 / RATE_HZ if positions else 0.0


@contextmanager
def house(port: int) -> Iterator[list[Contender]]:
    """Agents of one group that know each other."""
    agents = [
        Contender(Config.model_validate({"mqtt": {"port": port, "device": name}, "room": {"group": "home"}}))
        for name in DEVICES
    ]
    try:
        for agent in agents:
            agent.start()
        wait(lambda: all(agent.state.group.peers == len(DEVICES) - 1 for agent in agents))
        yield agents
    finally:
        for agent in agents:
            agent.stop()


def wait(holds: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError("the agents do not come to an agreement")
        time.sleep(0.002)


def contest(agents: list[Contender], best: int, deaf: int | None = None) -> tuple[float, float, bool]:
    """One word: seconds until the best claims, until all have decided, and whether the best alone listens then."""
    hearing = [number for number in range(len(agents)) if number != deaf]
    woken = {number: agents[number].wake(40.0 if number == best else 20.0 + number) for number in hearing}
    since = min(woken.values())
    wait(lambda: all(agents[number].decided(since) is not None for number in hearing))
    decided = [agents[number].decided(since) or since for number in hearing]
    alone = [agent.listening for agent in agents] == [number == best for number in range(len(agents))]
    claimed = (agents[best].decided(since) or since) - woken[best]
    time.sleep(APART_S)
    for agent in agents:
        agent.rest()
    return claimed, max(decided) - since, alone


def _contests(progress: Progress) -> Figures:
    claims: dict[bool, list[float]] = defaultdict(list)
    last: list[float] = []
    right = 0
    for evening in range(HOUSES):
        progress(f"contests, house {evening + 1} of {HOUSES}")
        with Broker() as broker, house(broker.port) as agents:
            for number in range(ROUNDS):
                best = number % len(agents)
                deaf = (best + 1) % len(agents) if number % 2 else None
                claimed, settled, alone = contest(agents, best, deaf)
                claims[deaf is None].append(claimed * 1000)
                last.append(settled * 1000)
                right += alone
    decision_p50, decision_p99 = percentiles(claims[True], 50, 99)
    window_p50, window_p99 = percentiles(claims[False], 50, 99)
    return {
        "contests": HOUSES * ROUNDS,
        "answered_by_best": round(right / (HOUSES * ROUNDS), 3),
        "decision_p50_ms": decision_p50,
        "decision_p99_ms": decision_p99,
        "window_p50_ms": window_p50,
        "window_p99_ms": window_p99,
        "yield_p99_ms": percentiles(last, 99)[0],
    }
