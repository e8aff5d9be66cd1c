"""The parser of commands: what it takes, what it refuses and why, and that no bytes make it raise."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.mqtt.commands import MAX_BYTES, Accepted, Rejected, parse
from agent.requests import (
    AskRequest,
    DoctorRequest,
    ListenRequest,
    MuteRequest,
    Request,
    RestartRequest,
    SayRequest,
    SettingRequest,
    StopRequest,
    VolumeRequest,
)
from agent.settings import SETTINGS, Choice, Number, Switch


@pytest.mark.parametrize(
    ("name", "payload", "request_"),
    [
        ("listen", b"", ListenRequest()),
        ("listen", b"{}", ListenRequest()),
        ("stop", b"", StopRequest()),
        ("say", '{"text": "Grüß Gott 👋\\n你好"}'.encode(), SayRequest("Grüß Gott 👋\n你好")),
        ("say", b'{"text": "\\ud83d\\ude00"}', SayRequest("😀")),
        ("say", b'{"text": "Tea.", "priority": "low"}', SayRequest("Tea.", "low")),
        (
            "say",
            b'{"text": "Fire!", "priority": "high", "chime": true, "volume": 90}',
            SayRequest("Fire!", "high", chime=True, volume_percent=90),
        ),
        ("say", b'{"text": "Tea.", "volume": null}', SayRequest("Tea.")),
        ("ask", b'{"text": "what time is it"}', AskRequest("what time is it")),
        ("ask", b'{"text": "why", "persona": "nari"}', AskRequest("why", persona="nari")),
        ("say", b'{"text": "Tea.", "persona": "default"}', SayRequest("Tea.", persona="default")),
        ("listen", b'{"persona": "nari"}', ListenRequest("nari")),
        ("listen", b'{"persona": null}', ListenRequest()),
        ("mute", b'{"on": true}', MuteRequest(True)),
        ("mute", b'{"on": false}', MuteRequest(False)),
        ("volume", b'{"percent": 0}', VolumeRequest(0)),
        ("volume", b'{"percent": 100}', VolumeRequest(100)),
        ("doctor", b"", DoctorRequest()),
        ("restart", b"{}", RestartRequest()),
        ("setting/volume", b'{"value": 30}', SettingRequest("volume", 30)),
        ("setting/wake_threshold", b'{"value": 0.62}', SettingRequest("wake_threshold", 0.62)),
        ("setting/follow_up", b'{"value": true}', SettingRequest("follow_up", True)),
        ("setting/voice", b'{"value": "en_US-joe-medium"}', SettingRequest("voice", "en_US-joe-medium")),
        ("setting/voice", b'{"value": null}', SettingRequest("voice", None)),
    ],
)
def test_a_good_command(name: str, payload: bytes, request_: Request) -> None:
    assert parse(name, payload) == Accepted(request_)


@pytest.mark.parametrize(
    ("name", "payload", "code"),
    [
        ("say", b'{"text": "' + b"a" * MAX_BYTES + b'"}', "too_large"),
        ("say", b'{"text": "\xff"}', "bad_utf8"),
        ("say", b"\xef\xbb\xbf{}", "bad_json"),
        ("say", b"hello", "bad_json"),
        ("say", b" ", "bad_json"),
        ("say", b'{"text": "a", "text": "b"}', "bad_json"),
        ("volume", b'{"percent": NaN}', "bad_json"),
        ("volume", b'{"percent": -Infinity}', "bad_json"),
        ("volume", b'{"percent": 1e309}', "bad_payload"),
        ("listen", b"[" * 4000, "too_deep"),
        ("listen", b'{"a":' * 8 + b"[]" + b"}" * 8, "too_deep"),
        ("listen", b"[]", "bad_payload"),
        ("listen", b"null", "bad_payload"),
        ("say", b"{}", "bad_payload"),
        ("say", b'{"text": ""}', "bad_payload"),
        ("say", b'{"text": " \\n\\t"}', "bad_payload"),
        ("say", b'{"text": "a\\u0000b"}', "bad_payload"),
        ("say", b'{"text": "\\ud800"}', "bad_payload"),
        ("say", b'{"text": 5}', "bad_payload"),
        ("say", b'{"text": "' + b"a" * 2001 + b'"}', "bad_payload"),
        ("say", b'{"text": "Tea.", "priority": "urgent"}', "bad_payload"),
        ("say", b'{"text": "Tea.", "priority": 1}', "bad_payload"),
        ("say", b'{"text": "Tea.", "chime": "ding"}', "bad_payload"),
        ("say", b'{"text": "Tea.", "volume": 0}', "bad_payload"),
        ("say", b'{"text": "Tea.", "volume": 101}', "bad_payload"),
        ("say", b'{"text": "Tea.", "volume": 50.5}', "bad_payload"),
        ("say", b'{"text": "Tea.", "volume": "50"}', "bad_payload"),
        ("mute", b'{"on": 1}', "bad_payload"),
        ("mute", b'{"on": "true"}', "bad_payload"),
        ("volume", b'{"percent": 101}', "bad_payload"),
        ("volume", b'{"percent": -1}', "bad_payload"),
        ("volume", b'{"percent": true}', "bad_payload"),
        ("volume", b'{"percent": "30"}', "bad_payload"),
        ("volume", b'{"percent": 30.0}', "bad_payload"),
        ("volume", b'{"percent": ' + b"9" * 4000 + b"}", "bad_payload"),
        ("listen", b'{"now": true}', "bad_payload"),
        ("listen", b'{"id": 5}', "bad_payload"),
        ("listen", b'{"id": "' + b"a" * 65 + b'"}', "bad_payload"),
        ("dance", b"", "unknown_command"),
        ("say/loud", b'{"text": "a"}', "unknown_command"),
        ("", b"", "unknown_command"),
        ("timer", b'{"minutes": 3}', "bad_payload"),
        ("timer", b"{}", "bad_payload"),
        ("timer", b'{"action": "explode"}', "bad_payload"),
        ("timer", b'{"action": "set"}', "bad_payload"),
        ("timer", b'{"action": "set", "seconds": "60"}', "bad_payload"),
        ("timer", b'{"action": "set", "seconds": 60.0}', "bad_payload"),
        ("timer", b'{"action": "set", "seconds": 604801}', "bad_payload"),
        ("timer", b'{"action": "set", "seconds": 60, "time": "07:00"}', "bad_payload"),
        ("timer", b'{"action": "set", "seconds": 60, "name": " "}', "bad_payload"),
        ("timer", b'{"action": "alarm", "time": "7:00"}', "bad_payload"),
        ("timer", b'{"action": "alarm", "time": "24:00"}', "bad_payload"),
        ("timer", b'{"action": "alarm", "time": "07:00", "day": "someday"}', "bad_payload"),
        ("timer", b'{"action": "cancel", "timer": "../1"}', "bad_payload"),
        ("timer", b'{"action": "list", "name": "tea"}', "bad_payload"),
        ("setting/volume", b"{}", "bad_payload"),
        ("setting/volume", b'{"value": 30.5}', "bad_payload"),
        ("setting/volume", b'{"value": 101}', "bad_payload"),
        ("setting/volume", b'{"value": true}', "bad_payload"),
        ("setting/volume", b'{"value": "30"}', "bad_payload"),
        ("setting/volume", b'{"value": [30]}', "bad_payload"),
        ("setting/volume", b'{"value": 1e309}', "bad_payload"),
        ("setting/volume", b'{"value": ' + b"9" * 4000 + b"}", "bad_payload"),
        ("setting/volume", b'{"value": 30, "percent": 30}', "bad_payload"),
        ("setting/wake_threshold", b'{"value": 1}', "bad_payload"),
        ("setting/follow_up", b'{"value": 1}', "bad_payload"),
        ("setting/follow_up", b'{"value": "true"}', "bad_payload"),
        ("setting/voice", b'{"value": ""}', "bad_payload"),
        ("setting/voice", b'{"value": "a\\nb"}', "bad_payload"),
        ("setting/voice", b'{"value": "\\ud800"}', "bad_payload"),
        ("setting/voice", b'{"value": "' + b"a" * 201 + b'"}', "bad_payload"),
        ("setting/volum", b'{"value": 3}', "unknown_setting"),
        ("setting/", b'{"value": 3}', "unknown_setting"),
        ("setting", b'{"value": 3}', "unknown_command"),
    ],
)
def test_a_bad_command_says_why(name: str, payload: bytes, code: str) -> None:
    answer = parse(name, payload)
    assert isinstance(answer, Rejected)
    assert answer.code == code
    assert answer.message


def test_eight_levels_are_no_error_of_depth() -> None:
    answer = parse("listen", b'{"a":' * 7 + b"[]" + b"}" * 7)
    assert isinstance(answer, Rejected)
    assert answer.code == "bad_payload"


def test_brackets_within_strings_do_not_nest() -> None:
    text = '[[[[[[[[[[ \\" {{{{{{{{{{'
    assert parse("say", b'{"text": "%s"}' % text.encode()) == Accepted(SayRequest(text.replace("\\", "")))


def test_the_id_comes_back_with_the_request_and_with_the_error() -> None:
    assert parse("listen", b'{"id": "7"}') == Accepted(ListenRequest(), "7")
    wrong = parse("volume", b'{"id": "7", "percent": 300}')
    assert isinstance(wrong, Rejected)
    assert wrong.id == "7"
    assert "percent" in wrong.message


def test_what_home_assistant_makes_of_a_whole_number_is_one() -> None:
    answer = parse("setting/silence", b'{"value": 600.0}')
    assert answer == Accepted(SettingRequest("silence", 600))
    assert isinstance(answer, Accepted)
    assert isinstance(answer.request, SettingRequest)
    assert type(answer.request.value) is int


def test_a_setting_nobody_knows_is_told_those_there_are() -> None:
    answer = parse("setting/wake_treshold", b'{"value": 0.5, "id": "7"}')
    assert isinstance(answer, Rejected)
    assert answer.id == "7"
    assert 'did you mean "wake_threshold"?' in answer.message
    assert "do_not_disturb" in answer.message


def test_an_error_repeats_nothing_of_the_payload() -> None:
    for payload in (b'{"sesame": 1}', b'{"percent": "sesame"}', b"sesame", b'{"percent": 3, "id": ["sesame"]}'):
        answer = parse("volume", payload)
        assert isinstance(answer, Rejected)
        assert "sesame" not in answer.message
    for name in ("setting/sesame", "setting/silence", "setting/mute"):
        answer = parse(name, b'{"value": "sesame"}')
        assert isinstance(answer, Rejected)
        assert "sesame" not in answer.message


settings = st.sampled_from(sorted(SETTINGS)).map("setting/{}".format)
names = st.sampled_from(["listen", "stop", "say", "ask", "mute", "volume", "doctor", "restart", "timer", "setting/x"])
names = names | settings | st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
likely = st.dictionaries(st.sampled_from(["id", "text", "on", "percent", "value", "x"]), json_values, max_size=4)


def check(name: str, payload: bytes) -> None:
    answer = parse(name, payload)
    assert isinstance(answer, Accepted | Rejected)
    json.dumps(answer.id, ensure_ascii=False).encode()
    if isinstance(answer, Accepted) and isinstance(answer.request, SayRequest | AskRequest):
        assert answer.request.text.encode().strip()
    if isinstance(answer, Accepted) and isinstance(answer.request, SettingRequest):
        check_setting(answer.request)


def check_setting(request: SettingRequest) -> None:
    """What is passed on is of the type and in the range that the table says."""
    kind, value = SETTINGS[request.name].kind, request.value
    match kind:
        case _ if value is None:
            pass
        case Switch():
            assert isinstance(value, bool)
        case Number(low, high, step):
            assert type(value) is (int if step >= 1 else float)
            assert low <= value <= high
        case Choice():
            assert isinstance(value, str)
            assert value.encode()


@given(names, st.binary(max_size=200))
@example("say", b'{"text": "\xed\xa0\x80"}')
@example("say", b'{"id": "\\udfff"}')
def test_no_bytes_make_it_raise(name: str, payload: bytes) -> None:
    check(name, payload)


@given(names, json_values | likely)
def test_no_json_makes_it_raise(name: str, value: object) -> None:
    check(name, json.dumps(value).encode())


@given(st.integers(0, 100), st.text(st.characters(codec="utf-8"), max_size=64))
def test_what_is_well_formed_is_taken(percent: int, sender: str) -> None:
    payload = json.dumps({"percent": percent, "id": sender}).encode()
    assert parse("volume", payload) == Accepted(VolumeRequest(percent), sender)


@given(settings, st.none() | st.booleans() | st.integers(-10, 6000) | st.floats(-1, 6000) | st.text(max_size=9))
def test_a_setting_is_taken_as_the_table_says_or_refused(name: str, value: object) -> None:
    check(name, json.dumps({"value": value}).encode())


@pytest.mark.parametrize("name", ["listen", "ask", "say"])
@pytest.mark.parametrize("persona", ['""', '"a b"', '"a/b"', '"나리"', "7", "true", "[]", f'"{"x" * 65}"', '"x\\n"'])
def test_a_persona_is_named_strictly(name: str, persona: str) -> None:
    text = "" if name == "listen" else '"text": "Tea.", '
    rejected = parse(name, f'{{{text}"id": "1", "persona": {persona}}}'.encode())
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.id) == ("bad_payload", "1")
    assert rejected.message.startswith("persona: ")


@pytest.mark.parametrize("name", ["stop", "mute", "volume", "doctor", "restart"])
def test_a_command_of_the_device_is_nobodys(name: str) -> None:
    assert isinstance(parse(name, b'{"on": true, "percent": 1, "persona": "nari"}'), Rejected)
