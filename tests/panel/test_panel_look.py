"""What the lights show, and how it moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.panel.look import AMBER, BLUE, DARK, RED, Health, Look, Scene, look
from agent.panel.motion import FLASH_EVERY_S, frame, is_night, next_change_s

SCENES = st.builds(
    Scene,
    phase=st.sampled_from(["idle", "listening", "thinking", "speaking"]),
    mic_off=st.booleans(),
    starting=st.booleans(),
    trouble=st.booleans(),
    offline=st.booleans(),
)
MOTIONS = st.sampled_from(["steady", "breathing", "turning", "flashing"])
LOOKS = st.builds(Look, st.tuples(*[st.integers(0, 255)] * 3), st.floats(0, 1), MOTIONS)


def test_idle_is_dark_and_listening_is_not() -> None:
    assert look(Scene()) == DARK
    assert look(Scene(phase="listening")) == Look(BLUE, 1.0, "steady")


@given(SCENES)
def test_a_microphone_that_is_off_is_red_and_never_dark(scene: Scene) -> None:
    shown = look(replace(scene, mic_off=True))
    assert shown.colour == RED
    assert shown.level > 0
    assert look(replace(scene, mic_off=False)).colour != RED


def test_every_meaning_has_a_look_of_its_own_even_in_one_colour() -> None:
    scenes = [
        Scene(),
        Scene(phase="listening"),
        Scene(phase="thinking"),
        Scene(phase="speaking"),
        Scene(mic_off=True),
        Scene(trouble=True),
        Scene(offline=True),
        Scene(starting=True),
    ]
    assert len({(shown.level, shown.motion) for shown in map(look, scenes)}) == len(scenes)


def test_health_becomes_what_is_shown() -> None:
    health = Health()
    assert health.onto(Scene()).starting
    health = health.told("mic", "loading").told("wake", "ok").told("mic", "ok")
    assert health.onto(Scene()) == Scene()
    assert look(health.told("mic", "failed").onto(Scene())) == Look(AMBER, 1.0, "flashing")
    assert health.told("mqtt", "failed").onto(Scene()).offline
    assert health.told("llm", "failed").told("llm", "ok").onto(Scene()) == Scene()


@given(LOOKS, st.floats(0, 1e6), st.integers(1, 64), st.floats(0, 1))
def test_any_look_at_any_time_is_a_frame(shown: Look, elapsed: float, count: int, brightness: float) -> None:
    lights = frame(shown, elapsed, count, brightness)
    assert len(lights) == count
    for light in lights:
        assert all(0 <= part <= full for part, full in zip(light, shown.colour, strict=True))
    change = next_change_s(shown, elapsed, 30.0)
    assert change is None or 0 < change <= FLASH_EVERY_S


@given(LOOKS, st.floats(0, 1e3), st.floats(0, 1))
def test_what_does_not_move_does_not_change(shown: Look, elapsed: float, brightness: float) -> None:
    if next_change_s(shown, elapsed, 30.0) is None:
        assert frame(shown, elapsed, 3, brightness) == frame(shown, elapsed + 7.3, 3, brightness)


def test_a_flash_wakes_up_twice_in_its_period() -> None:
    elapsed, changes = 0.0, 0
    shown = Look(AMBER, 1.0, "flashing")
    while elapsed < 3 * FLASH_EVERY_S - 0.001:
        elapsed += next_change_s(shown, elapsed + 1e-9, 30.0) or 0.0
        changes += 1
    assert changes == 6


def test_a_ring_turns_and_one_light_cannot() -> None:
    turning = Look(BLUE, 1.0, "turning")
    brightest = [max(range(12), key=lambda n: frame(turning, step / 10, 12, 1.0)[n][2]) for step in range(12)]
    assert brightest == list(range(12))
    assert len(set(frame(turning, 0.5, 2, 1.0))) == 1


@pytest.mark.parametrize(
    ("night", "hour", "expected"),
    [
        (None, 3, False),
        ("22:00-07:00", 23, True),
        ("22:00-07:00", 3, True),
        ("22:00-07:00", 7, False),
        ("13:00-15:00", 14, True),
        ("13:00-15:00", 15, False),
        ("13:00-15:00", 2, False),
    ],
)
def test_night(night: str | None, hour: int, expected: bool) -> None:
    assert is_night(night, datetime(2026, 11, 25, hour, tzinfo=UTC)) is expected
