"""The web room changes while guests are there: reloads, restarts, certificates, and no page at all."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from guest import WAIT_S, Guest
from raw import Raw
from sick_llm import SickLlm
from web_house import WebAgent, agent_with_page
from websockets.exceptions import InvalidHandshake

from agent.lab.broker import Broker
from agent.lab.room import Room
from agent.lab.visitor import say, voice

pytestmark = pytest.mark.room
SLT = voice("flite slt")


def reload(agent: WebAgent, **changes: object) -> None:
    mark = agent.watcher.mark()
    agent.agent.configure({key.replace("__", "."): value for key, value in changes.items()})  # type: ignore[misc]
    os.kill(agent.agent.pid, signal.SIGHUP)
    assert agent.wait_mqtt("event/reload", after=mark)["ok"]


def is_woken(guest: Guest) -> None:
    guest.begin()
    guest.speak(say("hey jarvis", SLT).samples)
    guest.wait("wake")
    guest.say("stop")
    guest.wait("state", lambda said: said["phase"] == "idle")


def test_a_guest_without_hands_is_heard_again_after_a_reload(web_agent: WebAgent) -> None:
    with web_agent.guest(speed=4.0) as guest:
        guest.say("mic", on=True)
        guest.wait("volume")
        is_woken(guest)
        logged, number = len(web_agent.agent.log), guest.welcome["guest"]
        guest.begin()
        reload(web_agent, wake__threshold=0.45)
        log = web_agent.wait_log(f"guest {number} talks", logged)
        assert f"guest {number} has left" in log
        is_woken(guest)
        assert guest.ended is None


def test_a_guest_that_is_away_during_a_reload_finds_its_seat_again(web_agent: WebAgent) -> None:
    moved(web_agent, keep_s=20.0)
    guest = web_agent.guest(speed=4.0)
    guest.say("mic", on=True)
    guest.wait("volume")
    key, number, logged = guest.welcome["key"], guest.welcome["guest"], len(web_agent.agent.log)
    guest.cut()
    reload(web_agent, wake__threshold=0.4)
    web_agent.wait_log(f"guest {number} talks", logged)
    with web_agent.guest(resume=key, speed=4.0) as again:
        assert again.welcome["resumed"] is True
        again.hum()
        is_woken(again)
    moved(web_agent, keep_s=1.0)


def moved(agent: WebAgent, **changes: object) -> str:
    """The server begins anew; what the log says of it."""
    logged = len(agent.agent.log)
    reload(agent, **{f"web__{key}": value for key, value in changes.items()})
    return agent.wait_log("the page is at", logged)


def test_a_server_that_begins_anew_sends_everybody_away_and_holds_up_nobody(web_agent: WebAgent) -> None:
    web_agent.wait_empty()
    with web_agent.guest(speed=4.0) as guest:
        guest.say("ask", text="hello")
        guest.wait("turn")
        log = moved(web_agent, guests=3)
        assert guest.wait_ended()[0] in (1001, 1006)
    assert "did not end" not in log
    assert "no page" not in log
    with web_agent.guest(speed=4.0) as again:
        again.say("ask", text="hello")
        assert again.wait("turn")["outcome"] == "answered"


def test_off_and_on_again(web_agent: WebAgent) -> None:
    web_agent.wait_empty()
    reload(web_agent, web__enabled=False)
    with pytest.raises(ConnectionRefusedError):
        Raw(web_agent.port)
    moved(web_agent, enabled=True)
    with web_agent.guest() as guest:
        assert guest.welcome


def test_guests_come_back_after_a_restart(
    room: Room, broker: Broker, llm: SickLlm, record_property: Callable[[str, object], None]
) -> None:
    with agent_with_page(room, broker, llm) as agent:
        guest = agent.guest(speed=4.0)
        guest.say("mic", on=True)
        guest.wait("volume")
        key, children = guest.welcome["key"], agent.process().children(recursive=True)
        began = time.monotonic()
        os.kill(agent.agent.pid, signal.SIGTERM)
        assert agent.agent.wait_ended(WAIT_S) == 0
        took = time.monotonic() - began
        guest.wait_ended()
        guest.leave()
        assert not psutil.wait_procs(children, timeout=5)[1]
        assert "stopped" in agent.agent.log
        record_property("stop_s", round(took, 2))
        assert "did not end" not in agent.agent.log
        mark = agent.watcher.mark()
        agent.agent.stop()
        agent.agent.start()
        agent.agent.wait_online(agent.watcher, WAIT_S, mark)
        agent.wait_log("the page is at")
        with agent.guest(resume=key, speed=4.0) as again:
            assert again.welcome["resumed"] is False
            again.say("ask", text="hello")
            assert again.wait("turn")["outcome"] == "answered"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """cert.pem for 127.0.0.1, and the credential page-key that belongs to it."""
    folder = tmp_path_factory.mktemp("papers")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", "/CN=agent", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", "page-key", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True)
    (folder / "page-key").chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def safe(room: Room, broker: Broker, llm: SickLlm, papers: Path) -> Iterator[WebAgent]:
    """An agent whose certificate is nonsense when it starts."""
    genuine = (papers / "cert.pem").read_bytes()
    (papers / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    settings = {"web.cert_file": str(papers / "cert.pem"), "web.key": "page-key"}
    env = {"CREDENTIALS_DIRECTORY": str(papers)}
    with agent_with_page(room, broker, llm, settings, env, wait=False) as agent:
        agent.agent.wait_online(agent.watcher, WAIT_S)
        agent.wait_log(f"no page at https://127.0.0.1:{agent.port}/")
        (papers / "cert.pem").write_bytes(genuine)
        agent.wait_log("the page is at https://")
        yield agent


def context(papers: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(papers / "cert.pem"))


def test_a_certificate_that_is_mended_opens_the_page(safe: WebAgent, papers: Path) -> None:
    log = safe.agent.log
    assert "[web.failed]" in log
    assert "Traceback" not in log
    with Guest(f"wss://127.0.0.1:{safe.port}/ws", context=context(papers)) as guest:
        assert guest.welcome["agent"] == safe.device


def test_who_speaks_no_tls_is_not_answered(safe: WebAgent, papers: Path) -> None:
    logged = len(safe.agent.log)
    with Raw(safe.port) as plain:
        assert plain.request("/") == 0
    with pytest.raises((InvalidHandshake, OSError, EOFError)):
        Guest(f"ws://127.0.0.1:{safe.port}/ws")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with Raw(safe.port) as late, pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(late.socket)
    with Guest(f"wss://127.0.0.1:{safe.port}/ws", context=context(papers)) as guest:
        assert guest.welcome
    assert "Traceback" not in safe.agent.log[logged:]


IMPORTED = """
import pathlib, sys
import agent.daemon.daemon
from agent import config_file
from agent.daemon import plan, rooms
from agent import engines
config = config_file.load(pathlib.Path(sys.argv[1]))
wiring = rooms.Wiring(print, print, {}, print, lambda: None)
house = rooms.build(plan.Plan(config, engines.choose(config)), wiring)
unwanted = ("aiohttp.", "av.", "aiortc.", "aioice.", "agent.web.", "agent.daemon.guests.", "agent.daemon.lobby.")
print(house.web is None, sorted(name for name in sys.modules if f"{name}.".startswith(unwanted)))
"""


def test_an_agent_without_a_page_loads_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("version = 1\n[mqtt]\nenabled = false\n")
    command = [sys.executable, "-c", IMPORTED, str(tmp_path / "config.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip().splitlines()[-1:] == ["True []"], done.stdout + done.stderr


def test_an_agent_without_a_page_pays_nothing_for_it(
    room: Room, broker: Broker, llm: SickLlm, record_property: Callable[[str, object], None]
) -> None:
    with agent_with_page(room, broker, llm, {"web.enabled": False}, wait=False) as agent:
        agent.agent.wait_online(agent.watcher, WAIT_S)
        process = agent.process()
        maps = {each.path for each in process.memory_maps()}
        listening = [each for each in process.net_connections("tcp") if each.status == "LISTEN"]
        rss = process.memory_info().rss
    assert not [path for path in maps if "/aiohttp/" in path or "/av/" in path or "/av.libs/" in path]
    assert listening == []
    record_property("rss_mb", rss >> 20)
