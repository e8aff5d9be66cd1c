"""The thinker against a healthy server and one that misbehaves in each known way."""

from __future__ import annotations

import gzip
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import sick_llm
from sick_llm import DONE, SickLlm, answer, body, closed_port, comments, cut, endless, event, hang, status

from agent.clock import now
from agent.commands import AskLlm, Exchange
from agent.config import Config, Llm, LlmProfile
from agent.events import LlmFailed, ReplyDelta, ReplyDone
from agent.thinking.llm import Thinker

GOOD = event("Hello") + event(" there.") + event(finish="stop") + DONE


def written(text: str) -> bytes:
    """An event with the text itself, not escaped."""
    return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % text.encode()


def code(end: ReplyDone | LlmFailed) -> str:
    return end.code if isinstance(end, LlmFailed) else "done"


# ---------------------------------------------------------------- a healthy server


def test_answers_in_pieces(rig):
    with SickLlm(answer("It is a fine day.")) as llm:
        r = rig(llm.base_url)
        assert code(r.ask(7)) == "done"
        assert r.text(7) == "It is a fine day."
        assert r.wait_health("ok") == ""


def test_sends_what_the_configuration_says(rig):
    with SickLlm() as llm:
        history = (Exchange("Who are you?", "A voice."), Exchange("unheard", ""), Exchange("Sure?", "Yes."))
        r = rig(llm.base_url, model="tiny", temperature=0.5, top_p=0.9, max_tokens=33, history_turns=2)
        r.ask(1, "And now?", history)
        sent = llm.requests[0]
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.body == {
        "model": "tiny",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 33,
        "stream": True,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Who are you?"},
            {"role": "assistant", "content": "A voice."},
            {"role": "user", "content": "Sure?"},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": "And now?"},
        ],
    }
    assert sent.headers["accept-encoding"] == "identity"
    assert "authorization" not in sent.headers


@pytest.mark.parametrize("written", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_base_url_may_be_written_in_many_ways(rig, written):
    with SickLlm() as llm:
        r = rig(f"http://localhost:{llm.port}{written}")
        assert code(r.ask()) == "done"
        assert llm.requests[0].path == "/v1/chat/completions"


def test_connection_is_used_again(rig):
    with SickLlm() as llm:
        r = rig(llm.base_url)
        r.wait_health("ok")
        for turn in (1, 2, 3):
            assert code(r.ask(turn)) == "done"
        assert [seen.connection for seen in llm.requests] == [1, 1, 1], "opened by the look at the models"


def test_connection_that_the_server_closed_is_opened_anew(rig):
    async def answers_and_leaves(visit):
        await answer("Bye.")(visit)
        await visit.close()

    with SickLlm(answers_and_leaves) as llm:
        r = rig(llm.base_url)
        assert [code(r.ask(turn)) for turn in (1, 2, 3)] == ["done"] * 3
        assert len({seen.connection for seen in llm.requests}) == 3


def test_warm_opens_the_connection(rig):
    with SickLlm() as llm:
        r = rig(llm.base_url)
        r.wait_health("ok")
        r.thinker.warm()
        assert code(r.ask()) == "done"
        assert llm.connections <= 2


def test_key_is_sent_and_never_shown(rig, tmp_path, monkeypatch, caplog):
    (tmp_path / "my-key").write_text("sk-canary-1234567890\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    says = {"error": {"message": "Incorrect key sk-canary-1234567890"}}
    error = b"data: " + json.dumps(says).encode() + b"\n\n"
    with SickLlm(answer("Yes."), status(401, says), status(500, says), status(418, says), body(error)) as llm:
        r = rig(llm.base_url, api_key="my-key")
        codes = [code(r.ask(turn)) for turn in (1, 2, 3, 4)]
        assert llm.requests[0].headers["authorization"] == "Bearer sk-canary-1234567890"
    assert codes == ["done", "auth", "server_error", "server_error"]
    assert "canary" not in repr(r.events) + caplog.text
    assert "***" in repr(r.events)


def test_missing_credential_is_named(rig, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with SickLlm() as llm:
        end = rig(llm.base_url, api_key="nowhere").ask()
        assert code(end) == "auth"
        assert "there is no" in end.detail
        assert llm.requests == []


def test_no_model_configured_is_told_at_once(rig):
    r = rig()
    assert r.health() == [("ok", "no language model is configured")]
    assert code(r.ask(3)) == "none_configured"


# ---------------------------------------------------------------- dialects


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(GOOD, "Hello there.", id="plain"),
        pytest.param(GOOD.replace(b"\n", b"\r\n"), "Hello there.", id="crlf"),
        pytest.param(GOOD.replace(b"\n", b"\r"), "Hello there.", id="cr"),
        pytest.param(GOOD.replace(b"data: ", b"data:"), "Hello there.", id="no-space"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, "Hello there.", id="bom"),
        pytest.param(b": ping\n\nevent: x\nid: 1\nretry: 9\n" + GOOD, "Hello there.", id="other-fields"),
        pytest.param(GOOD.replace(DONE, b""), "Hello there.", id="no-done"),
        pytest.param(GOOD.rstrip(b"\n"), "Hello there.", id="no-last-newline"),
        pytest.param(event("Hello") + DONE, "Hello", id="no-finish-reason"),
        pytest.param(event("Oh", finish="stop") + event(" no", finish="stop") + DONE, "Oh no", id="finish-always"),
        pytest.param(event(role="assistant") + GOOD, "Hello there.", id="role-first"),
        pytest.param(event(role="assistant", content=None) + GOOD, "Hello there.", id="content-null"),
        pytest.param(b'data: {"choices":[],"usage":{}}\n\n' + GOOD, "Hello there.", id="usage-only"),
        pytest.param(event(reasoning_content="Hm, let me see.") + GOOD, "Hello there.", id="reasoning-content"),
        pytest.param(event(reasoning="Hm.", content="") + GOOD, "Hello there.", id="reasoning"),
        pytest.param(event(tool_calls=[{"function": {"name": "rm"}}]) + GOOD, "Hello there.", id="tool-call"),
        pytest.param(event("\n\n ") + event(" Hello") + DONE, "Hello", id="leading-space"),
        pytest.param(written("a\u2028b\u0085c"), "a\u2028b\u0085c", id="u2028"),
        pytest.param(rb'data: {"choices":[{"delta":{"content":"x\ud83dy"}}]}' + b"\n\n", "x?y", id="half-surrogate"),
        pytest.param(b"data: {oops\n\ndata: []\n\ndata: {}\n\n" + GOOD, "Hello there.", id="some-bad-events"),
        pytest.param(b"data: " + b"[" * 60_000 + b"\n\n" + GOOD, "Hello there.", id="deep-json"),
    ],
)
def test_dialects(rig, data, said):
    with SickLlm(body(data)) as llm:
        r = rig(llm.base_url)
        assert code(r.ask()) == "done"
        assert r.text() == said


def test_utf8_cut_anywhere(rig):
    with SickLlm(body([bytes([b]) for b in written("It is 안녕 😀") + event("하세요 😀")])) as llm:
        r = rig(llm.base_url)
        assert code(r.ask()) == "done"
        assert r.text() == "It is 안녕 😀하세요 😀"


@pytest.mark.parametrize("unwanted", ["max_tokens", "temperature"])
def test_unwanted_parameter_is_left_out_from_then_on(rig, unwanted):
    says = {"error": {"message": f"Unsupported parameter: '{unwanted}' …", "param": unwanted, "code": "unsupported"}}
    with SickLlm(status(400, says), answer("Fine.")) as llm:
        r = rig(llm.base_url, max_tokens=44, temperature=0.1)
        assert [code(r.ask(1)), code(r.ask(2))] == ["done", "done"]
        bodies = [seen.body for seen in llm.requests]
    assert [unwanted in sent for sent in bodies] == [True, False, False]
    assert [sent.get("max_completion_tokens") for sent in bodies[1:]] == (
        [44, 44] if unwanted == "max_tokens" else [None] * 2
    )


# ---------------------------------------------------------------- refusals and nonsense


@pytest.mark.parametrize(
    ("symptom", "expected", "requests"),
    [
        pytest.param(status(401), "auth", 1, id="401"),
        pytest.param(status(403), "auth", 1, id="403"),
        pytest.param(status(404, {"error": {"message": "model 'x' not found"}}), "server_error", 1, id="404"),
        pytest.param(status(404, "404 page not found"), "server_error", 1, id="404-text"),
        pytest.param(status(500), "server_error", 2, id="500"),
        pytest.param(status(503, Retry_After="60"), "server_error", 1, id="503-later"),
        pytest.param(status(429, Retry_After="3600"), "rate_limited", 1, id="429-later"),
        pytest.param(status(429, Retry_After="nonsense"), "rate_limited", 2, id="429-nonsense"),
        pytest.param(status(302, Location="http://169.254.169.254/"), "bad_reply", 1, id="redirect"),
        pytest.param(body(b"<html>", "text/html"), "bad_reply", 1, id="html"),
        pytest.param(body(b"{}", "application/json"), "bad_reply", 1, id="json"),
        pytest.param(body(gzip.compress(GOOD), Content_Encoding="gzip"), "bad_reply", 1, id="gzip"),
        pytest.param(body(b"data: {oops\n\n" * 9), "bad_reply", 1, id="bad-json"),
        pytest.param(body(b"data: {}\n\n" * 9), "bad_reply", 1, id="no-choices"),
        pytest.param(body(DONE), "bad_reply", 1, id="empty"),
        pytest.param(body(event(finish="tool_calls", tool_calls=[{}]) + DONE), "bad_reply", 1, id="only-tool-calls"),
        pytest.param(body(b'data: {"error": {"message": "overloaded"}}\n\n'), "server_error", 1, id="error-event"),
        pytest.param(body(b"data: x" + b"y" * 70_000 + b"\n\n"), "bad_reply", 1, id="long-line"),
        pytest.param(sick_llm.no_newline(), "bad_reply", 1, id="no-newline"),
        pytest.param(cut(""), "unreachable", 2, id="cut-before-headers"),
        pytest.param(cut("", reset=True), "unreachable", 2, id="reset-before-headers"),
    ],
)
def test_refused(rig, symptom, expected, requests):
    with SickLlm(symptom) as llm:
        r = rig(llm.base_url)
        end = r.ask()
        assert code(end) == expected
        assert r.text() == ""
        assert len(llm.requests) == requests
        assert end.detail.startswith("a: ")
        assert "\n" not in end.detail


def test_server_that_speaks_no_http(rig):
    async def nonsense(visit):
        await visit.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        await visit.close()

    with SickLlm(nonsense) as llm:
        assert code(rig(llm.base_url).ask()) == "unreachable"


def test_what_was_said_before_the_end_is_passed_on(rig):
    with SickLlm(body(event("Hello") + b'data: {"error": "boom"}\n\n' + event("never"))) as llm:
        r = rig(llm.base_url)
        end = r.ask()
        assert (code(end), end.detail, r.text()) == ("server_error", "boom", "Hello")


@pytest.mark.parametrize(
    "symptom",
    [cut("One."), cut("One.", half=b"data: {"), cut("One.", reset=True), body(event("One."), framed=False)],
    ids=["fin", "fin-in-an-event", "rst", "no-end"],
)
def test_cut_while_speaking(rig, symptom):
    with SickLlm(symptom) as llm, SickLlm(answer("Never.")) as other:
        r = rig(llm.base_url, other.base_url)
        assert code(r.ask()) == "cut_off"
        assert r.text() == "One."
        assert (len(llm.requests), len(other.requests)) == (1, 0), "no retry and no fall-back once speech began"


def test_unframed_answer_with_an_end_is_whole(rig):
    with SickLlm(body(GOOD, framed=False)) as llm:
        r = rig(llm.base_url)
        assert (code(r.ask()), r.text()) == ("done", "Hello there.")


def test_endless_answer_is_ended(rig):
    with SickLlm(endless()) as llm:
        r = rig(llm.base_url)
        assert code(r.ask()) == "bad_reply"
        assert len(r.text()) <= 262_144
        assert llm.requests[0].closed.wait(5)


# ---------------------------------------------------------------- retries, fall-back, circuit


def test_one_retry_after_a_503(rig):
    with SickLlm(status(503), answer("Back.")) as llm:
        r = rig(llm.base_url)
        assert (code(r.ask()), r.text()) == ("done", "Back.")


@pytest.mark.parametrize("later", ["1", "date"])
def test_retry_after_is_honoured(rig, later):
    if later == "date":
        later = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with SickLlm(status(429, Retry_After=later), answer("Back.")) as llm:
        r = rig(llm.base_url)
        assert (code(r.ask()), r.text()) == ("done", "Back.")
        assert llm.requests[1].at - llm.requests[0].at >= 0.9


def test_no_retry_that_would_come_too_late(rig):
    with SickLlm(status(429, Retry_After="4"), answer("Late.")) as llm:
        r = rig(llm.base_url, first_token_timeout_s=1.0, cold_first_token_timeout_s=1.0)
        assert code(r.ask()) == "rate_limited"
        assert len(llm.requests) == 1


@pytest.mark.parametrize("symptom", [status(401), hang(), body(b"no", "text/html"), cut("")])
def test_falls_back_before_the_first_word(rig, symptom):
    with SickLlm(symptom) as first, SickLlm(answer("I can.")) as second:
        r = rig(first.base_url, second.base_url, first_token_timeout_s=0.5, cold_first_token_timeout_s=0.5)
        assert (code(r.ask()), r.text()) == ("done", "I can.")
        assert {e.profile for e in r.events if isinstance(e, ReplyDelta)} == {"b"}
        assert r.wait_health("degraded").startswith("a: ")


def test_all_failures_are_told(rig):
    with SickLlm(status(401)) as first, SickLlm(status(404)) as second:
        r = rig(first.base_url, second.base_url)
        end = r.ask()
        assert code(end) == "auth"
        assert end.detail == "a: HTTP 401: the key is missing or refused; b: HTTP 404: sick"
        assert r.wait_health("failed") == "a: HTTP 401: the key is missing or refused; b: HTTP 404: sick"


def test_after_three_failures_a_profile_is_skipped(rig):
    with SickLlm(status(404)) as first, SickLlm() as second:
        r = rig(first.base_url, second.base_url)
        assert [code(r.ask(turn)) for turn in range(1, 6)] == ["done"] * 5
        assert (len(first.requests), len(second.requests)) == (3, 5)


def test_health_recovers_with_an_answer(rig):
    with SickLlm(status(404), answer("Yes.")) as llm:
        r = rig(llm.base_url)
        r.wait_health("ok")
        r.ask(1)
        r.ask(2)
        assert [status for status, _ in r.health()] == ["loading", "ok", "failed", "ok"]


def test_nobody_listens(rig):
    r = rig(f"http://127.0.0.1:{closed_port()}/v1")
    begin = time.monotonic()
    end = r.ask()
    assert (code(end), end.detail) == ("unreachable", "a: connection refused or no such host")
    assert time.monotonic() - begin < 3 * 3
    assert "refused" in r.wait_health("failed")


def test_health_tells_an_absent_server_without_a_question(rig):
    assert "refused" in rig(f"http://127.0.0.1:{closed_port()}/v1").wait_health("failed")


def test_health_recovers_without_a_question(rig, monkeypatch):
    monkeypatch.setattr("agent.thinking.profiles.PROBE_S", 0.05)
    port = closed_port()
    r = rig(f"http://127.0.0.1:{port}/v1")
    r.wait_health("failed")
    with SickLlm(port=port):
        r.wait_health("ok")


def test_unknown_host_falls_back(rig):
    with SickLlm() as llm:
        r = rig("http://nobody.invalid/v1", llm.base_url)
        assert code(r.ask()) == "done"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://0xa9fea9fe/v1",
        "http://0.0.0.0:1/v1",
    ],
)
def test_forbidden_addresses(rig, url):
    assert code(rig(url).ask()) == "unreachable"


def test_key_does_not_travel_in_the_clear(rig, tmp_path, monkeypatch):
    (tmp_path / "key").write_text("sk-1")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    end = rig("http://93.184.216.34:9/v1", api_key="key").ask()
    assert (code(end), end.detail) == ("unreachable", "a: a key would travel unencrypted to 93.184.216.34; use https")


# ---------------------------------------------------------------- deadlines


@pytest.mark.parametrize("symptom", [hang(), sick_llm.slow_headers(), comments()])
def test_first_word_is_overdue(rig, symptom):
    with SickLlm(symptom) as llm:
        r = rig(llm.base_url, first_token_timeout_s=0.5, cold_first_token_timeout_s=0.5)
        assert code(r.ask()) == "timeout"
        assert llm.requests[0].closed.wait(5)


def test_comments_do_not_count_as_words(rig):
    with SickLlm(comments(before="One.")) as llm:
        r = rig(llm.base_url, token_timeout_s=0.5)
        assert code(r.ask()) == "timeout"
        assert r.text() == "One."


def test_total_time(rig):
    with SickLlm(endless("word {} ", every_s=0.05)) as llm:
        r = rig(llm.base_url, total_timeout_s=1.0)
        assert code(r.ask()) == "timeout"
        assert r.text().startswith("word 0 word 1")


def test_cold_model_gets_more_time(rig):
    with SickLlm(answer("Slow.", first_s=1.5)) as llm:
        r = rig(llm.base_url, first_token_timeout_s=0.5, cold_first_token_timeout_s=20.0, total_timeout_s=1.0)
        assert [code(r.ask(1)), code(r.ask(2))] == ["done", "timeout"]


def test_reasoning_is_progress(rig):
    async def thinks(visit):
        await visit.head()
        for _ in range(8):
            await visit.part(event(reasoning_content="hm"))
            await sick_llm.asyncio.sleep(0.2)
        await visit.part(event("Yes.") + DONE)
        await visit.end()

    with SickLlm(thinks) as llm:
        r = rig(llm.base_url, first_token_timeout_s=0.8, cold_first_token_timeout_s=0.8, token_timeout_s=0.8)
        assert (code(r.ask()), r.text()) == ("done", "Yes.")


def test_silence_after_the_finish_reason_is_an_end(rig):
    async def forgets(visit):
        await visit.head()
        await visit.part(event("Yes.") + event(finish="stop"))
        await hang()(visit)

    with SickLlm(forgets) as llm:
        r = rig(llm.base_url)
        assert (code(r.ask()), r.text()) == ("done", "Yes.")


# ---------------------------------------------------------------- turns


@pytest.mark.parametrize("speaking", [False, True])
def test_cancel_closes_the_socket_and_says_no_more(rig, speaking):
    with SickLlm(endless(every_s=0.01) if speaking else hang()) as llm:
        r = rig(llm.base_url)
        r.tell(1)
        seen = llm.wait_for(1)
        if speaking:
            r.wait(lambda e: isinstance(e, ReplyDelta))
        begin = time.monotonic()
        r.cancel(1)
        assert seen.closed.wait(5)
        assert seen.closed_at - begin < 0.1 * 3
        said = r.text(1)
        r.thinker.stop()
        assert r.text(1) == said
        assert not [e for e in r.events if isinstance(e, ReplyDone | LlmFailed)]


def test_a_newer_turn_cancels_the_older(rig):
    with SickLlm(hang(), answer("Second.")) as llm:
        r = rig(llm.base_url)
        r.tell(1)
        first = llm.wait_for(1)
        assert code(r.ask(2)) == "done"
        assert first.closed.wait(5)
        assert r.text(1) == ""
        assert not [e for e in r.events if isinstance(e, ReplyDone | LlmFailed) and e.turn == 1]


def test_an_older_turn_is_dropped(rig):
    with SickLlm() as llm:
        r = rig(llm.base_url)
        assert code(r.ask(5)) == "done"
        r.tell(4)
        assert code(r.ask(6)) == "done"
        assert len(llm.requests) == 2


def test_cancelling_a_newer_turn_cancels_all(rig):
    with SickLlm(hang()) as llm:
        r = rig(llm.base_url)
        r.tell(1)
        seen = llm.wait_for(1)
        r.cancel(2)
        assert seen.closed.wait(5)


def test_stop_while_waiting(rig):
    with SickLlm(hang()) as llm:
        r = rig(llm.base_url)
        r.tell(1)
        seen = llm.wait_for(1)
        assert r.stop() < 1.0 * 3
        assert seen.closed.wait(5)
        r.tell(2)  # too late: nothing happens
        r.stop()


def test_a_hundred_cancelled_turns_leave_no_connection(rig):
    with SickLlm(hang()) as llm:
        r = rig(llm.base_url)
        for turn in range(1, 101):
            r.tell(turn)
            llm.wait_for(turn)
        r.cancel(100)
        for seen in llm.requests:
            assert seen.closed.wait(5)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unexplained_end_of_the_thread_is_fatal():
    told, fatal = threading.Event(), []

    def emit(happened):
        if isinstance(happened, ReplyDelta):
            raise ZeroDivisionError

    def on_fatal(reason):
        fatal.append(reason)
        told.set()

    with SickLlm() as llm:
        profile = LlmProfile(base_url=llm.base_url)
        thinker = Thinker(Config(llm=Llm(use=("a",), profiles={"a": profile})), emit, now, on_fatal)
        thinker.start()
        thinker.do(AskLlm(1, "Hi?"))
        assert told.wait(20)
        thinker.do(AskLlm(2, "Anybody?"))
        thinker.stop()
    assert fatal == ["the thinker's thread ended unexpectedly"]
