"""All errors at once, each with its key path and its place, and never with a secret in it."""

from __future__ import annotations

import tomllib
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import config_file
from agent.config import Config
from agent.config_file import ConfigError, Problem, load

SECRET = "Sesame-open-1234"


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    absent = (Path("/nonexistent/config.toml"), tmp_path / "xdg/voice-agent/config.toml")
    monkeypatch.setattr(config_file, "default_paths", lambda: absent)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path: Path, text: str, **overrides: object) -> dict[str, Problem]:
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, text), overrides)
    return {problem.key: problem for problem in error.value.problems}


def test_no_file_means_defaults() -> None:
    assert load() == Config()


def test_users_file_is_found(tmp_path: Path) -> None:
    path = config_file.default_paths()[1]
    path.parent.mkdir(parents=True)
    path.write_text("[wake]\nthreshold = 0.7\n")
    assert load().wake.threshold == 0.7


def test_file_then_environment_then_overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, '[mqtt]\nhost = "a"\nport = 1\nbase = "x"\n')
    monkeypatch.setenv("VOICE_AGENT__MQTT__HOST", "b")
    monkeypatch.setenv("VOICE_AGENT__MQTT__PORT", "2")
    config = load(path, {"mqtt.port": 3})
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.base) == ("b", 3, "x")


def test_lists_and_tables_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_AGENT__LLM__USE", '["home"]')
    monkeypatch.setenv("VOICE_AGENT__LLM__PROFILES__HOME", '{ base_url = "http://localhost:1/v1" }')
    monkeypatch.setenv("VOICE_AGENT__AUDIO__MIC__CHANNEL", "3")
    config = load()
    assert config.llm.profiles["home"].base_url == "http://localhost:1/v1"
    assert config.audio.mic.channel == 3


def test_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_AGENT__MQTT__PORT", "")
    assert load().mqtt.port == 1883


def test_models_folder_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_AGENT_MODELS", "/somewhere")
    assert load() == Config()


def test_all_errors_at_once_with_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_AGENT__MQTT__PROT", "1")
    text = """\
[audio.mic]
devise = "x"
rate_hz = 12

[[wake.words]]
model = "hey_jarvis"
[[wake.words]]
threshold = 3

[tts]
engine = "flute"
"""
    found = problems(tmp_path, text, **{"log.level": "LOUD"})
    assert set(found) == {
        "audio.mic.devise",
        "audio.mic.rate_hz",
        "wake.words[1].model",
        "wake.words[1].threshold",
        "tts.engine",
        "mqtt.prot",
        "log.level",
    }
    assert found["audio.mic.devise"].where.endswith("config.toml line 2")
    assert 'did you mean "device"?' in found["audio.mic.devise"].message
    assert found["audio.mic.rate_hz"].where.endswith("line 3")
    assert "not 12" in found["audio.mic.rate_hz"].message
    assert found["wake.words[1].threshold"].where.endswith("line 8")
    assert found["wake.words[1].model"].where.endswith("line 7")
    assert found["mqtt.prot"].where == "VOICE_AGENT__MQTT__PROT"
    assert 'did you mean "port"?' in found["mqtt.prot"].message
    assert found["log.level"].where == "command line"


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("[mqqt]\n", "mqqt", "mqtt"),
        ("[audio.mike]\n", "audio.mike", "mic"),
        ("[[wake.words]]\nmodel='x'\nthresold=1\n", "wake.words[0].thresold", "threshold"),
        ("[llm.profiles.home]\nbase_ulr='x'\n", "llm.profiles.home.base_ulr", "base_url"),
    ],
)
def test_did_you_mean(tmp_path: Path, text: str, key: str, hint: str) -> None:
    assert f'did you mean "{hint}"?' in problems(tmp_path, text)[key].message


def test_one_problem_for_each_key_of_a_union(tmp_path: Path) -> None:
    found = problems(tmp_path, '[audio.mic]\nchannel = "left"\n')
    assert set(found) == {"audio.mic.channel"}
    assert "'mix'" in found["audio.mic.channel"].message


@pytest.mark.parametrize(
    "text",
    [
        f'[mqtt]\npassword = "{SECRET}"',
        f'[mqtt]\npasword = "{SECRET}"',
        f'[mqtt]\nport = "{SECRET}"',
        f'[llm.profiles.home]\nbase_url = "http://me:{SECRET}@host/v1"',
        f'[llm.profiles.home]\nbase_url = "http://host/v1?key={SECRET}"',
        f'[llm.profiles.home]\nbase_url = "{SECRET}"',
        f'[llm.profiles.home]\nbase_url = "http://h/"\napi_key = "sk-{SECRET.lower()}"',
        '[llm.profiles.home]\nbase_url = "http://h/"\napi_key = "abcdefabcdef0123456789"',
        f'[llm]\nprofiles = "{SECRET}"',
        f'[mqtt]\ntls = "{SECRET}',
        f'version = "{SECRET}"',
        f'[log]\nlevel = "{SECRET}"',
    ],
)
def test_no_secret_in_the_file_is_accepted_or_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, text))
    shown = f"{error.value}{error.value!r}{error.value.__cause__}{error.value.__context__}"
    assert SECRET.lower() not in shown.lower()
    assert "abcdefabcdef" not in shown


def test_secret_in_the_environment_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_AGENT__MQTT__PASSWORD", SECRET)
    monkeypatch.setenv("VOICE_AGENT__LLM__USE", f"[{SECRET}")
    with pytest.raises(ConfigError) as error:
        load()
    assert SECRET not in str(error.value)


def test_name_of_a_credential_is_accepted(tmp_path: Path) -> None:
    text = '[mqtt]\npassword = "mqtt-password"\n[llm.profiles.a]\nbase_url = "https://h/v1"\napi_key = "llm-api-key"'
    config = load(write(tmp_path, text))
    assert (config.mqtt.password, config.llm.profiles["a"].api_key) == ("mqtt-password", "llm-api-key")


def test_unknown_version(tmp_path: Path) -> None:
    assert problems(tmp_path, "version = 2")["version"].message == "this program knows version 1, not 2"


def test_profile_in_use_has_to_exist(tmp_path: Path) -> None:
    assert "[llm.profiles.home]" in problems(tmp_path, '[llm]\nuse = ["home"]')["llm"].message


def test_profile_needs_an_address(tmp_path: Path) -> None:
    assert "needs base_url" in problems(tmp_path, "[llm.profiles.home]\n")["llm.profiles.home"].message


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ('quiet_from = "22:00"', "room", "need both quiet_from and quiet_to"),
        ('quiet_from = "22:00"\nquiet_to = "22:00"', "room", "leave both out for no quiet hours"),
        ('quiet_from = "22:00Z"\nquiet_to = "07:00"', "room.quiet_from", "without a time zone"),
        ('quiet_from = "24:00"\nquiet_to = "07:00"', "room.quiet_from", "0-23"),
    ],
)
def test_quiet_hours_that_nobody_can_tell(tmp_path: Path, text: str, key: str, remedy: str) -> None:
    assert remedy in problems(tmp_path, f"[room]\n{text}")[key].message


def test_quiet_hours_as_text_and_as_tomls_own_time(tmp_path: Path) -> None:
    room = load(write(tmp_path, '[room]\nquiet_from = "22:00"\nquiet_to = 07:00:00\n')).room
    assert (room.quiet_from, room.quiet_to) == (time(22), time(7))


def test_a_device_is_not_called_like_the_place_where_devices_meet(tmp_path: Path) -> None:
    assert "choose another name" in problems(tmp_path, '[mqtt]\ndevice = "room"')["mqtt.device"].message
    assert load(write(tmp_path, '[mqtt]\ndevice = "living-room"')).mqtt.device == "living-room"


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.toml: cannot be read: No such file"):
        load(tmp_path / "no.toml")


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"version = 1\n[mqtt]\nhost = '\xff'\n")
    with pytest.raises(ConfigError, match="line 3: is not UTF-8"):
        load(tmp_path / "c.toml")


def test_byte_order_mark_of_an_editor(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbfversion = 1\r\n")
    assert load(tmp_path / "c.toml") == Config()


def test_too_large(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is it the right file"):
        load(write(tmp_path, "#" * (config_file.MAX_BYTES + 1)))


def test_not_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2"):
        load(write(tmp_path, "version = 1\n[mqtt\n"))


def test_nested_without_end(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        load(write(tmp_path, f"version = {'[' * 200_000}"))


def test_section_that_is_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_AGENT__VERSION__MAJOR", "1")
    with pytest.raises(ConfigError, match="version is no section"):
        load(write(tmp_path, "version = 1"))


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e400"])
def test_numbers_that_are_none(tmp_path: Path, number: str) -> None:
    assert "audio.mic.gain_db" in problems(tmp_path, f"[audio.mic]\ngain_db = {number}")


@pytest.mark.parametrize(
    ("device", "warned"), [("hw:0,0", True), ("plughw:1", True), ("plughw:CARD=Device", False), ("default", False)]
)
def test_card_numbers_are_warned_about(device: str, warned: bool) -> None:
    config = load(None, {"audio.mic.device": device})
    assert bool(config_file.warnings(config)) == warned


def test_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().mqtt.port = 1  # type: ignore[misc]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_any_text(text: str) -> None:
    """Configuration or ConfigError, whatever the file holds."""
    try:
        values = config_file._parse(text, Path("x.toml"))
    except ConfigError:
        return
    list(config_file._lines(text))
    load(None, {"persona.prompt": text[:100]})
    assert isinstance(values, dict)


_KEYS = st.sampled_from(
    ["audio", "mic", "wake", "words", "llm", "profiles", "use", "version", "log", "rooms", "x", "ä.b"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_any_document(values: dict[str, object]) -> None:
    """Nothing but ConfigError, and each problem has a message."""
    problems: tuple[Problem, ...] = (Problem("", "fine", ""),)
    try:
        load(None, {key: value for key, value in values.items() if "." not in key})
    except ConfigError as error:
        problems = error.problems
    assert problems
    assert all(problem.message for problem in problems)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_lines_never_fail(text: str) -> None:
    for key, line in config_file._lines(text):
        assert key is not None
        assert 1 <= line <= len(text.splitlines())


def test_every_field_has_a_description() -> None:
    from agent.cli import toml

    for path, info in toml.fields(Config):
        assert info.description, path


def test_units_and_bounds_survive_toml() -> None:
    from agent.cli import toml

    values = Config().model_dump(mode="json")
    assert load(None, tomllib.loads(toml.document(values))) == Config()


MCP = '[tools.mcp.home]\nurl = "http://homeassistant.local:8123/api/mcp"\ntoken = "home-assistant-token"\n'
PROGRAM = '[tools.mcp.files]\ncommand = ["/usr/bin/server", "--quiet"]\nallow = { read = "safe" }\n'


def test_tools_of_an_mcp_server(tmp_path: Path) -> None:
    text = MCP + 'allow = { HassTurnOn = "safe", HassUnlock = "confirm", "a/b.c" = "never" }\n' + PROGRAM
    config = load(write(tmp_path, text))
    assert config.tools.mcp["home"].allow["HassUnlock"] == "confirm"
    assert config.tools.mcp["files"].command == ("/usr/bin/server", "--quiet")
    assert (config.tools.calls_per_turn, config.tools.calls_per_hour) == (8, 30)


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("[tools.mcp.home]\n", "tools.mcp.home", "either url or command"),
        (MCP + 'command = ["/bin/true"]\n', "tools.mcp.home", "either url or command"),
        ('[tools.mcp.home]\ncommand = ["server"]\n', "tools.mcp.home", "the whole path"),
        (PROGRAM + 'token = "home-assistant-token"\n', "tools.mcp.files", "token belongs to url"),
        (MCP + 'allow = { HassTurnOn = "yes" }\n', "tools.mcp.home.allow.HassTurnOn", "'safe', 'confirm' or 'never'"),
        (f'[tools.mcp.home]\nurl = "http://h/mcp?key={SECRET}"\n', "tools.mcp.home.url", "into the credential"),
        ("[tools]\ncalls_per_turn = 9\n", "tools.calls_per_turn", "less than or equal to 8"),
        (MCP + 'tokn = "x"\n', "tools.mcp.home.tokn", 'did you mean "token"?'),
    ],
)
def test_tools_that_cannot_be(tmp_path: Path, text: str, key: str, says: str) -> None:
    found = problems(tmp_path, text)
    assert says in found[key].message
    assert SECRET not in str(found[key])


def test_programs_are_named_in_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_AGENT__TOOLS__MCP__FILES__COMMAND", '["/bin/sh"]')
    for text in ("", PROGRAM):
        assert "in the configuration file alone" in problems(tmp_path, text)["tools.mcp.files.command"].message
    monkeypatch.delenv("VOICE_AGENT__TOOLS__MCP__FILES__COMMAND")
    monkeypatch.setenv("VOICE_AGENT__TOOLS__MCP__FILES", '{ command = ["/bin/sh"] }')
    assert "in the configuration file alone" in problems(tmp_path, PROGRAM)["tools.mcp.files.command"].message


def test_programs_are_not_run_from_a_file_that_others_can_write(tmp_path: Path) -> None:
    path = write(tmp_path, PROGRAM)
    path.chmod(0o664)
    with pytest.raises(ConfigError, match="chmod go-w"):
        load(path)
    path.chmod(0o644)
    assert load(path).tools.mcp["files"].command
