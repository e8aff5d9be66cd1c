"""The section [web]: what is taken, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import config_file
from agent.config import Config
from agent.config_file import ConfigError

FAR = 'address = "192.168.1.5"'


def load(folder: Path, text: str) -> Config:
    file = folder / "config.toml"
    file.write_text(f"version = 1\n[web]\n{text}\n")
    return config_file.load(file)


def test_it_is_off_and_stays_on_this_machine(tmp_path: Path) -> None:
    web = load(tmp_path, "").web
    assert (web.enabled, web.address, web.port, web.local, web.guests) == (False, "127.0.0.1", 8770, True, 2)


@pytest.mark.parametrize(
    "text",
    [
        "enabled = true",
        'enabled = true\naddress = "localhost"',
        'enabled = true\naddress = "::1"',
        'enabled = true\naddress = "127.8.8.8"',
        f'enabled = true\n{FAR}\nplaintext = true\ntoken = "page"',
        f'enabled = true\n{FAR}\ncert_file = "/c.pem"\nkey = "page-key"\ntoken = "page"',
        'enabled = true\naddress = "0.0.0.0"\nplaintext = true\ntoken = "page"\nhosts = ["kitchen.local", "fe80::1"]',
        'address = "0.0.0.0"',
        'hosts = ["[fe80::1]", "192.168.1.5", "A-b.C"]',
    ],
)
def test_what_is_safe_is_taken(tmp_path: Path, text: str) -> None:
    load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"enabled = true\n{FAR}", "set cert_file and key"),
        (f"enabled = true\n{FAR}", "plaintext = true"),
        (f"enabled = true\n{FAR}\nplaintext = true", "set token, the name of a credential"),
        (f'enabled = true\n{FAR}\ntoken = "page"', "192.168.1.5 is reached from other machines"),
        ('enabled = true\naddress = "0.0.0.0"', "set cert_file and key"),
        ('enabled = true\naddress = "::"', "set cert_file and key"),
        ('enabled = true\naddress = "kitchen.local"', "set cert_file and key"),
        (f'enabled = true\n{FAR}\ncert_file = "/c.pem"\nkey = "page-key"', "set token"),
        ('cert_file = "/c.pem"', "cert_file and key belong together"),
        ('key = "page-key"', "cert_file and key belong together"),
        ('token = "my secret token"', "never the secret itself"),
        ('key = "-----BEGIN PRIVATE KEY-----"', "never the secret itself"),
        ("port = 0", "web.port"),
        ("port = 65536", "web.port"),
        ("guests = 0", "web.guests"),
        ("guests = 9", "web.guests"),
        ("keep_s = -1.0", "web.keep_s"),
        ("keep_s = 601.0", "web.keep_s"),
        ('address = ""', "web.address"),
        ('hosts = ["kitchen.local:8770"]', "web.hosts"),
        ('hosts = ["http://kitchen.local"]', "web.hosts"),
        ('hosts = ["*"]', "web.hosts"),
        ('hosts = [""]', "web.hosts"),
        ('adress = "127.0.0.1"', "address"),
    ],
)
def test_what_is_not_is_refused_with_its_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, text)
    assert said in str(refusal.value)
    assert "my secret token" not in str(refusal.value)


def test_a_certificate_is_a_file_that_has_to_be_there_where_it_is_wanted(tmp_path: Path) -> None:
    given = 'cert_file = "/c.pem"\nkey = "page-key"'
    assert load(tmp_path, f"enabled = true\n{given}").web.files() == {"web.cert_file": "/c.pem"}
    assert load(tmp_path, given).web.files() == {}
