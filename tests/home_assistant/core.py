"""A Home Assistant core in a machine: as after its first evening, with an owner, a token, the broker, two lights.

Everything of the owner's is prepared in `.storage`, so that nobody has to click; lights are templates over switches of
the mind, one in each of two areas. It knows no network but loopback, neither by its settings nor by the machine's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import installed
from api import ANSWER_S, Api
from machines.machine import Machine
from websockets.exceptions import WebSocketException

PORT = 8123
URL = f"http://127.0.0.1:{PORT}"
HOME = "/var/lib/home-assistant"
LOG = f"{HOME}/said.log"
START_S = 180.0  # the first start after the installation compiles
ENTRY = "01MQTT00000000000000000000"
STORY = "Once upon a time there was a light in a kitchen. " * 8  # which takes half a minute
SEARCH_S, FOUND = 5, "Your glasses are in the hall."  # which takes its time
KITCHEN_LIGHT, HALL_LIGHT = "light.kitchen_bulb", "light.hall_bulb"
UNIT = f"""
[Service]
ExecStart={installed.HASS} --config {HOME} --skip-pip --log-no-color
StandardOutput=append:{LOG}
StandardError=append:{LOG}
TimeoutStopSec=60
"""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SLEEP = ", ".join(f'{day}: [{{from: "00:00:00", to: "24:00:00"}}]' for day in DAYS)  # always
CONFIGURATION = f"""
homeassistant:
  {{name: Home, country: GB, language: en, time_zone: Europe/London, unit_system: metric, internal_url: "{URL}"}}
http: {{server_host: 127.0.0.1, server_port: {PORT}}}
api:
config:
frontend:
assist_pipeline:
logger: {{default: warning, logs: {{homeassistant.components.mqtt: info}}}}
input_boolean: {{kitchen: , hall: }}
input_button: {{dinner: }}
conversation: {{intents: {{Story: [tell me a story], Search: [look for my glasses]}}}}
intent_script:
  Story: {{speech: {{text: {STORY}}}}}
  Search: {{action: [{{delay: {SEARCH_S}}}], speech: {{text: {FOUND}}}}}
schedule: {{sleep: {{name: Sleep, {SLEEP}}}}}
automation: !include automations.yaml
media_player: [{{platform: universal, name: Kitchen}}]
template:
  - light:
"""
LIGHT = """
      - name: {name} bulb
        unique_id: {name}-bulb
        state: "{{{{ is_state('input_boolean.{key}', 'on') }}}}"
        turn_on: {{action: input_boolean.turn_on, target: {{entity_id: input_boolean.{key}}}}}
        turn_off: {{action: input_boolean.turn_off, target: {{entity_id: input_boolean.{key}}}}}
"""
RECORD = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ )", re.MULTILINE)
# What it says of a broker, a satellite, a recogniser that are not there, of a token that a test has broken, of a busy
# machine, and of itself: where a device is taken back, it empties our topic again for each entity that was disabled,
# and then wonders what it should clean up.
DESERVED = re.compile(
    r"mqtt\.client\] (Error returned from|Failed to connect to) MQTT server|http\.ban\] Login attempt|"
    r"mqtt\.util\] Error talking to MQTT: The client is not currently connected|"
    r"helpers\.entity\] Updating state for \S+ \(.*\) took [\d.]+ seconds|"
    r"mqtt\.discovery\] No device components to cleanup|"
    r"wyoming\.assist_satellite\] Satellite has been disconnected|wyoming\.stt\] Error processing audio stream|"
    r"the pipeline does not support speech-to-text"
)


class Core:
    """`start` and `stop` as often as wanted; `api` is open in between."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._api: Api | None = None
        self._refresh = {"id": secrets.token_hex(16), "jwt_key": secrets.token_hex(64)}
        self.token = _signed(self._refresh["id"], self._refresh["jwt_key"])

    @property
    def api(self) -> Api:
        assert self._api is not None, "Home Assistant is not running"
        return self._api

    def prepare(self, broker_port: int) -> None:
        """Its first evening."""
        lights = "".join(LIGHT.format(name=name.title(), key=name) for name in ("kitchen", "hall"))
        self._machine.write(f"{HOME}/configuration.yaml", CONFIGURATION + lights)
        self._machine.write(f"{HOME}/automations.yaml", "[]\n")
        for name, (version, data) in self._storage(broker_port).items():
            document = {"version": version, "minor_version": 1, "key": name, "data": data}
            self._machine.write(f"{HOME}/.storage/{name}", json.dumps(document), 0o600)
        self._machine.write("/etc/systemd/system/home-assistant.service", UNIT)
        self._machine.run(["systemctl", "daemon-reload"])

    def start(self) -> float:
        """Running, with `api`, when it returns; seconds that took."""
        began = time.monotonic()
        self._machine.run(["systemctl", "start", "home-assistant"])
        while (api := self._reached()) is None or api.call("get_config")["state"] != "RUNNING":
            assert time.monotonic() - began < START_S, f"Home Assistant does not start\n{self.log()[-3000:]}"
            assert self._machine.show("home-assistant", "ActiveState") == "active", self.log()[-3000:]
            time.sleep(0.1)  # nobody tells when it begins to listen
        return time.monotonic() - began

    def stop(self) -> None:
        """As its user restarts it: it has time to write down what it knows. Idempotent."""
        if self._api is not None:
            self._api.close()
            self._api = None
        self._machine.run(["systemctl", "stop", "home-assistant"], timeout=90)

    def kill(self) -> None:
        """As a power cut stops it: it says good-bye to nobody."""
        self._machine.run(["systemctl", "kill", "--signal=KILL", "home-assistant"])
        self.stop()

    def config(self, path: str, body: Mapping[str, Any] | None) -> Any:
        """What its pages ask of api/config, and its answer; None deletes. Raises HTTPError where it is refused."""
        request = urllib.request.Request(
            f"{URL}/api/config/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method="DELETE" if body is None else "POST",
        )
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            return json.load(answer)

    def save_automation(self, id: str, automation: Mapping[str, Any] | None) -> None:
        """As the editor does it; None deletes. Raises urllib.error.HTTPError where it is not taken."""
        self.config(f"automation/config/{id}", automation)

    def log(self) -> str:
        """Of all its lives."""
        return self._machine.read(LOG)

    def complaints(self, names: Sequence[str], since: int) -> list[str]:
        """Warnings, errors and what follows them (tracebacks) that name one of these, or come from its MQTT or Wyoming.

        `since`: how long the log was before.
        """
        words = re.compile(
            "|".join([re.escape(name) for name in names] + [r"components\.(mqtt|wyoming|assist_)", "discover"]),
            re.IGNORECASE,
        )
        records = RECORD.split(self.log()[since:])
        bad = [record for record in records if re.search(r"^\S+ \S+ (WARNING|ERROR|CRITICAL|FATAL)|Traceback", record)]
        return [record for record in bad if words.search(record) and not DESERVED.search(record)]

    def _reached(self) -> Api | None:
        if self._api is None:
            try:
                self._api = Api(PORT, self.token)
            except (OSError, WebSocketException, EOFError, TimeoutError):
                return None
        return self._api

    def _storage(self, broker_port: int) -> Mapping[str, tuple[int, Any]]:
        broker = {"broker": "127.0.0.1", "port": broker_port, "discovery": True, "discovery_prefix": "homeassistant"}
        entry = {
            "entry_id": ENTRY, "domain": "mqtt", "title": "mosquitto", "data": broker, "options": {}, "version": 2,
            "minor_version": 1, "source": "user", "unique_id": None, "disabled_by": None, "subentries": [],
            "pref_disable_new_entities": False, "pref_disable_polling": False, "discovery_keys": {},
            "created_at": _now(), "modified_at": _now(),
        }  # fmt: skip
        owner = {
            "id": "owner", "name": "Owner", "group_ids": ["system-admin"], "is_owner": True, "is_active": True,
            "system_generated": False, "local_only": False,
        }  # fmt: skip
        token = {
            **self._refresh, "user_id": "owner", "client_id": None, "client_name": "voice-agent", "client_icon": None,
            "token_type": "long_lived_access_token", "token": secrets.token_hex(64), "created_at": _now(),
            "access_token_expiration": 315_360_000.0, "last_used_at": None, "last_used_ip": None, "expire_at": None,
            "credential_id": None, "version": installed.VERSION,
        }  # fmt: skip
        groups = [{"id": f"system-{name}", "name": name} for name in ("admin", "users", "read-only")]
        return {
            "auth": (1, {"users": [owner], "groups": groups, "credentials": [], "refresh_tokens": [token]}),
            "core.config_entries": (1, {"entries": [entry]}),
            "core.network": (1, {"configured_adapters": ["lo"]}),
            "onboarding": (4, {"done": ["user", "core_config", "analytics", "integration"]}),
        }


def _signed(issuer: str, key: str) -> str:
    """A long-lived access token as Home Assistant makes them: RFC 7519, HS256."""
    now = int(time.time())
    claims = {"iss": issuer, "iat": now, "exp": now + 315_360_000}
    head = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
    signature = hmac.new(key.encode(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{_text(signature)}"


def _encoded(part: Mapping[str, Any]) -> str:
    return _text(json.dumps(part, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
