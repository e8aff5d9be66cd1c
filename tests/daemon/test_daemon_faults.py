"""The agent among faults: devices that come and go, children that die, a sound server and language models that hang.

Two daemons live through it, scene after scene. Waiting is for events, three times as long as the contract allows; how
long it really took is a property of the test's report.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from living import PARTS, WAIT_S, Life, kill, loudest, now, question, unwanted
from sick_llm import SickLlm, answer, cut, hang, status
from systemd_ear import SystemdEar

from agent.lab.broker import Broker
from agent.lab.resident import Resident
from agent.lab.room import Room
from agent.lab.timeline import Notice
from agent.lab.watch import Watcher

pytestmark = pytest.mark.room

Record = Callable[[str, object], None]

WATCHDOG_S = 4.5
LONG = "One two three four five six seven eight nine ten. " * 8


class Beginning:
    """A daemon that starts with neither broker nor microphone; `furnish` brings both."""

    def __init__(self, room: Room, systemd: SystemdEar) -> None:
        self.room = room
        self.systemd = systemd
        self.broker = Broker()
        self.life: Life | None = None

    def start(self, stack: ExitStack) -> None:
        self._stack = stack
        self.broker.start()  # finds a free port
        self.broker.stop()
        self.room.unplug("mic")
        self.plugged = False
        stack.callback(self.plug)
        settings: dict[str, Any] = {"mqtt.port": self.broker.port, "mqtt.device": "faults"}
        self.agent = stack.enter_context(Resident(settings, self.room.env | self.systemd.env(WATCHDOG_S)))

    def plug(self) -> None:
        if not self.plugged:
            self.plugged = True
            self.room.plug("mic")

    def appear(self) -> Life:
        """The broker comes, and somebody who watches."""
        self.broker.start()
        self._stack.callback(self.broker.stop)
        watcher = Watcher("127.0.0.1", self.broker.port, "voice-agent/faults")
        self._stack.callback(watcher.stop)
        watcher.start()
        self.life = Life(self.room, watcher, self.agent)
        return self.life

    def furnish(self) -> Life:
        self.plug()
        if self.life is None:
            life = self.appear()
            self.agent.wait_online(life.watcher, WAIT_S)
            return life
        return self.life


@pytest.fixture(scope="module")
def beginning(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beginning]:
    with ExitStack() as stack:
        systemd = stack.enter_context(SystemdEar(tmp_path_factory.mktemp("systemd")))
        beginning = Beginning(room, systemd)
        beginning.start(stack)
        yield beginning


@pytest.fixture
def life(beginning: Beginning) -> Life:
    life = beginning.furnish()
    life.agent.wait_parts(life.watcher, PARTS, WAIT_S, latest(life, "health"))
    life.begin()
    return life


def latest(life: Life, topic: str) -> int:
    """The mark just before the last message of a topic."""
    return max((index for index, n in enumerate(life.watcher.notices) if n.topic == topic), default=0)


def test_it_is_ready_without_broker_and_microphone_and_takes_both_when_they_come(
    beginning: Beginning, record_property: Record
) -> None:
    systemd, agent, room = beginning.systemd, beginning.agent, beginning.room
    record_property("ready_s", systemd.wait(lambda text: text == "READY=1", WAIT_S) - agent.started_at)
    systemd.wait(lambda text: text.startswith("STATUS=no microphone: "), WAIT_S)

    plugged, mark = time.monotonic(), systemd.mark()
    beginning.plug()
    listening = systemd.wait(lambda text: text.startswith("STATUS=idle"), 6.0, mark)
    record_property("microphone_back_s", listening - plugged)

    asked, mark = time.monotonic(), systemd.mark()
    room.play(question())
    spoke = systemd.wait(lambda text: text.startswith("STATUS=speaking"), WAIT_S, mark)
    systemd.wait(lambda text: text.startswith("STATUS=idle"), WAIT_S, systemd.mark() - 1)
    assert loudest(room, asked) > 1000, f"nothing came out of the speaker, {spoke - asked:.1f} s after the question"

    # Held, so that the watcher is there before it.
    main = psutil.Process(agent.pid)
    main.suspend()
    life = beginning.appear()
    back = time.monotonic()
    main.resume()
    record_property("online_s", agent.wait_online(life.watcher, 15) + agent.started_at - back)
    notices = [(n.topic, n.data) for n in life.watcher.notices]
    before = dict(notices[: notices.index(("status", "online"))])
    assert before["state"] == "idle"
    assert before["setting/volume"]["value"] == 70
    assert before["setting/mute"]["value"] is False
    assert before["health"]["mic"]["status"] == "ok"


def test_an_open_question_without_a_language_model_is_answered_by_saying_so(life: Life) -> None:
    receipt = life.ask("open", "tell me a story about the sea")
    assert receipt["outcome"] == "failed"
    assert receipt["heard"] == "I can't answer that, because no language model is configured."
    assert life.wait("event/error")["code"] == "none_configured"
    assert life.wait("result", lambda data: data["id"] == "open")["error"]["code"] == "failed"


def test_a_microphone_that_is_unplugged_while_it_listens(life: Life, record_property: Record) -> None:
    life.command("listen", id="l")
    life.wait("state", lambda phase: phase == "listening")
    pulled = time.monotonic()
    life.room.unplug("mic")
    try:
        record_property("noticed_s", life.wait_part("mic", "failed", 3.0) - pulled)
        receipt = life.wait("turn")
        assert (receipt["outcome"], receipt["heard"]) == ("failed", "Sorry, I lost the microphone.")
        life.command("listen", id="deaf")
        refused = life.wait("result", lambda data: data["id"] == "deaf")
        assert refused["error"]["code"] == "no_microphone"
    finally:
        life.begin()
        plugged = time.monotonic()
        life.room.plug("mic")
    record_property("back_s", life.wait_part("mic", "ok", 6.0) - plugged)
    life.woken()


def test_a_speaker_that_is_unplugged_in_the_middle_of_a_sentence(life: Life, record_property: Record) -> None:
    life.command("say", id="long", text=LONG)
    life.wait("state", lambda phase: phase == "speaking")
    life.room.wait_heard(time.monotonic() + 1.5)
    pulled = time.monotonic()
    life.room.unplug("speaker")
    try:
        record_property("noticed_s", life.wait_part("speaker", "failed", 3.0) - pulled)
        result = life.wait("result", lambda data: data["id"] == "long")
        assert not result["ok"]
        assert result["data"]["heard"].startswith("One")
        assert life.wait("event/error")["code"] == "speech_failed"
        life.woken()
    finally:
        life.begin()
        plugged = time.monotonic()
        life.room.plug("speaker")
    record_property("back_s", life.wait_part("speaker", "ok", 6.0) - plugged)
    life.command("say", id="again", text="Here I am.")
    assert life.wait("result", lambda data: data["id"] == "again")["data"]["heard"] == "Here I am."


def test_killed_children_are_replaced_and_a_whole_turn_works_afterwards(life: Life, record_property: Record) -> None:
    before = life.children()
    for part in ("mic", "tts", "asr", "speaker"):
        if part == "speaker":
            life.command("say", id="s", text=LONG)
            life.wait("state", lambda phase: phase == "speaking")
        killed, since = time.monotonic(), now()
        kill(before[part], signal.SIGKILL)
        record_property(f"{part}_back_s", life.wait_renewed(part, "ok", since) - killed)
    cut_off = life.wait("result", lambda data: data["id"] == "s")
    assert not cut_off["ok"]
    after = life.children()
    assert after.keys() == before.keys()
    assert not {child.pid for child in after.values()} & {child.pid for child in before.values()}
    life.whole_turn()


def test_a_microphone_child_that_hangs_is_replaced(life: Life, record_property: Record) -> None:
    hung = life.children()["mic"]
    stopped = time.monotonic()
    kill(hung, signal.SIGSTOP)
    record_property("noticed_s", life.wait_part("mic", "failed", 6.0) - stopped)
    life.mark = latest(life, "health")
    record_property("back_s", life.wait_part("mic", "ok", 6.0) - stopped)
    assert life.children()["mic"].pid != hung.pid
    assert not hung.is_running()
    life.woken()


def test_a_sound_server_that_hangs_is_no_reason_for_a_restart(
    life: Life, beginning: Beginning, record_property: Record
) -> None:
    hung = time.monotonic()
    life.room.hang()
    try:
        record_property("noticed_s", life.wait_part("mic", "failed", 15.0) - hung)
        mark = beginning.systemd.mark()
        for _ in range(3):
            beginning.systemd.wait(lambda text: text == "WATCHDOG=1", WAIT_S, mark)
            mark = beginning.systemd.mark()
    finally:
        life.mark = latest(life, "health")
        back = time.monotonic()
        life.room.cont()
    record_property("back_s", life.wait_part("mic", "ok", 15.0) - back)
    life.woken()


def test_the_watchdog_was_fed_through_all_of_it(beginning: Beginning, record_property: Record) -> None:
    pings = beginning.systemd.moments("WATCHDOG=1")
    gap = max(later - earlier for earlier, later in pairwise(pings))
    record_property("longest_gap_s", gap)
    assert gap < WATCHDOG_S, "systemd would have ended it"


def test_no_fault_left_a_traceback(life: Life) -> None:
    assert unwanted(life.agent.log) == []


def test_a_child_that_dies_three_times_ends_the_program(life: Life, record_property: Record) -> None:
    family = psutil.Process(life.agent.pid).children(recursive=True)
    began, word = time.monotonic(), "loading"
    while word != "offline":  # one death is in the books already, unless a minute has passed
        since = now()
        kill(life.children()["asr"], signal.SIGKILL)
        word = next_word(life, since)
    assert life.agent.wait_ended(WAIT_S) == 70
    record_property("ended_s", time.monotonic() - began)
    assert life.heard("status") == [("status", "offline")]
    assert "asr: 3 deaths in 60 s" in life.agent.log
    assert psutil.wait_procs(family, WAIT_S)[1] == []


def next_word(life: Life, since: datetime) -> str:
    """The recogniser is "loading" anew, or the agent "offline": whichever comes first."""

    def either(notice: Notice) -> bool:
        if notice.topic != "health":
            return (notice.topic, notice.data) == ("status", "offline")
        asr = notice.data["asr"]
        return asr["status"] == "loading" and datetime.fromisoformat(asr["since"]) > since

    found = life.watcher.wait(either, WAIT_S, life.mark)
    assert found is not None, life.agent.tail()
    return "loading" if found.topic == "health" else "offline"


# A second daemon, with a language model that falls sick. The model's answers come in this order.

PASSWORD, API_KEY = "canary-of-mqtt", "canary-of-llm"
SYMPTOMS = (
    cut("The sea is wide. It is also"),
    hang(),
    answer("Fine again."),
    status(401, {"error": {"message": f"Incorrect API key provided: {API_KEY}"}}),
)


class Thinking:
    """`gone()` ends the language model for good; `state` is the daemon's folder."""

    def __init__(self, life: Life, llm: SickLlm, gone: Callable[[], None], state: Path) -> None:
        self.life = life
        self.llm = llm
        self.gone = gone
        self.state = state


@pytest.fixture(scope="module")
def thinking(room: Room, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Thinking]:
    credentials, state = tmp_path_factory.mktemp("credentials"), tmp_path_factory.mktemp("state")
    (credentials / "mqtt").write_text(PASSWORD)
    (credentials / "llm").write_text(API_KEY)
    with ExitStack() as stack, ExitStack() as server:
        llm = server.enter_context(SickLlm(*SYMPTOMS))
        profile = {"base_url": llm.base_url, "model": "sick", "api_key": "llm"}
        profile |= {"first_token_timeout_s": 1.0, "cold_first_token_timeout_s": 1.0}
        settings: dict[str, Any] = {
            "mqtt.port": broker.port,
            "mqtt.device": "thinking",
            "mqtt.username": "agent",
            "mqtt.password": "mqtt",
            "llm.use": ["sick"],
            "log.level": "DEBUG",
            **{f"llm.profiles.sick.{key}": value for key, value in profile.items()},
        }
        watcher = Watcher("127.0.0.1", broker.port, "voice-agent/thinking")
        stack.callback(watcher.stop)
        watcher.start()
        env = room.env | {"CREDENTIALS_DIRECTORY": str(credentials)}
        life = Life(room, watcher, stack.enter_context(Resident(settings, env, state)))
        life.agent.wait_parts(watcher, (*PARTS, "llm", "mqtt"), WAIT_S)
        yield Thinking(life, llm, server.close, state)


@pytest.mark.parametrize(
    ("code", "heard"),
    [
        ("cut_off", "The sea is wide. It is also Sorry, the answer broke off there."),
        ("timeout", "Sorry, the language model takes too long."),
        ("", "Fine again."),
        ("auth", "Sorry, the language model refused my key."),
        ("unreachable", "Sorry, I can't reach the language model right now."),
    ],
    ids=["cut-off", "hanging", "well", "unauthorized", "gone"],
)
def test_a_sick_language_model_is_never_silence(thinking: Thinking, code: str, heard: str) -> None:
    life = thinking.life
    if code == "unreachable":
        thinking.gone()
    began = time.monotonic()
    receipt = life.ask(f"q-{code}", "what is the sea like")
    assert (receipt["outcome"], receipt["heard"]) == ("failed" if code else "answered", heard)
    assert [data["code"] for _, data in life.heard("event/error")] == ([code] if code else [])
    assert loudest(life.room, began) > 1000


def test_no_secret_is_shown_to_anybody(thinking: Thinking) -> None:
    """After the language model has sent the key back in an error, and at the most talkative level of the log."""
    life = thinking.life
    assert thinking.llm.requests[0].headers["authorization"] == f"Bearer {API_KEY}"
    shown = [life.agent.log, *(f"{n.topic} {n.data}" for n in life.watcher.notices)]
    shown += [path.read_text(errors="replace") for path in thinking.state.iterdir()]
    main = psutil.Process(life.agent.pid)
    for process in (main, *main.children(recursive=True)):
        for name in ("cmdline", "environ"):
            shown.append(Path(f"/proc/{process.pid}/{name}").read_text(errors="replace"))
    assert [text for text in shown if "canary" in text] == []
    assert unwanted(life.agent.log) == []


def test_a_stop_in_the_middle_of_a_sentence(thinking: Thinking, record_property: Record) -> None:
    life = thinking.life
    family = psutil.Process(life.agent.pid).children(recursive=True)
    life.begin()
    life.command("say", id="long", text=LONG)
    life.wait("state", lambda phase: phase == "speaking")
    life.room.wait_heard(time.monotonic() + 0.5)
    told = time.monotonic()
    kill(psutil.Process(life.agent.pid), signal.SIGTERM)
    assert life.agent.wait_ended(9) == 0
    ended = time.monotonic()
    record_property("ended_s", ended - told)
    life.wait("status", lambda word: word == "offline")
    assert life.heard("state")[-1] == ("state", "idle")
    assert psutil.wait_procs(family, WAIT_S)[1] == []
    assert life.wait("result", lambda data: data["id"] == "long")["error"]["code"] == "interrupted"
    assert life.wait("turn")["outcome"] == "interrupted"
    assert unwanted(life.agent.log) == []
    life.room.wait_heard(ended + 0.5)
    assert loudest(life.room, ended, ended + 0.5) < 100
