"""gpiozero's mock pins (its documented test facility): real gpiozero devices, and pins that tests drive and watch."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin

WAIT_S = 5.0


class WatchedPin(MockPWMPin):
    """Tells each of its states."""

    def __init__(self, factory: Any, info: Any) -> None:
        self.told: queue.SimpleQueue[float] = queue.SimpleQueue()
        super().__init__(factory, info)

    def _change_state(self, value: float) -> bool:
        changed: bool = super()._change_state(value)
        if changed:
            self.told.put(float(value))
        return changed

    def wait(self, wanted: Callable[[float], bool]) -> float:
        """Its next state that is wanted."""
        while not wanted(state := self.told.get(timeout=WAIT_S)):
            pass
        return state


class ChainClock(WatchedPin):
    """The clock of a chain of lights: notes what stands on the data pin whenever it rises."""

    def __init__(self, factory: Any, info: Any, data: Any = None) -> None:
        super().__init__(factory, info)
        self._data = data
        self._bits: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def _set_state(self, value: float) -> None:
        super()._set_state(value)
        if value:
            self._bits.put(bool(self._data.state))

    def take(self) -> bytes:
        """What was sent since the last call; it has to be whole bytes."""
        assert self._bits.qsize() % 8 == 0
        return b"".join(self.next_byte() for _ in range(self._bits.qsize() // 8))

    def next_byte(self) -> bytes:
        return bytes([sum(self._bits.get(timeout=WAIT_S) << (7 - n) for n in range(8))])


def factory() -> Any:
    return MockFactory(pin_class=WatchedPin)


def chain(pins: Any, data: int, clock: int) -> ChainClock:
    """Lights on these two pins."""
    made: ChainClock = pins.pin(clock, pin_class=ChainClock, data=pins.pin(data))
    return made


def lit(sent: bytes, count: int) -> list[tuple[int, int, int]]:
    """What a chain of APA102 shows after these bytes, as its datasheet tells; (red, green, blue)."""
    assert sent[:4] == bytes(4), "no start of a frame"
    words = [sent[4 * n : 4 * n + 4] for n in range(1, count + 1)]
    assert all(word[0] >> 5 == 0b111 for word in words)
    tail = sent[4 * (count + 1) :]
    assert not any(tail)
    assert 8 * len(tail) >= 32 + count / 2, "the last light would not get its bits"
    return [(red, green, blue) for _, blue, green, red in words]
