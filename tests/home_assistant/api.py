"""Home Assistant, asked over its websocket as its own pages do: registries, services, and every change of a state."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

ANSWER_S = 30.0
GONE = "gone"  # the state of an entity that there is not (any more)


@dataclass(frozen=True, slots=True)
class Change:
    """What an entity has become; `at` in monotonic seconds."""

    entity: str
    state: str
    attributes: dict[str, Any]
    at: float


class Api:
    """`changes` only grows; it begins with what there was. Close it."""

    def __init__(self, port: int, token: str) -> None:
        """Raises OSError, ConnectionClosed, AssertionError where the token is refused."""
        self._open = ExitStack()
        url = f"ws://127.0.0.1:{port}/api/websocket"
        self._line = self._open.enter_context(connect(url, max_size=None, proxy=None))
        self._arrived = threading.Condition()  # guards all below
        self._answers: dict[int, dict[str, Any]] = {}
        self._states: dict[str, Change] = {}
        self._changes: list[Change] = []
        self._number = 0
        self._reader = threading.Thread(target=self._read, name="api", daemon=True)
        try:
            self._authenticate(token)
        except BaseException:
            self._open.close()
            raise
        self._reader.start()
        self.call("subscribe_events", event_type="state_changed")
        for state in self.call("get_states"):
            self._note(state["entity_id"], state)

    def close(self) -> None:
        self._open.close()
        self._reader.join()

    # ----------------------------------------------------------- asking

    def call(self, kind: str, **fields: Any) -> Any:
        """Its answer; AssertionError where it refuses, or does not answer."""
        with self._arrived:
            self._number += 1
            number = self._number
        self._line.send(json.dumps({"id": number, "type": kind, **fields}))
        with self._arrived:
            assert self._arrived.wait_for(lambda: number in self._answers, ANSWER_S), f"no answer to {kind}"
            answer = self._answers.pop(number)
        assert answer["success"], f"{kind} {fields}: {answer['error']}"
        return answer["result"]

    def act(self, action: str, entity: str, **data: Any) -> None:
        """As a user does: `act("number.set_value", "number.x", value=5)`."""
        domain, service = action.split(".")
        self.call("call_service", domain=domain, service=service, target={"entity_id": entity}, service_data=data)

    def devices(self, identifier: str) -> list[dict[str, Any]]:
        """Those that MQTT brought under this identifier."""
        every = self.call("config/device_registry/list")
        return [device for device in every if ["mqtt", identifier] in device["identifiers"]]

    def entities(self, device: str) -> dict[str, dict[str, Any]]:
        """By their unique id."""
        every = self.call("config/entity_registry/list")
        return {entity["unique_id"]: entity for entity in every if entity["device_id"] == device}

    # ----------------------------------------------------------- states

    def state(self, entity: str) -> Change:
        with self._arrived:
            return self._states.get(entity) or Change(entity, GONE, {}, 0.0)

    def mark(self) -> int:
        """How many changes there were; `wait` can look at what comes after."""
        with self._arrived:
            return len(self._changes)

    def wait(self, entity: str, wanted: Callable[[Change], bool], timeout_s: float, after: int | None = None) -> Change:
        """It is so, or becomes so; with `after`: it becomes so after this mark."""
        until = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                seen = [] if after is None else [each for each in self._changes[after:] if each.entity == entity]
                seen = [self._states.get(entity) or Change(entity, GONE, {}, 0.0)] if after is None else seen
                if found := next(filter(wanted, seen), None):
                    return found
                left = until - time.monotonic()
                assert left > 0, f"{entity} is {self._states.get(entity)} after {timeout_s:.0f} s"
                self._arrived.wait(left)

    def become(self, entity: str, state: str, timeout_s: float, after: int | None = None) -> Change:
        return self.wait(entity, lambda change: change.state == state, timeout_s, after)

    # ---------------------------------------------------------- reading

    def _authenticate(self, token: str) -> None:
        assert json.loads(self._line.recv(ANSWER_S))["type"] == "auth_required"
        self._line.send(json.dumps({"type": "auth", "access_token": token}))
        answer = json.loads(self._line.recv(ANSWER_S))
        assert answer["type"] == "auth_ok", answer

    def _read(self) -> None:
        try:
            for text in self._line:
                message = json.loads(text)
                if message["type"] == "result":
                    with self._arrived:
                        self._answers[message["id"]] = message
                        self._arrived.notify_all()
                elif message["type"] == "event" and message["event"].get("event_type") == "state_changed":
                    self._note(message["event"]["data"]["entity_id"], message["event"]["data"]["new_state"])
        except ConnectionClosed:
            pass  # it is being restarted

    def _note(self, entity: str, state: dict[str, Any] | None) -> None:
        told: dict[str, Any] = {"state": GONE, "attributes": {}} if state is None else state
        change = Change(entity, told["state"], told["attributes"], time.monotonic())
        with self._arrived:
            self._states[entity] = change
            self._changes.append(change)
            self._arrived.notify_all()
