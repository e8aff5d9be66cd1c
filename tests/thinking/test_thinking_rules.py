"""Addresses, refusals, the circuit breaker, what the model is told: pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.commands import Exchange
from agent.thinking.address import BadAddress, forbidden, parse
from agent.thinking.circuit import FAILURES, PROBE_S, Circuit
from agent.thinking.failure import MAX_DETAIL, Failure
from agent.thinking.memory import HISTORY_CHARS, QUESTION_CHARS, messages
from agent.thinking.refusals import refusal, retry_after, unwanted_parameter

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
        ("http://pi.local:8080/", "http://pi.local:8080/v1/chat/completions"),
        ("https://api.openai.com/v1/", "https://api.openai.com:443/v1/chat/completions"),
        ("https://x.org/v1beta/openai", "https://x.org:443/v1beta/openai/chat/completions"),
        ("http://x/v1/chat/completions", "http://x:80/v1/chat/completions"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
        ("http://bücher.example/v1", "http://xn--bcher-kva.example:80/v1/chat/completions"),
    ],
)
def test_addresses(written, url):
    assert parse(written).url("/chat/completions") == url


@pytest.mark.parametrize(
    "written",
    [
        *("", "localhost:11434", "ftp://x", "file:///etc/passwd", "http://", "http://:80", "http://u:p@x"),
        *("http://x/v1?a=b", "http://x/#f", "http://x:99999", "http://x:0", "http://[::1", "http://x y", "http://x\n"),
        *("http://[fe80::1%25eth0]/", "http://..", "http://" + "a" * 70),
    ],
)
def test_bad_addresses(written):
    with pytest.raises(BadAddress):
        parse(written)


@given(st.text(max_size=40), st.sampled_from(["", "http://", "https://", "http://x"]))
def test_any_address_is_good_or_bad(text, scheme):
    try:
        address = parse(scheme + text)
    except BadAddress:
        return
    assert parse(address.url("")) == address


@pytest.mark.parametrize(
    "ip",
    [
        *("169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "100.100.100.200", "fd00:ec2::254"),
        *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"),
        *("0.0.0.0", "::", "224.0.0.1", "ff02::1"),
    ],
)
def test_forbidden_to_all(ip):
    assert forbidden(ip, private_only=False)


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "fd12::1", "100.64.0.7"])
def test_private_addresses_may_see_a_key(ip):
    assert forbidden(ip, private_only=True) is None


@pytest.mark.parametrize("ip", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_may_not_see_a_key_unencrypted(ip):
    assert forbidden(ip, private_only=False) is None
    assert "unencrypted" in (forbidden(ip, private_only=True) or "")


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        (" 0.5 ", 0.5),
        ("-1", None),
        ("soon", None),
        ("9" * 400, None),
        (format_datetime(NOON + timedelta(seconds=4), usegmt=True), 4.0),
        (format_datetime(NOON - timedelta(days=1), usegmt=True), 0.0),
    ],
)
def test_retry_after(value, seconds):
    assert retry_after(value, NOON) == seconds


@given(st.text(max_size=40))
def test_any_retry_after(value):
    seconds = retry_after(value, NOON)
    assert seconds is None or seconds >= 0


def test_what_may_be_tried_again():
    again = {
        status: refusal(status, {}, "", NOON).again_in is not None for status in (400, 401, 404, 408, 429, 500, 503)
    }
    assert again == {400: False, 401: False, 404: False, 408: True, 429: True, 500: True, 503: True}
    assert 4 <= (refusal(503, {"retry-after": "4"}, "", NOON).again_in or 0) < 4.1
    assert refusal(503, {"retry-after": "6"}, "", NOON).again_in is None


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        (b'{"error": {"message": "no", "param": "max_tokens"}}', "max_tokens"),
        (b'{"error": {"message": "Unsupported value: \'temperature\' \xe2\x80\xa6"}}', "temperature"),
        (b'{"error": {"message": "no", "param": "messages"}}', None),
        (b'{"error": "max_tokens is too large"}', None),
        (b"<html>", None),
    ],
)
def test_unwanted_parameters(body, parameter):
    assert unwanted_parameter(body) == parameter


@given(st.text(max_size=400))
def test_details_are_one_short_line(text):
    detail = Failure("bad_reply", text).detail
    assert len(detail) <= MAX_DETAIL
    assert detail.isprintable()


# ---------------------------------------------------------------- circuit


def test_circuit_opens_after_three_failures_and_is_probed():
    circuit = Circuit()
    for at in (10.0, 11.0):
        circuit = circuit.failed(at)
        assert circuit.allows(at)
    circuit = circuit.failed(12.0)
    assert not circuit.allows(12.0 + PROBE_S - 0.1)
    assert circuit.allows(12.0 + PROBE_S)
    circuit = circuit.failed(50.0)
    assert not circuit.allows(51.0)
    assert circuit.succeeded().allows(51.0)


def test_after_an_answered_probe_one_failure_is_enough():
    circuit = Circuit(FAILURES, 1.0).answered_probe()
    assert circuit.allows(2.0)
    assert not circuit.failed(3.0).allows(4.0)


# ---------------------------------------------------------------- memory


def test_history_is_limited_and_alternates():
    history = tuple(Exchange(f"q{n}", "a" * 900) for n in range(20))
    told = messages("prompt", history, "now?", 50)
    assert [message["role"] for message in told] == ["system", *["user", "assistant"] * 4, "user"]
    assert told[-3]["content"] == "q19"
    assert len(messages("", history, "now?", 2)) == 5
    assert messages(" ", history, "now?", 0) == [{"role": "user", "content": "now?"}]


@given(
    st.lists(st.builds(Exchange, st.text(max_size=3000), st.text(max_size=3000)), max_size=8),
    st.text(),
    st.integers(0, 9),
)
def test_any_history(history, question, turns):
    told = messages("prompt", history, question, turns)
    roles = [message["role"] for message in told]
    assert roles == ["system", *["user", "assistant"] * ((len(told) - 2) // 2), "user"]
    assert len(told) <= 2 + 2 * turns
    assert sum(len(message["content"]) for message in told[1:-1]) <= HISTORY_CHARS
    assert len(told[-1]["content"]) <= QUESTION_CHARS
