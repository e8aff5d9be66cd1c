"""Changing a configuration file: what is meant changes, all else stays, comments too."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from agent import config_file
from agent.fitting import document
from agent.fitting.document import BEGINNING, Key, NotWritable, changed

OLD = """\
# mine
version = 1

[audio.mic]  # the good one
device = "default"  # was hw:1

[[wake.words]]
model = "hey_jarvis"  # first

[[wake.words]]
model = "alexa"  # second
threshold = 0.6
"""


def test_comments_stay() -> None:
    words = [{"model": "hey_jarvis", "threshold": 0.4}, {"model": "alexa", "threshold": 0.6}]
    new = changed(OLD, {("audio", "mic", "device"): "pulse", ("wake", "words"): words, ("mqtt", "host"): "x"})
    for kept in ("# mine", "# the good one", "# was hw:1", "# first", "# second"):
        assert kept in new
    assert tomllib.loads(new)["wake"]["words"] == words
    assert tomllib.loads(new)["mqtt"] == {"host": "x"}


def test_a_new_file_is_sections_and_lines() -> None:
    changes = {
        ("audio", "mic", "gain_db"): 6.0,
        ("llm", "profiles", "home", "kind"): "embedded",
        ("llm", "use"): ["home"],
    }
    assert changed(BEGINNING, changes) == (
        f'{BEGINNING}\n[audio.mic]\ngain_db = 6.0\n\n[llm]\nuse = ["home"]\n\n[llm.profiles.home]\nkind = "embedded"\n'
    )


def test_none_takes_a_key_away() -> None:
    assert tomllib.loads(changed(OLD, {("audio", "mic", "device"): None, ("mqtt", "host"): None}))["audio"]["mic"] == {}


KEYS: list[Key] = [
    ("mqtt", "host"), ("mqtt", "port"), ("mqtt", "password"), ("audio", "mic", "device"), ("audio", "mic", "gain_db"),
    ("audio", "speaker", "device"), ("wake", "threshold"), ("wake", "words"), ("persona", "language"), ("llm", "use"),
    ("llm", "profiles", "home", "base_url"), ("llm", "profiles", "home", "model"), ("llm", "profiles", "far", "model"),
]  # fmt: skip
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.integers(0, 99) | st.booleans()
WORDS = st.lists(st.fixed_dictionaries({"model": PLAIN}, optional={"threshold": PLAIN}), min_size=1, max_size=2)


def tables() -> st.SearchStrategy[dict[Key, Any]]:
    """Some keys with values of their kind."""
    of_kind = {
        key: WORDS if key[-1] == "words" else st.lists(PLAIN, max_size=2) if key[-1] == "use" else PLAIN for key in KEYS
    }
    return st.fixed_dictionaries({}, optional=of_kind)


@given(tables(), tables(), st.sets(st.sampled_from(KEYS)))
def test_the_result_reads_back(old: dict[Key, Any], new: dict[Key, Any], gone: set[Key]) -> None:
    """Whatever was in the file: every change is there, and everything else as it was."""
    text = tomlkit.dumps(document.nested(old))
    result = tomllib.loads(changed(text, {**new, **dict.fromkeys(gone)}))
    expected = {key: value for key, value in {**old, **new}.items() if key not in gone}
    for key in KEYS:
        place: Any = result
        for part in key:
            place = place.get(part) if place else None
        assert place == expected.get(key)


def test_what_cannot_be_changed_safely_is_said() -> None:
    with pytest.raises(NotWritable, match=r"gain_db = 3") as found:
        changed("audio = { mic = 1 }\n", {("audio", "mic", "gain_db"): 3})
    assert "put into it yourself" in str(found.value)


def test_replacing(tmp_path: Path) -> None:
    path = tmp_path / "etc/config.toml"
    assert document.replace(path, BEGINNING) is None
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    backup = document.replace(path, "version = 1\nmqtt.enabled = false\n")
    assert backup
    assert backup.read_text() == BEGINNING
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(config_file.ConfigError):
        document.replace(path, "version = 1\nmqtt.enabled = 7\n")
    assert "false" in path.read_text()
    assert sorted(each.name for each in path.parent.iterdir()) == ["config.toml", "config.toml.bak"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "shared/config.toml", tmp_path / "config.toml"
    real.parent.mkdir()
    real.write_text(BEGINNING)
    link.symlink_to(real)
    document.check_writable(link)
    assert document.replace(link, "version = 1\nmqtt.enabled = false\n") == real.with_name("config.toml.bak")
    assert link.is_symlink()
    assert "false" in real.read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else() -> None:
    with pytest.raises(NotWritable, match="sudo"):
        document.check_writable(Path("/etc/voice-agent/config.toml"))
