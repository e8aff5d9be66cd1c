"""Receipts: the stages add up, whatever came early, late or never."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agent.commands import AskLlm, ListenOn, ShowReply, StartListening, TurnEnded
from agent.daemon.receipts import STAGES, Receipts, timing
from agent.events import Audible, ClauseReady, Endpoint, Final, Instant, ReplyDelta, TtsFirst, Wake

WALL = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(mono: float) -> Instant:
    return Instant(mono, WALL)


def test_a_whole_turn() -> None:
    receipts = Receipts({"": {"asr": "vosk", "llm": "home"}}, keep_texts=True)
    receipts.see(Wake(at(1.05), "hey_jarvis", 0.9, 1.0))
    receipts.done(StartListening(1, since=1.0), WALL)
    receipts.see(Endpoint(at(3.6), 1, 3.0, "silence"))
    receipts.see(Final(at(3.65), 1, "why"))
    receipts.done(AskLlm(1, "why"), WALL)
    receipts.see(ReplyDelta(at(3.9), 1, "Be"))
    receipts.see(ReplyDelta(at(4.9), 1, "cause."))
    receipts.see(ClauseReady(at(4.0), 1, "Because."))
    receipts.see(TtsFirst(at(4.1), 1))
    receipts.see(Audible(at(4.11), 1, 4.15))
    receipts.done(ShowReply(1, "Because.", "Because."), WALL)
    receipt = receipts.done(TurnEnded(1, "answered", "why", "Because."), WALL)
    assert receipt is not None
    assert receipt["wake_ms"] == 50
    assert receipt["at_ms"]["llm_first_token"] == 900
    assert receipt["stages_ms"] == {
        "endpoint": 600, "asr_final": 50, "llm_first_token": 250, "first_clause": 100, "tts_first": 100, "audible": 50,
    }  # fmt: skip
    assert receipt["ttfa_ms"] == sum(receipt["stages_ms"].values()) == 1150
    assert receipt["blame"] == "endpoint"
    assert receipt["heard"] == "Because."


def test_a_turn_that_goes_on_keeps_its_wake_word() -> None:
    receipts = Receipts({}, keep_texts=True)
    receipts.see(Wake(at(1.05), "hey_jarvis", 0.9, 1.0))
    receipts.done(StartListening(1, since=1.0), WALL)
    receipts.see(Endpoint(at(3.5), 1, 3.0, "silence"))
    receipts.done(ListenOn(2, of=1), WALL)
    first = receipts.done(TurnEnded(1, "continued", "tell me", ""), WALL)
    receipts.see(Endpoint(at(5.5), 2, 5.0, "silence"))
    second = receipts.done(TurnEnded(2, "answered", "tell me a story", "Once."), WALL)
    for receipt in (first, second):
        assert receipt is not None
        assert (receipt["word"], receipt["wake_ms"], receipt["at_ms"]["endpoint"]) == ("hey_jarvis", 50, 500)


def test_texts_stay_out_where_transcripts_are_private() -> None:
    receipts = Receipts({}, keep_texts=False)
    receipt = receipts.done(TurnEnded(1, "answered", "secret question", "secret answer"), WALL)
    assert "secret" not in str(receipt)


def test_a_turn_without_speech_has_no_times() -> None:
    receipt = Receipts({}, keep_texts=True).done(TurnEnded(7, "silence", "", ""), WALL)
    assert receipt is not None
    assert receipt["ttfa_ms"] is None
    assert receipt["blame"] is None


def test_a_flood_of_turns_does_not_grow() -> None:
    receipts = Receipts({}, keep_texts=True)
    for turn in range(1000):
        receipts.see(Final(at(1.0), turn, "x"))
    assert len(receipts._open) <= 4


@given(st.dictionaries(st.sampled_from(STAGES), st.floats(-2, 60), max_size=6))
def test_stages_sum_to_the_time_to_first_audio(moments: dict[str, float]) -> None:
    moments["audible"] = max(moments.values(), default=0.0)
    at_ms, stages_ms = timing(0.0, moments)
    assert sum(stages_ms.values()) == at_ms["audible"]
    assert all(value >= 0 for stage, value in stages_ms.items() if stage != "audible")


def test_a_receipt_names_the_persona_and_its_engines() -> None:
    receipts = Receipts({"": {"asr": "moonshine"}, "nari": {"asr": "vosk"}}, keep_texts=True)
    found = [receipts.done(TurnEnded(turn, "silence", "", "", who), WALL) for turn, who in enumerate(("", "nari", "x"))]
    assert [(each["persona"], each["engines"]) for each in found if each] == [
        ("default", {"asr": "moonshine"}),
        ("nari", {"asr": "vosk"}),
        ("x", {"asr": "moonshine"}),
    ]


def test_a_receipt_names_the_profile_that_answered() -> None:
    receipts = Receipts({"": {"llm": "home, cloud"}}, keep_texts=True)
    receipts.done(AskLlm(1, "why"), WALL)
    receipts.see(ReplyDelta(at(1.0), 1, "Be", profile="cloud"))
    receipts.see(ReplyDelta(at(1.1), 1, "cause."))
    receipt = receipts.done(TurnEnded(1, "answered", "why", "Because."), WALL)
    assert receipt is not None
    assert receipt["engines"] == {"llm": "cloud"}
