"""Matching of local commands, in this process and without sound: `actions` of one's own that differ in their words, `n`
sentences, each matched `REPEATS` times and its best time counted, since others may use the machine, too.

`hit_p50_ms`, `hit_max_ms`: commands of the agent's own; `own_p50_ms`, `own_max_ms`: sentences of own actions;
`miss_p50_ms`, `miss_max_ms`: open questions, polite words around some of them; `same_words_ms`: the worst case, a miss
that has all words but one of every action. `load_ms`: until the first match, once a start, in the background.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from agent.actions import Action, Choice
from agent.lab.bench.report import Bar, Figures, Progress, percentiles
from agent.thinking.intents import Intents

ACTIONS, ROOMS, REPEATS = 1000, 40, 5
BARS: tuple[Bar, ...] = (Bar("miss_max_ms", 30.0),)
HITS = (
    "what time is it",
    "set a timer for ten minutes",
    "can you set a pasta timer for an hour and a half please",
    "wake me at half past seven tomorrow",
    "remind me in ten minutes to call my mother",
    "add two minutes to the five minute timer",
    "how long is left on the pasta timer",
    "stop",
)
MISSES = (
    "what is the capital of France",
    "how long do I boil an egg",
    "can you tell me why the sky is blue please",
    "set the table for ten people",
    "what time is it in Tokyo",
    "turn on the light in the hall now please",
    "who invented the alarm clock",
    "could you please switch to another subject",
)


def run(progress: Progress) -> Figures:
    rooms = Choice({f"room {number}": f"r{number}" for number in range(ROOMS)})
    intents = Intents("en", ("hey jarvis",), [_action(number, rooms) for number in range(ACTIONS)])
    progress(f"loading {ACTIONS} actions")
    load_ms = _took_ms(intents.warm)
    progress("matching")
    own = [f"turn on the room {number % ROOMS} lamp thing{number}" for number in range(0, ACTIONS, ACTIONS // 8)]
    hits, misses = _times(intents, HITS), _times(intents, MISSES)
    mine = _times(intents, own)
    return {
        "actions": ACTIONS,
        "n": len(HITS) + len(own) + len(MISSES),
        "load_ms": round(load_ms),
        "hit_p50_ms": percentiles(hits, 50)[0],
        "hit_max_ms": round(max(hits), 1),
        "own_p50_ms": percentiles(mine, 50)[0],
        "own_max_ms": round(max(mine), 1),
        "miss_p50_ms": percentiles(misses, 50)[0],
        "miss_max_ms": round(max(misses), 1),
        "same_words_ms": round(_times(intents, ["can you turn on the room 7 lamp nothing please"])[0], 1),
        "config": {"actions": ACTIONS, "rooms": ROOMS},
    }


def _action(number: int, rooms: Choice) -> Action:
    sentences = {"": (f"(turn|switch) {{state}} [the] {{room}} (light|lamp)[s] thing{number}",)}
    slots = {"room": rooms, "state": Choice({"on": "on", "off": "off"})}
    return Action(f"a{number}", f"home/{number}/{{room}}", "{state}", slots=slots, sentences=sentences)


def _times(intents: Intents, texts: list[str] | tuple[str, ...]) -> list[float]:
    """The best of some, in ms, of each."""
    return [min(_took_ms(partial(intents.match, text)) for _ in range(REPEATS)) for text in texts]


def _took_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
