"""What the speaker has to play, and what of it has been heard. Pure: no device, no clock.

Two pieces:
- `PlayQueue`: speech of turns in order, earcons mixed over it, gains with ramps so that nothing clicks. Speech carries
  its turn; turns up to a dropped one are thrown away, also when their sound comes later.
- `Ledger`: which frames handed to the device belong to which turn, so that the device's own count of played frames
  tells what was heard.

All sound is mono float32 on the scale of int16, at the device's rate; positions and counts are frames.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EARCON = 0  # the "turn" of sounds that belong to no reply
RAMP_S = 0.01


def loudness(percent: int) -> float:
    """Volume as people feel it -> gain: the cubic law of PulseAudio (50 % is -18 dB)."""
    return (percent / 100) ** 3


@dataclass(frozen=True, slots=True)
class Mark:
    """Frames `start`… of what was handed to the device are frames `position`… of a turn; `last`: its end follows."""

    turn: int
    position: int
    start: int
    count: int
    last: bool = False


class Ramp:
    """A gain that glides to its target in a straight line."""

    def __init__(self, gain: float) -> None:
        self._now = self._target = gain
        self._step = 0.0

    def to(self, target: float, frames: int) -> None:
        self._target = target
        self._step = (target - self._now) / max(1, frames)

    def arrive(self) -> None:
        """Be there at once: nothing sounds."""
        self._now = self._target

    def take(self, frames: int) -> Floats | np.float32:
        """The gain of each of the next frames; one number while it does not change."""
        if self._now == self._target:
            return np.float32(self._now)
        left = round((self._target - self._now) / self._step) if self._step else 0
        gains = self._now + self._step * np.arange(1, frames + 1)
        gains[max(0, left - 1) :] = self._target
        self._now = float(gains[-1])
        return gains.astype(np.float32)


@dataclass(slots=True)
class _Piece:
    """Speech of a turn; an empty one that is `last` ends the turn."""

    turn: int
    position: int
    pcm: NDArray[np.int16]
    last: bool = False


class PlayQueue:
    def __init__(self, volume: float, limit: int = 480_000) -> None:
        self.rate_hz = 48_000  # until the device has told; only the length of the ramps depends on it
        self._limit = limit
        self._speech: deque[_Piece] = deque()
        self._earcons: deque[NDArray[np.int16]] = deque()
        self._volume = Ramp(volume)
        self._duck = Ramp(1.0)
        self._dropped = 0
        self._open_turn = 0  # the turn that has begun and not ended
        self.waiting = 0  # frames of speech
        self.taken = 0  # frames handed out since the beginning

    def add(self, turn: int, position: int, pcm: NDArray[np.int16]) -> bool:
        """Speech, or an earcon where turn is EARCON. False where there is no room; it is then lost."""
        if not len(pcm):
            return True
        if turn == EARCON:
            self._earcons.append(pcm)
        elif turn > self._dropped:
            if self.waiting + len(pcm) > self._limit:
                return False
            self._speech.append(_Piece(turn, position, pcm))
            self.waiting += len(pcm)
        return True

    def end(self, turn: int) -> None:
        if turn > self._dropped:
            self._speech.append(_Piece(turn, 0, np.zeros(0, np.int16), last=True))

    def drop(self, turn: int) -> None:
        """Throw away the speech of this turn and of older ones, now and in future."""
        self._dropped = max(self._dropped, turn)
        self._speech = deque(piece for piece in self._speech if piece.turn > self._dropped)
        self.waiting = sum(len(piece.pcm) for piece in self._speech)
        if self._open_turn <= self._dropped:
            self._open_turn = 0
        if not self._speech:
            self._duck.arrive()

    def turns(self) -> set[int]:
        """Turns with something to play or to end."""
        return {piece.turn for piece in self._speech} | ({self._open_turn} - {0})

    def clear(self) -> None:
        self._speech.clear()
        self._earcons.clear()
        self.waiting = self._open_turn = 0

    def is_empty(self) -> bool:
        return not self._speech and not self._earcons

    @property
    def unfinished(self) -> int:
        """The turn that has begun and whose end has not been handed out yet; 0 if none."""
        return self._open_turn

    def dropped(self, turn: int) -> bool:
        return turn <= self._dropped

    def volume(self, gain: float) -> None:
        """Glide there where something sounds; else the next sound begins at this volume."""
        self._volume.to(gain, 1 if self.is_empty() else round(self.rate_hz * RAMP_S))

    def duck(self, gain: float, ramp_s: float) -> None:
        """Of speech alone: an earcon stays as loud as it is. Where nothing is said the next word begins at this
        gain."""
        self._duck.to(gain, round(self.rate_hz * max(RAMP_S, ramp_s)) if self._speech else 1)

    def take(self, frames: int) -> tuple[Floats, list[Mark]]:
        """Up to `frames` frames of what is next, mixed, and what they are."""
        speech, marks = self._take_speech(frames)
        mixed = speech * self._duck.take(len(speech)) if len(speech) else speech
        earcon = self._take_earcons(frames)
        if len(earcon):
            marks.insert(0, Mark(EARCON, 0, self.taken, len(earcon)))
            longer, shorter = (mixed, earcon) if len(mixed) >= len(earcon) else (earcon, mixed)
            mixed = longer.copy()
            mixed[: len(shorter)] += shorter
        self.taken += len(mixed)
        return (mixed * self._volume.take(len(mixed)) if len(mixed) else mixed), marks

    def pad(self, frames: int) -> None:
        """Silence was added by the device's loop; it counts as handed out."""
        self.taken += frames

    def _take_speech(self, frames: int) -> tuple[Floats, list[Mark]]:
        parts: list[NDArray[np.int16]] = []
        marks: list[Mark] = []
        room = frames
        while self._speech and (room or self._speech[0].last):
            piece = self._speech.popleft()
            start = self.taken + frames - room
            if piece.last:
                self._open_turn = 0
                marks.append(Mark(piece.turn, 0, start, 0, last=True))
                continue
            part, rest = piece.pcm[:room], piece.pcm[room:]
            self._open_turn = piece.turn
            marks.append(Mark(piece.turn, piece.position, start, len(part)))
            parts.append(part)
            room -= len(part)
            self.waiting -= len(part)
            if len(rest):
                self._speech.appendleft(_Piece(piece.turn, piece.position + len(part), rest))
        return (np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)), marks

    def _take_earcons(self, frames: int) -> Floats:
        parts: list[NDArray[np.int16]] = []
        while self._earcons and frames:
            pcm = self._earcons.popleft()
            parts.append(pcm[:frames])
            if len(pcm) > frames:
                self._earcons.appendleft(pcm[frames:])
            frames -= len(parts[-1])
        return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)


@dataclass(slots=True)
class Ledger:
    """Marks of what the device has not played yet; told how far it is, says what has been heard."""

    _marks: deque[Mark] = field(default_factory=deque)

    def write(self, marks: list[Mark]) -> None:
        self._marks.extend(marks)

    def heard(self, played: int) -> tuple[dict[int, int], list[int]]:
        """Frames up to `played` have left. Returns for each turn with speech among them the position it has reached,
        and the turns that have ended."""
        reached: dict[int, int] = {}
        drained: list[int] = []
        while self._marks and self._marks[0].start < played + self._marks[0].last:
            mark = self._marks[0]
            count = min(mark.count, played - mark.start)
            if mark.last:
                drained.append(mark.turn)
            elif mark.turn != EARCON:
                reached[mark.turn] = mark.position + count
            if count < mark.count:
                break
            self._marks.popleft()
        return reached, drained

    def turns(self) -> set[int]:
        """Whose frames (or end) are still in the device; EARCON too."""
        return {mark.turn for mark in self._marks}

    def clear(self) -> None:
        self._marks.clear()
