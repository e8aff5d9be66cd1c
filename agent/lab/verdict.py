"""What the demo makes sure of by itself: each check says what it found, whether that will do, and why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agent.audio.pcm import RATE_HZ, Samples
from agent.config import Conversation
from agent.lab.listener import Listener
from agent.lab.room import Heard
from agent.lab.scoring import found, total_word_error_rate, words
from agent.lab.script import Scene
from agent.lab.timeline import Notice

MOST_ERRORS = 0.15  # word error rate of the open sentences
LEAST_FOUND = 0.6  # of a reply, that the second recogniser has to find again; unlike texts are below 0.5
MOST_APART_MS = 150  # between what a receipt says and what the room heard
LOUD = 200  # int16; a voice, not the resampler's ripple
HEAR_S = 0.3
SOUND_MS = 400  # from when the sound for those who wait is due to its end
QUIET_S = 0.04  # before a sound that is one of its own


@dataclass(frozen=True, slots=True)
class Turn:
    """One scene as it was played. `last_loud`: monotonic seconds of the visitor's last sound (None: a person spoke)."""

    scene: Scene
    receipt: Mapping[str, Any]
    notices: tuple[Notice, ...]
    last_loud: float | None = None

    @property
    def zero(self) -> float | None:
        """The last speech frame by the agent's own account."""
        final = next((n for n in self.notices if n.topic == "transcript" and n.data["final"]), None)
        offset = self.receipt["at_ms"]["asr_final"]
        return None if final is None or offset is None else final.at - offset / 1000

    @property
    def audible(self) -> float | None:
        return (
            None if self.zero is None or self.receipt["ttfa_ms"] is None else self.zero + self.receipt["ttfa_ms"] / 1000
        )


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    found: str
    reasons: tuple[str, ...] = field(default=())


def outcomes(turns: Sequence[Turn]) -> Check:
    """Every turn came to the end that was meant."""
    wrong = [
        f"turn {t.receipt['turn']} ({t.scene.title}): {t.receipt['outcome']}, not {t.scene.outcome}"
        for t in turns
        if t.receipt["outcome"] != t.scene.outcome
    ]
    return Check("outcomes", not wrong, f"{len(turns) - len(wrong)} of {len(turns)} turns as meant", tuple(wrong))


def commands(turns: Sequence[Turn]) -> Check:
    """Local commands were understood exactly: the intent that was meant."""
    local = [turn for turn in turns if turn.scene.kind == "local"]
    wrong = []
    for turn in local:
        intent = next((n.data.get("name") for n in turn.notices if n.topic == "event/intent"), None)
        if intent != turn.scene.intent:
            heard = turn.receipt.get("transcript")
            wrong.append(f"“{turn.scene.text}” was heard as “{heard}”: {intent or 'no command'}")
    return Check("local commands", not wrong, f"{len(local) - len(wrong)} of {len(local)} exact", tuple(wrong))


def deeds(turns: Sequence[Turn], house: Sequence[Notice]) -> Check | None:
    """What was to be done has come to the devices of the house, each as meant; None where nothing was to be done.

    `house`: what these devices got, by topic below their root.
    """
    wanted = [turn.scene.sends for turn in turns if turn.scene.sends]
    if not wanted:
        return None
    got = [(notice.topic, notice.data) for notice in house]
    wrong = tuple(f"nobody got {payload} on {topic}" for topic, payload in wanted if (topic, payload) not in got)
    return Check("actions", not wrong, f"{len(wanted) - len(wrong)} of {len(wanted)} arrived at the broker", wrong)


def failures(turns: Sequence[Turn]) -> Check | None:
    """A failure is put into words; None where none was meant."""
    failed = [turn for turn in turns if turn.scene.outcome == "failed"]
    mute = tuple(f"turn {turn.receipt['turn']} failed without a word" for turn in failed if not turn.receipt["heard"])
    if not failed:
        return None
    return Check("spoken failures", not mute, f"{len(failed) - len(mute)} of {len(failed)} were told", mute)


def open_sentences(turns: Sequence[Turn]) -> Check | None:
    """The word error rate of what went to the language model; None where nothing did."""
    pairs = [(t.scene.text, str(t.receipt.get("transcript") or "")) for t in turns if t.scene.kind == "open"]
    if not pairs:
        return None
    rate = total_word_error_rate(pairs)
    ok = rate <= MOST_ERRORS
    wrong = [f"“{said}” was heard as “{heard}”" for said, heard in pairs if words(said) != words(heard)]
    return Check("word error rate", ok, f"{rate:.0%} of {len(pairs)} open sentences", () if ok else tuple(wrong))


def receipts(turns: Sequence[Turn]) -> Check:
    """The stages of each receipt sum to its time to first audio, and it has one where there was an answer."""
    wrong = []
    for turn in turns:
        receipt = turn.receipt
        ttfa_ms, stages_ms = receipt["ttfa_ms"], receipt["stages_ms"]
        if ttfa_ms is None and turn.scene.kind != "silence" and not turn.scene.wordless:
            wrong.append(f"turn {receipt['turn']} has no first audio")
        elif ttfa_ms is not None and sum(stages_ms.values()) != ttfa_ms:
            wrong.append(f"turn {receipt['turn']}: stages sum to {sum(stages_ms.values())} ms, not {ttfa_ms} ms")
        elif ttfa_ms is not None and stages_ms.get(receipt["blame"]) != max(stages_ms.values()):
            wrong.append(f"turn {receipt['turn']}: {receipt['blame']} is not the longest stage")
    return Check("receipts", not wrong, f"{len(turns) - len(wrong)} of {len(turns)} add up", tuple(wrong))


def honesty(turns: Sequence[Turn], heard: Heard) -> Check:
    """First audio by the receipts and as the room heard it, from the visitor's last sound, are the same.

    Not of a failure: the sound that tells of it comes right before its first word. Nor where the sound for those who
    wait is in the air when the first word begins: nobody can tell the one from the other.
    """
    apart = []
    for turn in turns:
        covered = turn.scene.outcome == "failed" or _waits(turn.receipt["ttfa_ms"])
        measured = None if covered else first_sound_ms(turn, heard)
        if measured is not None:
            apart.append((abs(measured - turn.receipt["ttfa_ms"]), turn, measured))
    wrong = [
        f"turn {turn.receipt['turn']}: the receipt says {turn.receipt['ttfa_ms']} ms, the room {measured} ms"
        for distance, turn, measured in apart
        if distance > MOST_APART_MS
    ]
    worst = max((distance for distance, _, _ in apart), default=0)
    return Check("first sound", not wrong, f"receipts and room at most {worst} ms apart", tuple(wrong))


def _waits(ttfa_ms: int | None) -> bool:
    every = Conversation().thinking_sound_ms
    return ttfa_ms is not None and ttfa_ms >= every and ttfa_ms % every < SOUND_MS


def first_sound_ms(turn: Turn, heard: Heard) -> int | None:
    """From the visitor's last sound to the answer's first, as the room heard both; None where there was none.

    Looked for around the moment the receipt claims: the beginning nearest to it, since a sound of ours (acknowledging,
    or for those who wait) may come right before the first word.
    """
    if turn.last_loud is None or turn.audible is None:
        return None
    since = max(turn.audible - HEAR_S, turn.last_loud)
    loud = np.flatnonzero(np.abs(_cut(heard, since, turn.audible + 2.0).astype(np.int32)) > LOUD)
    if not len(loud):
        return None
    begins = loud[np.diff(loud, prepend=-RATE_HZ) > QUIET_S * RATE_HZ] / RATE_HZ + since
    nearest = float(begins[np.argmin(np.abs(begins - turn.audible))])
    return round((nearest - turn.last_loud) * 1000)


def replies(turns: Sequence[Turn], heard: Heard, listener: Listener) -> Check:
    """What the agent says it said is what a second recogniser hears in the room's recording."""
    spoken = [turn for turn in turns if turn.receipt.get("heard") and turn.audible is not None]
    wrong, shares = [], []
    for turn in spoken:
        assert turn.audible is not None
        ended = next((n.at for n in turn.notices if n.topic == "turn"), turn.audible)
        text = listener.hear(_cut(heard, turn.audible - 0.1, ended + 0.1))
        shares.append(found(str(turn.receipt["heard"]), text))
        if shares[-1] < LEAST_FOUND:
            wrong.append(f"turn {turn.receipt['turn']}: “{turn.receipt['heard']}” sounded like “{text}”")
    least = min(shares, default=0.0)
    result = f"{len(spoken) - len(wrong)} of {len(spoken)} found again by {listener.name}, the worst to {least:.0%}"
    return Check(
        "spoken replies", bool(spoken) and not wrong, result, tuple(wrong) if spoken else ("nothing was spoken",)
    )


def sounds(turns: Sequence[Turn], heard: Heard) -> Check:
    """Where no second recogniser knows the language: every reply was at least audible."""
    spoken = [turn for turn in turns if turn.receipt.get("heard")]
    mute = [turn for turn in spoken if first_sound_ms(turn, heard) is None]
    wrong = tuple(f"turn {turn.receipt['turn']}: nothing was heard of “{turn.receipt['heard']}”" for turn in mute)
    return Check(
        "spoken replies", bool(spoken) and not mute, f"{len(spoken) - len(mute)} of {len(spoken)} audible", wrong
    )


def _cut(heard: Heard, since: float, until: float) -> Samples:
    first, last = (max(0, round((moment - heard.start) * RATE_HZ)) for moment in (since, until))
    return heard.agent[first:last]
