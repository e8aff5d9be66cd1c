"""A home: a real Home Assistant core, a broker, and our agent as a process of its own in a room, all in one network."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from api import GONE, Api, Change
from core import HALL_LIGHT, KITCHEN_LIGHT, URL, Core

from agent.audio.pcm import Samples
from agent.lab.broker import Broker
from agent.lab.resident import Resident, Value
from agent.lab.room import Room
from agent.lab.timeline import Notice
from agent.lab.visitor import Voice, say, voice
from agent.lab.watch import Watcher

DEVICE = "kitchen"
IDENTIFIER = f"voice-agent-{DEVICE}"
CALLED = f"voice_agent_{DEVICE}"  # how entity ids begin
CONFIG = f"device/{IDENTIFIER}/config"
NAMES = ("voice-agent", CALLED, "Voice agent", DEVICE)  # how a log may name us
TOKEN = "home-assistant-token"
PARTS = ("mic", "speaker", "wake", "asr", "tts", "llm", "mqtt")
WAIT_S = 60.0
VISITOR = voice("flite slt")
SAID_TIMES, HEARD_S = 3, 20.0
LOST = (GONE, "unavailable")
SETTINGS: dict[str, Value] = {
    "mqtt.device": DEVICE,
    "room.area": "Kitchen",
    "room.night_volume_percent": 21,
    "audio.speaker.volume_percent": 57,
    "wake.threshold": 0.55,
    "endpoint.silence_ms": 650,
    "conversation.follow_up": False,
    "conversation.barge_in": True,
    "personas.butler.name": "Butler",
    "panel.button.pin": 17,
    "llm.use": ["house"],
    "llm.profiles.house.kind": "home_assistant",
    "llm.profiles.house.base_url": URL,
    "llm.profiles.house.api_key": TOKEN,
}


class House:
    """`seconds`: what was measured, in the order of the measuring."""

    def __init__(self, core: Core, broker: Broker, room: Room, folder: Path, seconds: list[tuple[str, float]]) -> None:
        self.core = core
        self.broker = broker
        self.room = room
        self.seconds = seconds
        self._credentials = folder / "credentials"
        self._credentials.mkdir()
        self.set_token(core.token)
        env = room.env | {
            "CREDENTIALS_DIRECTORY": str(self._credentials),
            "GPIOZERO_PIN_FACTORY": "mock",
            "NOTIFY_SOCKET": str(folder / "nobody"),  # it may be asked to restart: somebody would start it again
        }
        self.agent = Resident(SETTINGS | {"mqtt.port": broker.port}, env, folder / "state")
        self.watcher = self._watcher(f"voice-agent/{DEVICE}")
        self.announced = self._watcher("homeassistant")
        self.mark = 0
        self.fresh = True  # nobody has looked at what Home Assistant said since it was started
        self._marks = 0, 0

    @property
    def api(self) -> Api:
        return self.core.api

    def start(self) -> None:
        """All there, and well."""
        self.watcher.start()
        self.announced.start()
        self.agent.start()
        self.agent.wait_parts(self.watcher, PARTS, WAIT_S)
        self.measured("the agent begun for the first time: all there", self.there(self.agent.started_at), WAIT_S)

    def restart(self) -> float:
        """Begin the agent anew, after its end; seconds until Home Assistant knows that it is there and hears."""
        self.begin()
        self.agent.start()
        self.agent.wait_parts(self.watcher, PARTS, WAIT_S, self.mark)
        return self.there(self.agent.started_at)

    def cut_broker(self) -> None:
        """As a power cut does it; what it kept is lost. `broker.start` and `seen` bring it back."""
        self._marks = self.watcher.mark(), self.announced.mark()
        self.broker.stop(kill=True)

    def seen(self) -> None:
        """Wait until this test sees, too, what the agent has told the new broker."""
        theirs, ours = self._marks
        assert self.watcher.wait(lambda n: (n.topic, n.data) == ("status", "online"), WAIT_S, theirs)
        assert self.announced.wait(lambda n: n.topic == CONFIG, WAIT_S, ours)

    def stop(self) -> None:
        self.agent.stop()
        self.watcher.stop()
        self.announced.stop()

    def set_token(self, token: str) -> None:
        file = self._credentials / TOKEN
        file.write_text(token)
        file.chmod(0o600)

    # ------------------------------------------------------- the agent's side

    def begin(self) -> None:
        """What was published so far is the past."""
        self.mark = self.watcher.mark()

    def wait(self, topic: str, wanted: Callable[[Any], bool] = lambda data: True, timeout_s: float = WAIT_S) -> Any:
        """The first such message since `begin`: its content."""
        return self.notice(topic, wanted, timeout_s).data

    def notice(self, topic: str, wanted: Callable[[Any], bool], timeout_s: float = WAIT_S) -> Notice:
        found = self.watcher.wait(lambda n: n.topic == topic and wanted(n.data), timeout_s, self.mark)
        there = [(n.topic, n.data) for n in self.watcher.notices[self.mark :]]
        assert found is not None, f"no {topic}; there were {there}\n{self.agent.tail()}"
        return found

    def command(self, name: str, **body: Any) -> Any:
        """The answer."""
        self.begin()
        asked = {"id": f"{name}-{self.mark}", **body}
        self.watcher.publish(f"cmd/{name}", asked)
        return self.wait("result", lambda data: data["id"] == asked["id"])

    def ask(self, text: str) -> Any:
        """A question by MQTT; the receipt of its turn."""
        self.command("ask", text=text)
        return self.wait("turn")

    def spoken(self, text: str, speaker: Voice = VISITOR) -> Any:
        """A visitor says it after the wake word; the receipt. On a busy machine what comes late is not heard."""
        for _ in range(SAID_TIMES):
            self.begin()
            self.room.play(addressed(text, speaker))
            turn = self.watcher.wait(lambda n: n.topic == "turn" and n.data["word"] is not None, HEARD_S, self.mark)
            if turn is not None:
                return turn.data
        raise AssertionError(f"nobody heard it\n{self.agent.tail()}")

    def setting(self, name: str, value: object) -> float:
        """The moment at which the agent says that this is so, since `begin`."""
        return self.notice(f"setting/{name}", lambda data: data["value"] == value).at

    def reload(self, **changes: Any) -> None:
        self.agent.configure({key.replace("__", "."): value for key, value in changes.items()})
        self.begin()
        os.kill(self.agent.pid, signal.SIGHUP)
        assert self.wait("event/reload")["ok"], self.agent.tail()

    def payload(self) -> dict[str, Any]:
        """The announcement that counts: the last one."""
        told = [n.data for n in self.announced.notices if n.topic == CONFIG]
        assert told, "the device was never announced"
        assert isinstance(told[-1], dict), "the device was taken back"
        return told[-1]

    # ------------------------------------------- the side of Home Assistant

    def place_lights(self) -> None:
        """One in the kitchen, one in the hall."""
        if "hall" not in [area["area_id"] for area in self.api.call("config/area_registry/list")]:
            self.api.call("config/area_registry/create", name="Hall")
        for light, area in ((KITCHEN_LIGHT, "kitchen"), (HALL_LIGHT, "hall")):
            self.api.call("config/entity_registry/update", entity_id=light, area_id=area)

    def darken(self) -> None:
        """Both lights are off."""
        for light in (KITCHEN_LIGHT, HALL_LIGHT):
            self.api.act("light.turn_off", light)
            self.api.become(light, "off", WAIT_S)

    def entity(self, key: str) -> str:
        """Its id in Home Assistant."""
        found: str = self.payload()["components"][key]["default_entity_id"]
        return found

    def become(self, key: str, state: str, timeout_s: float = WAIT_S, after: int | None = None) -> Change:
        return self.api.become(self.entity(key), state, timeout_s, after)

    def act(self, action: str, key: str, **data: Any) -> None:
        """What a user does with an entity of ours. `begin` is made by it."""
        self.begin()
        self.api.act(action, self.entity(key), **data)

    def there(self, since: float, timeout_s: float = WAIT_S) -> float:
        """Wait until every entity is available; seconds since that moment (monotonic)."""
        self.api.wait(self.entity("state"), lambda each: each.state not in LOST, timeout_s)
        found = [
            self.api.wait(self.entity(key), lambda each: each.state not in LOST, timeout_s) for key in self.shown()
        ]
        return max(each.at for each in found) - since

    def lost(self, keys: Iterable[str], timeout_s: float = WAIT_S) -> float:
        """Wait until these are unavailable; the moment of the last of them."""
        return max(self.become(key, "unavailable", timeout_s).at for key in keys)

    def shown(self) -> list[str]:
        """Of the entities that are shown: announced, and not disabled."""
        registered = self.api.call("config/entity_registry/list")
        disabled = {each["entity_id"] for each in registered if each["disabled_by"]}
        components = self.payload()["components"]
        return [key for key in components if "unique_id" in components[key] and self.entity(key) not in disabled]

    def measured(self, what: str, seconds: float, limit_s: float) -> None:
        self.seconds.append((what, seconds))
        assert seconds <= limit_s, f"{what}: {seconds:.1f} s"

    def complaints(self, since: int) -> str:
        return "\n".join(self.core.complaints(NAMES, since))

    def _watcher(self, root: str) -> Watcher:
        return Watcher(self.broker.host, self.broker.port, root)


def addressed(text: str, speaker: Voice) -> Samples:
    """The wake word, and this after it."""
    return say("hey jarvis", VISITOR).then(say(text, speaker), 0.45).samples


def described(change: Change) -> str:
    return json.dumps({"state": change.state, **change.attributes}, ensure_ascii=False)
