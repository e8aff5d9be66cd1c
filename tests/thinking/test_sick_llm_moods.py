"""Every mood of the misbehaving server, against the whole thinker: each question comes to an end, and how."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sick_llm import MOODS, SickLlm, answer

from agent.events import LlmFailed, ReplyDelta

LONGEST_S = 20.0
QUICK = {
    "first_token_timeout_s": 1.0,
    "cold_first_token_timeout_s": 1.0,
    "token_timeout_s": 1.0,
    "total_timeout_s": 3.0,
}
# What the user is told; where it is not said here, the answer is spoken.
TOLD = {
    "hang": "timeout", "hang-headers": "timeout", "slow-headers": "timeout", "stall": "timeout", "dribble": "timeout",
    "cut": "cut_off", "reset": "cut_off", "cut-at-once": "unreachable", "malformed": "bad_reply",
    "html-page": "bad_reply", "gzip": "bad_reply", "error-event": "server_error", "401": "auth", "403": "auth",
    "429": "rate_limited", "429-long": "rate_limited", "503": "server_error", "redirect": "bad_reply",
    "endless-line": "bad_reply", "endless-thought": "timeout", "think-unclosed": "bad_reply",
    "tool-call": "bad_reply", "chinese": "other_script", "emoji": "bad_reply", "controls": "bad_reply",
    "empty": "bad_reply",
}  # fmt: skip
EITHER = {"endless": ("bad_reply", "timeout")}  # whichever limit comes first
SPEAKS = {"stall", "dribble", "cut", "reset", "error-event", "endless"}  # before it fails


@pytest.mark.parametrize("mood", MOODS)
def test_a_mood_comes_to_an_end_and_the_next_profile_is_asked_before_the_first_word(
    rig: Callable[..., object], mood: str
) -> None:
    with SickLlm(MOODS[mood][0]) as sick, SickLlm(answer("I can.")) as well:
        r = rig(sick.base_url, **QUICK)
        began = time.monotonic()
        end = r.ask()
        assert time.monotonic() - began < LONGEST_S
        code = end.code if isinstance(end, LlmFailed) else None
        assert code in EITHER.get(mood, (TOLD.get(mood),))
        if code is None:
            return
        assert bool(r.text()) is (mood in SPEAKS)
        both = rig(sick.base_url, well.base_url, **QUICK)
        both.ask()
        writers = {e.profile for e in both.events if isinstance(e, ReplyDelta)}
        assert writers == ({"a"} if mood in SPEAKS else {"b"})
