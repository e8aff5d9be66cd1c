"""Ringing: what happens when timers are due.

    due ─▶ sounds, words, pause, sounds, words, pause … ─stop, wake word, button─▶ quiet
                                                       └──after RING_FOR──▶ missed

Rules:
- It rings until somebody stops it: the wake word, "stop", the button, `cmd/stop`. The microphone's mute does not, nor
  do quiet hours or do not disturb: whoever has set a timer has asked to be disturbed, as loud as the volume is set.
- Whoever talks with the agent is not interrupted: while somebody is heard nothing sounds, since the microphone would
  hear it; while the agent thinks or speaks one sound is mixed in, and it rings in earnest when that turn is over, and
  before any follow-up. A turn ends within a minute or so, and an answer cut in half helps nobody.
- Words are a turn of their own, so that a wake word interrupts them like any other speech. The sounds before them
  belong to no turn and need no voice: a timer rings also where speech synthesis is broken.
- Several that are due ring as one.
- Late by up to LATE_LIMIT (the agent was off, the clock was put forward): it rings and says by how much. Later than
  that it is no more than news: told once as missed. So is what nobody has stopped.
- What rings stays on the disk until it is stopped, so that after a power cut it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.commands import Command, Earcon, ShowEvent
from agent.dialogue import spoken
from agent.dialogue.announcements import announce
from agent.dialogue.origin import Commanded
from agent.dialogue.replies import begin, speak
from agent.dialogue.state import Idle, Speaking, State, Step, Thinking
from agent.dialogue.timerbook import Bell, Keeping, Ring, happened
from agent.dialogue.timerkeeping import alter, overdue
from agent.dialogue.timermaking import following, later
from agent.events import Instant, Turn
from agent.requests import SayRequest, shown
from agent.timers import Timer

RING_FOR = 180.0
BEATS, BEAT = 2, 1.2  # sounds before the words, and seconds from one to the next
PAUSE = 4.0  # after the words
IN_TIME = 5.0
LATE_LIMIT = 600.0
CLOCK_STEP = 0.5  # seconds by which the clock on the wall has to jump before it counts as set
SET_BACK = 3600.0


def deadlines(state: State) -> list[float]:
    """When something is due, monotonic seconds."""
    book = state.book
    found = [each.until for each in book.keeping if _ours(state, each)]
    if not state.rules.rings:
        return found
    found += [book.due(timer) for timer in book.waiting]
    if book.bell.rings and isinstance(state.activity, Idle) and book.bell.next_at is not None:
        found.append(book.bell.next_at)
    return found


def passing(state: State, at: Instant) -> Step:
    """Time goes by: after every event, whatever it was."""
    book = state.book
    if not (book.timers or book.keeping or book.bell.rings):
        return state, ()
    commands: tuple[Command, ...] = ()
    for move in (_clock, _overdue, _ripe, _unheard, _ring) if state.rules.rings else (_overdue,):
        state, moving = move(state, at)
        commands = (*commands, *moving)
    return state, commands


def _overdue(state: State, at: Instant) -> Step:
    late = any(each.until <= at.mono for each in state.book.keeping if _ours(state, each))
    return overdue(state, at.mono) if late else (state, ())


def _ours(state: State, keeping: Keeping) -> bool:
    """The house sees to all; a guest only to what it waits for itself."""
    return state.rules.rings or (not isinstance(keeping.origin, Commanded) and keeping.origin.turn == state.turn)


def _clock(state: State, at: Instant) -> Step:
    """Somebody has set the clock on the wall: timers that run go on, and only what people are shown of them changes.

    Set far back, it was wrong before, and repeating alarms have been put off into a future that is not.
    """
    book = state.book
    ahead = at.wall.timestamp() - at.mono
    jump = ahead - book.ahead
    if abs(jump) < CLOCK_STEP or not book.timers:
        return state, ()
    state = replace(state, book=replace(book, ahead=ahead))
    return alter(state, {timer.id: _moved(timer, at, back=-jump > SET_BACK) for timer in book.timers})


def _moved(timer: Timer, at: Instant, back: bool) -> Timer:
    if timer.due_mono is not None:
        return replace(timer, due=later(at.wall, timer.due_mono - at.mono))
    return (following(timer, at.wall) or timer) if back else timer


def _ripe(state: State, at: Instant) -> Step:
    """What is due begins to ring; what has been for too long is missed."""
    book = state.book
    ripe = [timer for timer in book.waiting if book.due(timer) <= at.mono]
    if not ripe:
        return state, ()
    late = {timer.id: at.mono - book.due(timer) for timer in ripe}
    rung = tuple(timer for timer in ripe if late[timer.id] <= LATE_LIMIT)
    rings = tuple(Ring(timer, at.mono, late[timer.id] if late[timer.id] > IN_TIME else 0.0) for timer in rung)
    bell = book.bell
    if rings:
        begun = bell if bell.rings else Bell(next_at=at.mono)
        bell = replace(begun, rings=(*bell.rings, *rings))
    state = replace(state, book=replace(book, bell=bell))
    events = tuple(
        happened(ring.timer, "late" if ring.late_s else "ringing", late_s=round(ring.late_s)) for ring in rings
    )
    missed, missing = _missed(state, at, tuple(timer for timer in ripe if timer not in rung), "missed_late")
    softly = (Earcon(state.turn, "timer"),) if rings and isinstance(state.activity, Thinking | Speaking) else ()
    ringing = (state.book.shown(),) if rings else ()
    return missed, (*ringing, *events, *softly, *missing)


def _missed(state: State, at: Instant, timers: tuple[Timer, ...], key: str) -> Step:
    """Told once, when there is time for it: it is no longer urgent. `key`: of the phrase."""
    if not timers:
        return state, ()
    over, keeping = finish(state, at, timers)
    persona = _persona(state, timers[0])
    words = spoken.missed(state.language_of(persona), key, timers, at.wall)
    announced, announcing = announce(over, at, SayRequest(words, persona=shown(persona)), None)
    events = tuple(happened(timer, "missed") for timer in timers)
    return announced, (*keeping, *events, *announcing)


def finish(state: State, at: Instant, timers: Iterable[Timer]) -> Step:
    """They are over; a repeating alarm is due again."""
    return alter(state, {timer.id: following(timer, at.wall) for timer in timers})


def _unheard(state: State, at: Instant) -> Step:
    """What nobody has stopped for too long is missed; not in the middle of what goes on."""
    bell = state.book.bell
    over = tuple(ring.timer for ring in bell.rings if at.mono - ring.since >= RING_FOR)
    if not over or not isinstance(state.activity, Idle):
        return state, ()
    missed, missing = _missed(_with_bell(state, _without(bell, over)), at, over, "missed")
    return missed, (*missing, missed.book.shown())


def _ring(state: State, at: Instant) -> Step:
    """The next sound or words, where nothing else goes on."""
    bell = state.book.bell
    if not bell.rings or not isinstance(state.activity, Idle):
        return state, ()
    if bell.next_at is None:
        return _with_bell(state, replace(bell, next_at=at.mono + PAUSE)), ()
    if bell.next_at > at.mono:
        return state, ()
    if bell.beats < BEATS or _voiceless(state):
        after = replace(bell, beats=min(BEATS, bell.beats + 1), next_at=at.mono + BEAT)
        return _with_bell(state, after), (Earcon(state.turn, "timer"),)
    return _words(_with_bell(state, replace(bell, beats=0, next_at=None)), at)


def _voiceless(state: State) -> bool:
    """The voice is being loaded, as after a start: until then, sounds."""
    return any(state.health[part].status == "loading" for part in ("tts", "speaker") if part in state.health)


def _words(state: State, at: Instant) -> Step:
    rings = state.book.bell.rings
    persona = _persona(state, rings[0].timer)
    language = state.language_of(persona)
    words = " ".join(spoken.done(language, ring.timer, ring.late_s, at.wall) for ring in rings)
    begun = begin(state, announcement=SayRequest(words, "high"), persona=persona)
    return speak(begun, at.mono, words)


def _persona(state: State, timer: Timer) -> str:
    """Who has set it, where there still is such a one."""
    cast = state.rules.cast
    return timer.persona if timer.persona in ("", *cast.languages) else cast.use


def _with_bell(state: State, bell: Bell) -> State:
    return replace(state, book=replace(state.book, bell=bell))


def _without(bell: Bell, over: tuple[Timer, ...]) -> Bell:
    ids = {timer.id for timer in over}
    return bell.with_only(tuple(ring for ring in bell.rings if ring.timer.id not in ids))


def woken(before: State, after: State, at: Instant) -> Step:
    """A wake word that has begun a turn makes quiet what rings: here, and nowhere else."""
    return (after, ()) if after.turn == before.turn or not after.rules.rings else hush(after, at, "wake", after.turn)


def hush(state: State, at: Instant, by: str, turn: Turn | None = None, those: tuple[Timer, ...] | None = None) -> Step:
    """Make quiet what rings, or `those` of it; it may be put off a while later. `by`: what did it, for the event."""
    bell = state.book.bell
    ids = state.book.ringing if those is None else tuple(timer.id for timer in those)
    rung = tuple(ring.timer for ring in bell.rings if ring.timer.id in ids)
    if not rung:
        return state, ()
    book = replace(state.book, bell=_without(bell, rung), silenced=rung, silenced_at=at.mono)
    over, keeping = finish(replace(state, book=book), at, rung)
    events: tuple[ShowEvent, ...] = tuple(happened(timer, "stopped", turn, by=by) for timer in rung)
    return over, (*keeping, *events)
