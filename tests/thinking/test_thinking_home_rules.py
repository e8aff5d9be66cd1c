"""What Home Assistant says, read purely: any JSON at all, and what is easily read wrong."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.thinking.address import BadAddress, parse_home
from agent.thinking.failure import Failure
from agent.thinking.home_facts import Assistants, choose, find_device, read_assistants
from agent.thinking.home_reply import HomeReply

KEYS = st.sampled_from(
    [
        "type", "data", "chat_log_delta", "role", "content", "tool_calls", "thinking_content", "intent_output", "code",
        "response", "speech", "plain", "response_type", "conversation_id", "message", "id", "identifiers", "pipelines",
        "preferred_pipeline", "language", "conversation_language", "name", "area_id",
    ]
)  # fmt: skip
WORDS = st.sampled_from(
    ["intent-progress", "intent-end", "error", "run-end", "assistant", "tool_result", "no_intent_match", "mqtt", "x"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | WORDS
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6))
EVENTS = st.one_of(
    JSON,
    st.builds(lambda d: {"type": "intent-progress", "data": {"chat_log_delta": d}}, st.dictionaries(KEYS, JSON)),
    st.builds(
        lambda r: {"type": "intent-end", "data": {"intent_output": {"response": r}}}, st.dictionaries(KEYS, JSON)
    ),
)


@given(st.lists(EVENTS, max_size=12))
def test_any_events_are_text_or_a_failure(events: list[Any]) -> None:
    reply = HomeReply()
    texts = [text for event in events for text in reply.feed(event)]
    assert all(isinstance(text, str) and text for text in texts)
    assert reply.begun == bool(texts)
    "".join(texts).encode()
    if reply.done or reply.failure:
        assert reply.feed({"type": "intent-progress", "data": {"chat_log_delta": {"content": "late"}}}) == []


@given(JSON, st.none() | st.text(max_size=5), st.text(max_size=5))
def test_any_lists_are_read(listing: Any, wanted: str | None, language: str) -> None:
    find_device([listing], "voice-agent-kitchen")
    find_device(listing, "voice-agent-kitchen")
    known = read_assistants(listing)
    chosen = choose(known, None, language)
    assert chosen is None or chosen in {each.id for each in known.every}
    with suppress(Failure):
        assert choose(known, wanted, language) in {chosen, wanted, *(each.id for each in known.every)}


def delta(**delta: Any) -> dict[str, Any]:
    return {"type": "intent-progress", "data": {"chat_log_delta": delta}}


def end(speech: str) -> dict[str, Any]:
    output = {"response": {"speech": {"plain": {"speech": speech}}, "response_type": "query_answer"}}
    return {"type": "intent-end", "data": {"intent_output": output}}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (
            [delta(role="assistant"), delta(content="\n\n Yes"), delta(content=" I can."), end("Yes I can.")],
            "Yes I can.",
        ),
        ([delta(role="assistant", content="Yes"), end("Yes I can.")], "Yes I can."),
        ([delta(role="assistant", content="Yes"), end("No.")], "Yes"),
        ([delta(role="assistant", content="One."), delta(role="assistant", content=" Two."), end("Two.")], "One. Two."),
        ([delta(role="tool_result", content="secret"), delta(role="assistant", content="Ok"), end("Ok")], "Ok"),
        ([delta(thinking_content="Hm."), delta(content=None), end("Yes.")], "Yes."),
        ([delta(content="No role."), end("No role.")], "No role."),
        ([delta(content="<think>Hm."), delta(content="</think>Yes."), end("<think>Hm.</think>Yes.")], "Yes."),
        ([end("<think>Hm.</think>Yes.")], "Yes."),
        ([delta(content="Yes.<|im_end|>"), delta(content="And?"), end("Yes.<|im_end|>And?")], "Yes."),
    ],
)
def test_what_is_heard(events: list[Any], said: str) -> None:
    reply = HomeReply()
    assert "".join(text for event in events for text in reply.feed(event)) == said


def test_thoughts_tools_and_their_results_are_progress_and_nothing_else_is() -> None:
    reply = HomeReply()
    kinds = [
        delta(thinking_content="Hm"),
        delta(tool_calls=[{}]),
        delta(role="tool_result"),
        delta(role="assistant", content=""),
    ]
    seen = []
    for event in kinds:
        reply.feed(event)
        seen.append((reply.progress, reply.working))
    assert seen == [(True, False), (True, True), (True, False), (False, False)]


def test_the_preferred_assistant_comes_first_where_it_fits() -> None:
    rows = [{"id": id, "name": id, "language": language} for id, language in (("a", "en"), ("b", "en-GB"), ("c", "de"))]
    known = read_assistants({"pipelines": rows, "preferred_pipeline": "b"})
    assert [choose(known, None, language) for language in ("en", "en-US", "de", "fr")] == ["b", "b", "c", None]
    assert choose(Assistants(), None, "en") is None


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://ha.local:8123", "http://ha.local:8123/api/websocket"),
        ("https://ha.example.org/", "https://ha.example.org:443/api/websocket"),
        ("http://[::1]:8123/api/websocket", "http://[::1]:8123/api/websocket"),
        ("https://example.org/home", "https://example.org:443/home/api/websocket"),
    ],
)
def test_addresses_of_a_home(written: str, url: str) -> None:
    assert parse_home(written).url("/api/websocket") == url


def test_addresses_that_are_none() -> None:
    with pytest.raises(BadAddress):
        parse_home("ws://ha.local:8123")
