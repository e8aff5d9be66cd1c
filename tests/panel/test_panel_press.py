"""Presses under any bouncing, compared with a second way to tell them; and the mute switch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.panel import switch
from agent.panel.press import Contact, Gesture, contact, deadline, feel, wait

DEBOUNCE, LONG = 30, 1000  # ms, for numbers that are exact

LENGTHS = st.one_of(st.integers(1, 29), st.integers(30, 300), st.integers(900, 1100), st.integers(1, 5000))


def play(first: bool, lengths: list[int]) -> list[Gesture]:
    """Levels that take turns, each for so many ms; edges and nothing else are told."""
    state: Contact = contact(first, 0, DEBOUNCE, LONG)
    gestures: list[Gesture] = []
    pressed, now = first, 0
    for length in lengths:
        state, some = feel(state, pressed, now)
        gestures += some
        pressed, now = not pressed, now + length
    return [*gestures, *wait(state, now)[1]]


def expected(first: bool, lengths: list[int]) -> list[Gesture]:
    """The same from the whole signal at once: segments [begin, end], cut into presses by the steady ones."""
    edges = [sum(lengths[:n]) for n in range(len(lengths) + 1)]
    segments = [(first ^ bool(n % 2), edges[n], edges[n + 1]) for n in range(len(lengths))]
    steady = [(level, begin) for n, (level, begin, end) in enumerate(segments) if n == 0 or end - begin >= DEBOUNCE]
    turns = [(level, begin) for n, (level, begin) in enumerate(steady) if n == 0 or level != steady[n - 1][0]]
    gestures: list[Gesture] = []
    for n, (level, begin) in enumerate(turns):
        if not level or n == 0:
            continue
        over = turns[n + 1][1] if n + 1 < len(turns) else None
        held = [end for down, start, end in segments if down and start >= begin and (over is None or end <= over)]
        if max(held) >= begin + LONG:
            gestures.append("long")
        elif over is not None:
            gestures.append("short")
    return gestures


@given(st.booleans(), st.lists(LENGTHS, min_size=1, max_size=20))
def test_any_sequence_of_presses_and_bounces(first: bool, lengths: list[int]) -> None:
    assert play(first, lengths) == expected(first, lengths)


@given(st.lists(st.integers(1, DEBOUNCE - 1), min_size=1, max_size=40))
def test_bouncing_alone_is_nothing(lengths: list[int]) -> None:
    bounces = lengths if len(lengths) % 2 == 0 else lengths[1:]
    assert play(False, [500, *bounces, 500]) == []


@given(st.lists(st.integers(1, DEBOUNCE - 1), max_size=10), st.lists(st.integers(1, DEBOUNCE - 1), max_size=10))
def test_a_press_with_bouncing_contacts_is_one_press(closing: list[int], opening: list[int]) -> None:
    before, after = closing[len(closing) % 2 :], opening[len(opening) % 2 :]
    assert play(False, [500, *before, 200, *after, 500]) == ["short"]
    assert play(False, [500, *before, 2000, *after, 500]) == ["long"]


@given(st.integers(DEBOUNCE, 100_000))
def test_a_button_held_at_the_start_is_nothing_until_it_was_up(held: int) -> None:
    assert play(True, [held, 500]) == []
    assert play(True, [held, 500, 200, 500]) == ["short"]


def test_a_long_press_is_told_while_it_is_held_and_once() -> None:
    state = contact(False, 0, DEBOUNCE, LONG)
    state, gestures = feel(state, True, 100)
    assert (gestures, deadline(state)) == ((), 130)
    state, gestures = wait(state, 130)
    assert (gestures, deadline(state)) == ((), 1100)
    state, gestures = wait(state, 1100)
    assert (gestures, deadline(state)) == (("long",), None)
    state, gestures = feel(state, False, 60_000)
    assert wait(state, 61_000)[1] == ()


@given(st.lists(st.tuples(st.sampled_from(["open", "closed", "unreadable"]), st.integers(0, 100)), max_size=30))
def test_a_switch_is_off_only_after_it_was_open_without_a_break(readings: list[tuple[str, int]]) -> None:
    state, now, opened = switch.Slide(50), 0, None
    assert state.on
    for reading, pause in readings:
        now += pause
        state = switch.unreadable(state) if reading == "unreadable" else switch.level(state, reading == "closed", now)
        opened = (now if opened is None else opened) if reading == "open" else None
        assert state.on == (opened is None or now - opened < 50)
        assert switch.deadline(state) == (opened + 50 if opened is not None and state.on else None)
