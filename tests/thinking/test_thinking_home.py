"""The thinker and a Home Assistant, healthy and misbehaving in each way that is known."""

from __future__ import annotations

import json
import logging
import time

import pytest
import sick_home
from sick_home import (
    DEVICE,
    DEVICES,
    LAMP,
    PROCESS,
    RUN,
    TOKEN,
    SickHome,
    chatter,
    cut,
    dribble,
    errs,
    hang,
    output,
    refuses,
    says,
    sends,
    uses_a_tool,
    writes,
)
from sick_llm import SickLlm, answer, closed_port, status

from agent.config import Conversation, LlmProfile, MqttSection
from agent.events import LlmFailed, ReplyDelta, ReplyDone

QUICK = {"cold_first_token_timeout_s": 5.0, "first_token_timeout_s": 5.0, "token_timeout_s": 5.0}
HASTY = {"cold_first_token_timeout_s": 0.5, "first_token_timeout_s": 0.5}


@pytest.fixture
def credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "token").write_text(TOKEN)
    return tmp_path


@pytest.fixture
def house(profiles_rig, credentials):
    """`house(url, …, token_timeout_s=1)`: a thinker with a profile "house" there, and "spare" at a second address."""

    def make(url, spare="", language="en", history_s=300, device="kitchen", mqtt=True, **settings):
        given = {**QUICK, **settings}
        profiles = {"house": LlmProfile(kind="home_assistant", base_url=url, api_key="token", **given)}
        if spare:
            profiles["spare"] = LlmProfile(base_url=spare)
        sections = {
            "mqtt": MqttSection(enabled=mqtt, device=device),
            "conversation": Conversation(history_s=history_s),
        }
        return profiles_rig(profiles, language, **sections)

    return make


def code(end):
    return end.code if isinstance(end, LlmFailed) else "done"


def event(kind, **data):
    return json.dumps({"id": "ID", "type": "event", "event": {"type": kind, "data": data}})


# ---------------------------------------------------------------- healthy


def test_its_own_agent_answers(house):
    with SickHome(says("Turned on the light.")) as home:
        r = house(home.base_url)
        assert code(r.ask(7, "Turn on the light.")) == "done"
        assert r.text(7) == "Turned on the light."
        sent = home.asked[0].message
    assert r.wait_health("ok") == ""
    assert {key: value for key, value in sent.items() if key != "id"} == {
        "type": RUN,
        "start_stage": "intent",
        "end_stage": "intent",
        "timeout": 30,
        "pipeline": "p-en",
        "device_id": "d1",
        "input": {"text": "Turn on the light."},
    }


def test_a_language_model_behind_it_is_heard_as_it_writes(house):
    with SickHome(writes("It is ", "twenty ", "degrees.", every_s=0.05)) as home:
        r = house(home.base_url)
        assert code(r.ask()) == "done"
        pieces = [e.text for e in r.events if isinstance(e, ReplyDelta)]
    assert pieces == ["It is ", "twenty ", "degrees."]


def test_a_tool_between_two_messages(house):
    with SickHome(uses_a_tool("One moment.", "It is on.")) as home:
        r = house(home.base_url)
        assert (code(r.ask()), r.text()) == ("done", "One moment. It is on.")


def test_a_tool_may_take_its_time(house):
    with SickHome(uses_a_tool("One moment.", "It is on.", takes_s=1.0)) as home:
        r = house(home.base_url, token_timeout_s=0.4)
        assert (code(r.ask()), r.text()) == ("done", "One moment. It is on.")


def test_what_only_the_end_says_is_said(house):
    end = event("intent-end", intent_output=output("It is warm. Very."))
    start = sends('{"id": "ID", "type": "result", "success": true}', event("intent-progress", chat_log_delta={"role": "assistant", "content": "It is warm."}), end)  # fmt: skip  # noqa: E501
    with SickHome(start) as home:
        r = house(home.base_url)
        assert (code(r.ask()), r.text()) == ("done", "It is warm. Very.")


def test_an_action_without_a_word_is_acknowledged(house):
    with SickHome(says("")) as home:
        r = house(home.base_url)
        assert (code(r.ask()), r.text()) == ("done", "OK.")


def test_one_line_for_all_questions(house):
    with SickHome() as home:
        r = house(home.base_url)
        r.wait_health("ok")
        assert [code(r.ask(turn)) for turn in (1, 2, 3)] == ["done"] * 3
        assert [asked.connection for asked in home.asked] == [1, 1, 1], "opened by the look whether it is there"
        assert home.commands.count(DEVICES) == 1


def test_the_conversation_goes_on_as_long_as_it_lasts(house):
    with SickHome(says("A.", conversation="c-7"), says("B.", conversation="c-8")) as home:
        r = house(home.base_url)
        for turn in (1, 2, 3):
            r.ask(turn)
        assert [asked.message.get("conversation_id") for asked in home.asked] == [None, "c-7", "c-8"]


def test_a_conversation_that_is_over_is_not_taken_up_again(house):
    with SickHome() as home:
        r = house(home.base_url, history_s=0)
        r.ask(1)
        time.sleep(0.01)  # longer than the conversation lasts
        r.ask(2)
        assert "conversation_id" not in home.asked[1].message


def test_the_key_is_sent_and_never_shown(house, caplog):
    caplog.set_level(logging.DEBUG)
    told = f"sick of {TOKEN}"
    symptoms = (
        says("Yes."),
        errs("intent-failed", told),
        refuses("invalid_format", told),
        refuses("unauthorized", told),
    )
    with SickHome(*symptoms) as home:
        r = house(home.base_url)
        codes = [code(r.ask(turn)) for turn in (1, 2, 3, 4)]
        assert set(home.tokens) == {TOKEN}
    assert codes == ["done", "server_error", "server_error", "auth"]
    assert "canary" not in repr(r.events) + caplog.text
    assert "***" in repr(r.events)


# ---------------------------------------------------------------- which device, which assistant


@pytest.mark.parametrize(
    ("devices", "settings"),
    [
        pytest.param([LAMP], {}, id="not-there"),
        pytest.param([LAMP, DEVICE], {"device": "hall"}, id="another-name"),
        pytest.param([None, {"identifiers": 5}, {"identifiers": [["mqtt"]]}], {}, id="nonsense"),
        pytest.param([LAMP, DEVICE], {"mqtt": False}, id="not-announced"),
    ],
)
def test_without_our_device_it_is_asked_all_the_same(house, devices, settings):
    with SickHome(devices=devices) as home:
        r = house(home.base_url, **settings)
        assert code(r.ask()) == "done"
        assert "device_id" not in home.asked[0].message


def test_a_token_that_may_not_see_devices(house):
    with SickHome(instead={DEVICES: refuses("unauthorized")}) as home:
        r = house(home.base_url)
        assert code(r.ask()) == "done"
        assert "device_id" not in home.asked[0].message


def test_a_list_of_devices_beyond_all_measure(house, caplog):
    with SickHome(devices=[{**LAMP, "name": "x" * 3_000_000}, DEVICE]) as home:
        r = house(home.base_url)
        assert code(r.ask()) == "done"
        assert "device_id" not in home.asked[0].message
    assert "cannot be read" in caplog.text


def test_a_device_that_came_later_is_found(house, monkeypatch):
    monkeypatch.setattr("agent.thinking.home_door.MISSING_S", 0.0)
    with SickHome(devices=[LAMP]) as home:
        r = house(home.base_url)
        r.ask(1)
        home.tell_of(LAMP, DEVICE)
        known = home.commands.count(DEVICES)
        r.thinker.warm()
        home.wait_for_command(DEVICES, known + 1)
        r.ask(2)
        assert ["device_id" in asked.message for asked in home.asked] == [False, True]


@pytest.mark.parametrize(
    ("agent", "language", "pipeline"),
    [
        (None, "en-GB", "p-en"),
        (None, "de", "p-de"),
        (None, "fr", None),
        ("haus", "en", "p-de"),
        ("p-de", "en", "p-de"),
        ("conversation.claude", "en", "conversation.claude"),
    ],
)
def test_which_assistant(house, agent, language, pipeline):
    with SickHome() as home:
        r = house(home.base_url, language=language, agent=agent)
        assert code(r.ask()) == "done"
        assert home.asked[0].message.get("pipeline") == pipeline


def test_an_assistant_that_is_not_there_is_named(house):
    with SickHome() as home:
        r = house(home.base_url, agent="Haus 2")
        assert r.wait_health("failed") == 'house: Home Assistant has no assistant "Haus 2"; it has "Home", "Haus"'
        end = r.ask()
        assert (code(end), home.asked) == ("server_error", [])


def test_without_pipelines_the_conversation_is_asked(house):
    with SickHome(says("Yes.", conversation="c-3"), without=(RUN, "assist_pipeline/pipeline/list")) as home:
        r = house(home.base_url, agent="conversation.claude", language="de")
        assert [code(r.ask(turn)) for turn in (1, 2)] == ["done", "done"]
        assert r.text(1) == "Yes."
        sent = home.asked[1].message
    assert {key: value for key, value in sent.items() if key != "id"} == {
        "type": PROCESS,
        "text": "Hi?",
        "language": "de",
        "agent_id": "conversation.claude",
        "conversation_id": "c-3",
    }


@pytest.mark.parametrize("why", ["unknown_command", "pipeline-not-found"])
def test_a_pipeline_that_is_gone(house, why):
    with SickHome(refuses(why), says("Directly.")) as home:
        r = house(home.base_url)
        assert (code(r.ask()), r.text()) == ("done", "Directly.")
        assert [asked.message["type"] for asked in home.asked] == [RUN, PROCESS]


def test_nothing_to_ask(house):
    with SickHome(without=(RUN, PROCESS, "assist_pipeline/pipeline/list")) as home:
        end = house(home.base_url).ask()
        assert (code(end), end.detail) == ("server_error", "house: unknown_command: Unknown command.")


# ---------------------------------------------------------------- it does not know


@pytest.mark.parametrize("why", ["no_intent_match", "no_valid_targets", "unknown"])
def test_what_it_does_not_know_another_may(house, why):
    with SickHome(says("Sorry, I couldn't understand that.", kind="error", code=why)) as home:
        with SickLlm(answer("Paris.")) as llm:
            r = house(home.base_url, llm.base_url)
            assert (code(r.ask(1)), r.text(1)) == ("done", "Paris.")
        assert r.wait_health("ok") == ""


@pytest.mark.parametrize("spare", [False, True])
def test_what_nobody_knows_is_said_in_its_words(house, spare):
    with (
        SickHome(says("Sorry, what?", kind="error", code="no_intent_match")) as home,
        SickLlm(status(404)) as llm,
    ):
        r = house(home.base_url, llm.base_url if spare else "")
        end = r.ask()
        assert (code(end), end.detail) == ("unanswered", "Sorry, what?")


def test_what_it_understood_and_failed_to_do_is_its_answer(house):
    with SickHome(says("The lamp fails.", kind="error", code="failed_to_handle")) as home, SickLlm() as llm:
        r = house(home.base_url, llm.base_url)
        assert (code(r.ask()), r.text()) == ("done", "The lamp fails.")
        assert llm.requests == []


# ---------------------------------------------------------------- refusals and nonsense


GOOD_RESULT = '{"id": "ID", "type": "result", "success": true, "result": null}'


@pytest.mark.parametrize(
    ("symptom", "expected"),
    [
        pytest.param(errs("timeout", "Timeout running pipeline"), "timeout", id="its-own-time-out"),
        pytest.param(errs("intent-failed", "Unexpected error"), "server_error", id="error-event"),
        pytest.param(errs("intent-not-supported", "no such engine"), "server_error", id="no-engine"),
        pytest.param(refuses("home_assistant_error"), "server_error", id="refused"),
        pytest.param(refuses("unauthorized"), "auth", id="unauthorized"),
        pytest.param(sends(GOOD_RESULT, event("run-end")), "bad_reply", id="nothing-but-the-end"),
        pytest.param(sends(*["{oops"] * 9), "bad_reply", id="bad-json"),
        pytest.param(sends(*[b"\x00\x01"] * 9), "bad_reply", id="binary"),
        pytest.param(sends(*["[1]"] * 9), "bad_reply", id="lists"),
        pytest.param(sends(*["[" * 60_000] * 9), "bad_reply", id="deep-json"),
        pytest.param(sends(*['{"id": "ID", "type": "event", "event": 7}'] * 9), "bad_reply", id="events-that-are-none"),
        pytest.param(sends(*[event("intent-end")] * 9), "bad_reply", id="end-without-output"),
        pytest.param(sends(event("intent-end", intent_output={"response": 7})), "bad_reply", id="no-response"),
        pytest.param(
            sends(*[event("intent-progress", chat_log_delta={"content": 7})] * 9), "bad_reply", id="content-is-no-text"
        ),
        pytest.param(sends(event("error", message="x")), "server_error", id="error-without-code"),
        pytest.param(
            sends('{"id": "ID", "type": "result", "success": false}'), "server_error", id="refused-wordlessly"
        ),
        pytest.param(sends('{"x": "' + "y" * 3_000_000 + '"}'), "bad_reply", id="huge-message"),
        pytest.param(says("", kind="error", code="no_intent_match"), "bad_reply", id="ignorant-and-silent"),
        pytest.param(cut(), "unreachable", id="cut-before-the-first-word"),
        pytest.param(cut(reset=True), "unreachable", id="reset-before-the-first-word"),
        pytest.param(cut(half=b"\x81\x7e\xff\xff{"), "unreachable", id="cut-in-a-frame"),
        pytest.param(sick_home.endless("word " * 2_000), "bad_reply", id="endless"),
    ],
)
def test_refused(house, symptom, expected):
    with SickHome(symptom) as home:
        r = house(home.base_url)
        end = r.ask()
        assert code(end) == expected
        assert len(r.text()) <= 262_144
        assert len(home.asked) == 1, "it may have acted already: no second try"
        assert end.detail.startswith("house: ") or expected == "bad_reply"
        assert "\n" not in end.detail


@pytest.mark.parametrize("nonsense", ["{oops", b"\xff", "[]", '{"id": 77}', '{"type": "event"}'])
def test_some_nonsense_is_passed_over(house, nonsense):
    with SickHome(sends(*[nonsense] * 4, then=says("Fine."))) as home:
        r = house(home.base_url)
        assert (code(r.ask()), r.text()) == ("done", "Fine.")


def test_half_a_character(house):
    with SickHome(sends(GOOD_RESULT, r'{"id": "ID", "type": "event", "event": {"type": "intent-end", "data": {"intent_output": {"response": {"speech": {"plain": {"speech": "x\ud83dy"}}}}}}}')) as home:  # fmt: skip  # noqa: E501
        r = house(home.base_url)
        assert (code(r.ask()), r.text()) == ("done", "x?y")


@pytest.mark.parametrize("symptom", [cut("One."), cut("One.", reset=True), errs("intent-failed", "boom", after="One.")])
def test_cut_while_speaking(house, symptom):
    with SickHome(symptom) as home, SickLlm(answer("Never.")) as other:
        r = house(home.base_url, other.base_url)
        assert code(r.ask()) in ("cut_off", "server_error")
        assert r.text() == "One."
        assert (len(home.asked), other.requests) == (1, []), "no retry and no fall-back once speech began"


def test_nobody_else_is_asked_once_a_tool_was_called(house):
    with SickHome(cut(tool=True)) as home, SickLlm(answer("Never.")) as other:
        r = house(home.base_url, other.base_url)
        assert code(r.ask()) == "unreachable"
        assert other.requests == []


@pytest.mark.parametrize("symptom", [hang(), cut(), errs("intent-failed", "boom"), refuses("home_assistant_error")])
def test_falls_back_before_the_first_word(house, symptom):
    with SickHome(symptom) as home, SickLlm(answer("I can.")) as second:
        r = house(home.base_url, second.base_url, **HASTY)
        assert (code(r.ask()), r.text()) == ("done", "I can.")
        assert r.wait_health("degraded").startswith("house: ")


# ---------------------------------------------------------------- the door


def test_a_wrong_token_is_shown_once(house, credentials):
    (credentials / "token").write_text("canary.wrong")
    with SickHome() as home:
        r = house(home.base_url)
        assert r.wait_health("failed") == "house: Home Assistant refuses the token"
        ends = [r.ask(turn) for turn in (1, 2)]
        assert [(code(end), end.detail) for end in ends] == [("auth", "house: Home Assistant refuses the token")] * 2
        assert home.tokens == ["canary.wrong"], "it counts them, and may ban the device"
        (credentials / "token").write_text(TOKEN)
        assert code(r.ask(3)) == "done", "a new one needs no restart"
    assert "canary" not in repr(r.events)


def test_a_missing_credential_is_named(house, credentials):
    (credentials / "token").unlink()
    with SickHome() as home:
        end = house(home.base_url).ask()
        assert code(end) == "auth"
        assert "there is no such credential" in end.detail
        assert home.tokens == []


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        pytest.param(hang(), "timeout", id="slow-auth"),
        pytest.param(dribble(), "timeout", id="dribbles"),
        pytest.param(sends('{"type": "hello"}'), "bad_reply", id="another-greeting"),
        pytest.param(sends(*["{"] * 9), "bad_reply", id="nonsense"),
        pytest.param(cut(), "unreachable", id="hangs-up"),
    ],
)
def test_the_door_stays_shut(house, greeting, expected):
    with SickHome(greeting=greeting) as home:
        r = house(home.base_url, **{**HASTY, "token_timeout_s": 0.3})
        assert code(r.ask()) == expected
        assert home.tokens == []


def test_no_answer_to_the_token(house):
    async def silent(visit):
        await visit.line.send('{"type": "auth_required"}')
        await visit.line.recv()
        await hang()(visit)

    with SickHome(greeting=silent) as home:
        end = house(home.base_url, token_timeout_s=0.3).ask()
        assert (code(end), end.detail) == ("timeout", "house: no answer to the token in time")


@pytest.mark.parametrize(
    ("answer_", "expected", "said"),
    [
        pytest.param(status(404), "bad_reply", "base_url is only scheme, host and port", id="404"),
        pytest.param(status(403), "auth", "ip_bans.yaml", id="banned"),
        pytest.param(status(502), "server_error", "not ready", id="502"),
        pytest.param(status(200), "bad_reply", "HTTP 200", id="200"),
        pytest.param(status(301, Location="https://elsewhere.invalid/"), "bad_reply", "redirects", id="redirect-https"),
        pytest.param(status(302, Location="ws://169.254.169.254/"), "bad_reply", "redirects", id="redirect-metadata"),
    ],
)
def test_something_else_answers_there(house, answer_, expected, said):
    with SickLlm(answer_) as web:
        end = house(f"http://127.0.0.1:{web.port}").ask()
        assert code(end) == expected
        assert said in end.detail


def test_something_that_speaks_no_http(house):
    async def nonsense(visit):
        await visit.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await visit.close()

    with SickLlm(nonsense) as web:
        assert code(house(f"http://127.0.0.1:{web.port}").ask()) == "unreachable"


@pytest.mark.parametrize("written", ["", "/", "/api/websocket"])
def test_base_url_may_be_written_in_many_ways(house, written):
    with SickHome() as home:
        assert code(house(f"http://localhost:{home.port}{written}").ask()) == "done"


def test_nobody_is_there(house):
    begin = time.monotonic()
    end = house(f"http://127.0.0.1:{closed_port()}").ask()
    assert (code(end), end.detail) == ("unreachable", "house: connection refused or no such host")
    assert time.monotonic() - begin < 3 * 3


def test_it_comes_back(house, monkeypatch):
    monkeypatch.setattr("agent.thinking.profiles.PROBE_S", 0.05)
    port = closed_port()
    r = house(f"http://127.0.0.1:{port}")
    r.wait_health("failed")
    with SickHome(port=port):
        r.wait_health("ok")


def test_a_restart_of_it_costs_no_question(house):
    with SickHome() as home:
        r = house(home.base_url)
        assert code(r.ask(1)) == "done"
        home.hang_up()
        assert code(r.ask(2)) == "done"
        assert home.connections == 2


def test_a_line_that_is_dead_is_noticed(house, monkeypatch):
    monkeypatch.setattr("agent.thinking.home_door.SILENT_S", 0.0)
    monkeypatch.setattr("agent.thinking.home_door.PONG_S", 0.2)
    with SickHome(instead={"ping": hang()}) as home:
        r = house(home.base_url)
        assert [code(r.ask(turn)) for turn in (1, 2)] == ["done", "done"]
        assert home.asked[0].connection != home.asked[1].connection


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://[::ffff:169.254.169.254]:8123", "http://0.0.0.0:1"])
def test_forbidden_addresses(house, url):
    assert code(house(url).ask()) == "unreachable"


def test_the_token_does_not_travel_in_the_clear(house):
    end = house("http://93.184.216.34:9").ask()
    said = "house: a key would travel unencrypted to 93.184.216.34; use https"
    assert (code(end), end.detail) == ("unreachable", said)


def test_a_certificate_of_the_system_is_accepted(house, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with SickHome(tls=tls) as home:
        assert code(house(f"https://localhost:{home.port}").ask()) == "done"


def test_an_unknown_certificate_is_refused(house, tls):
    with SickHome(tls=tls) as home:
        end = house(home.base_url).ask()
        said = "house: TLS certificate refused: self-signed certificate"
        assert (code(end), end.detail) == ("unreachable", said)
        assert home.tokens == []


def test_plain_http_behind_https_is_a_failure(house):
    with SickHome() as home:
        assert code(house(f"https://127.0.0.1:{home.port}", connect_timeout_s=0.5).ask()) == "unreachable"


# ---------------------------------------------------------------- deadlines and turns


@pytest.mark.parametrize("symptom", [hang(), hang(begun=True), dribble(), chatter()])
def test_the_first_word_is_overdue(house, symptom):
    with SickHome(symptom) as home:
        r = house(home.base_url, **HASTY)
        r.wait_health("ok")
        begin = time.monotonic()
        assert code(r.ask()) == "timeout"
        assert time.monotonic() - begin < 0.5 * 3
        assert home.asked[0].closed.wait(5)


def test_chatter_does_not_count_as_words(house):
    with SickHome(chatter("One.")) as home:
        r = house(home.base_url, token_timeout_s=0.5)
        assert (code(r.ask()), r.text()) == ("timeout", "One.")
        assert home.asked[0].closed.wait(5)


def test_total_time(house):
    with SickHome(writes(*["word "] * 1000, every_s=0.02)) as home:
        r = house(home.base_url, total_timeout_s=1.0)
        assert code(r.ask()) == "timeout"
        assert r.text().startswith("word word")


def test_a_cold_model_gets_more_time(house):
    with SickHome(writes("Slow.", first_s=1.0)) as home:
        r = house(home.base_url, first_token_timeout_s=0.3, cold_first_token_timeout_s=20.0)
        assert [code(r.ask(1)), code(r.ask(2))] == ["done", "timeout"]


@pytest.mark.parametrize("symptom", [hang(), hang(begun=True), writes(*["word "] * 1000, every_s=0.01)])
def test_cancelling_closes_the_line_and_says_no_more(house, symptom):
    with SickHome(symptom) as home:
        r = house(home.base_url)
        r.tell(1)
        asked = home.wait_for(1)
        if symptom.__qualname__.startswith("writes"):
            r.wait(lambda e: isinstance(e, ReplyDelta))
        begin = time.monotonic()
        r.cancel(1)
        assert asked.closed.wait(5)
        assert asked.closed_at - begin < 0.1 * 3
        said = r.text(1)
        r.thinker.stop()
        assert r.text(1) == said
        assert not [e for e in r.events if isinstance(e, ReplyDone | LlmFailed)]


def test_a_newer_turn_cancels_the_older(house):
    with SickHome(hang(), says("Second.")) as home:
        r = house(home.base_url)
        r.tell(1)
        first = home.wait_for(1)
        assert (code(r.ask(2)), r.text(2)) == ("done", "Second.")
        assert first.closed.wait(5)


def test_stop_while_waiting(house):
    with SickHome(hang()) as home:
        r = house(home.base_url)
        r.tell(1)
        asked = home.wait_for(1)
        assert r.stop() < 1.0 * 3
        assert asked.closed.wait(5)


def test_a_hundred_cancelled_turns_leave_no_line(house):
    with SickHome(hang()) as home:
        r = house(home.base_url)
        for turn in range(1, 101):
            r.tell(turn)
            home.wait_for(turn)
        r.cancel(100)
        assert all(asked.closed.wait(5) for asked in home.asked)
