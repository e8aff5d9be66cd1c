"""What the mouth does, without its thread: commands, sounds and the player's reports in; events and playing out.

Rules:
- One reply at a time, known by its turn. Everything of a turn up to `_floor` is over: commands and reports of it are
  dropped. A command of a newer turn cuts the older reply off.
- Playing starts with the first clause, while the rest is still being written. Synthesis is about `AHEAD_S` ahead
  of the ear, since what is interrupted was made in vain.
- A chime is sound of its reply, handed over together with the first clause: so it is heard before the words and not
  over them, falls silent with them, and never sounds where no words follow. So is the sound that invites to go on: who
  listens after SpeechDone does not hear it.
- Every turn that was begun ends with exactly one SpeechDone or SpeechFailed; but where nothing could be spoken, another
  reply may follow in the same turn.
- When all of a reply has been heard that there is, and it is not complete, it has `Paused`; with the next sound it has
  `Resumed`.
- What was heard is told from the player's positions. Between two of them sound is taken to have gone on, for at most
  `TRUST_S`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from agent import earcons
from agent.audio.pcm import Samples
from agent.commands import Earcon, EarconName, Hush, SetVolume, Speak
from agent.events import (
    Audible,
    ClauseReady,
    Event,
    Health,
    Instant,
    Paused,
    Resumed,
    SpeechDone,
    SpeechFailed,
    Status,
    TtsFirst,
    Turn,
)
from agent.speaking.player import Began, Drained, Played, Player, PlayerReport, PlayingFailed
from agent.speaking.reply import Reply
from agent.speaking.synthesis import Spoken, Synthesis, Unspoken
from agent.speaking.voice import Report

AHEAD_S = 8.0
TRUST_S = 0.5
BREATH_S = 0.12  # between the chime and the first word
STUCK_S = 5.0  # a player that has been silent for so long, beyond the sound it has, will not play any more


@dataclass(frozen=True, slots=True)
class Prepare:
    """The persona is being spoken to, and will want its voice."""

    persona: str


MouthCommand = Speak | Hush | Earcon | SetVolume | Prepare


class Speech:
    """One mouth's behaviour; for one thread. `now` comes with every call."""

    def __init__(
        self,
        languages: Mapping[str, str],
        player: Player,
        synthesis: Synthesis,
        emit: Callable[[Event], None],
        sounds: Mapping[EarconName, Samples],
    ) -> None:
        self._languages = languages  # of all personas
        self._player = player
        self._synthesis = synthesis
        self._emit = emit
        self._sounds = sounds
        self._floor: Turn = -1
        self._reply: Reply | None = None
        self._handed_at: float | None = None  # when the first sound went to the player
        self._ended_at: float | None = None  # when the last did
        self._heard = (0.0, 0.0)  # seconds of the reply's sound, and when they had been heard
        self._audible = False
        self._paused = False
        self._health: tuple[Status, str] | None = None

    def obey(self, command: MouthCommand, now: Instant) -> None:
        match command:
            case Speak(turn=turn):
                self._speak(command, now)
            case Hush(turn=turn):
                self._hush(turn, now)
            case Earcon(turn=turn, name=name):
                if turn >= self._floor and name in self._sounds:
                    self._player.earcon(self._sounds[name], earcons.RATE_HZ)
            case Prepare(persona=persona):
                self._synthesis.prepare(persona, now.mono)
            case SetVolume(percent=percent):
                self._player.volume(percent)
            case unknown:
                assert_never(unknown)
        self.tick(now)

    def voiced(self, report: Report, now: Instant) -> None:
        """A voice reported."""
        self._sound(self._synthesis.handle(now.mono, report), now)
        self.tick(now)

    def heard(self, report: PlayerReport, now: Instant) -> None:
        """The player reported."""
        reply = self._reply
        if reply is None or report.turn != reply.turn:
            return
        match report:
            case Began(at=at):
                if not self._audible:
                    self._audible, self._heard = True, (0.0, at)
                    self._emit(Audible(now, reply.turn, at))
            case Played(position=position, rate_hz=rate_hz, at=at):
                self._audible, self._heard = True, (position / rate_hz, at)
            case Drained():
                self._finish(SpeechDone(now, reply.turn, reply.heard(reply.seconds)))
            case PlayingFailed(reason=reason):
                self._fail(reason, now)
            case unknown:
                assert_never(unknown)
        self.tick(now)

    def tick(self, now: Instant) -> None:
        """Whatever can be done now: notice what is late, go on with the next clause, tell a change of health."""
        self._sound(self._synthesis.tick(now.mono), now)
        if (stuck := self._stuck_at()) is not None and now.mono >= stuck:
            self._fail("the speaker does not play", now)
        self._go_on(now)
        self._pause(now)
        if (health := self._synthesis.health()) != self._health:
            self._health = health
            self._emit(Health(now, "tts", *health))

    def due(self, now: float) -> float | None:
        """When to call `tick` next."""
        times = [self._synthesis.due(now), self._stuck_at()]
        if self._reply and self._reply.waiting and not self._synthesis.busy:
            times.append(now + max(0.05, self._ahead(now) - AHEAD_S))
        if self._may_pause():
            times.append(now + max(0.01, self._ahead(now)))
        return min((time for time in times if time is not None), default=None)

    def _speak(self, command: Speak, now: Instant) -> None:
        if command.turn <= self._floor or (self._reply and command.turn < self._reply.turn):
            return
        if self._reply and command.turn > self._reply.turn:
            self._hush(self._reply.turn, now)
        if self._reply is None:
            language = self._languages.get(command.persona, self._languages[""])
            self._reply = Reply(command.turn, language, command.persona)
            self._reply.chime = earcons.render("announce") if command.chime else None
            self._handed_at = self._ended_at = None
            self._heard, self._audible, self._paused = (0.0, 0.0), False, False
            self._synthesis.prepare(command.persona, now.mono)
        if command.instead:
            self._synthesis.hush(command.turn)
            self._reply.take_back()
        if not self._reply.complete:
            self._reply.write("" if command.sound else command.text, command.last, command.afresh)
            self._reply.invites = self._sounds.get("wake") if command.invites else None
        if command.sound:
            given = Spoken(command.turn, command.text, command.sound.rate_hz, command.sound.pcm)
            self._sound(given, now)

    def _hush(self, turn: Turn, now: Instant) -> None:
        self._player.drop(turn)
        if self._reply and self._reply.turn <= turn:
            heard = self._reply.heard(self._heard_s(now.mono, TRUST_S))
            self._finish(SpeechDone(now, self._reply.turn, heard, cut=True))
        self._floor = max(self._floor, turn)

    def _go_on(self, now: Instant) -> None:
        """The next clause, if it is time for it; the end of the sound, if there is none."""
        reply = self._reply
        while reply and reply.waiting and not self._synthesis.busy and self._ahead(now.mono) < AHEAD_S:
            text = reply.waiting.popleft()
            if not reply.announced:
                reply.announced = True
                self._emit(ClauseReady(now, reply.turn, text))
            self._sound(self._synthesis.say(now.mono, reply.turn, text, reply.persona), now)
            reply = self._reply
        if reply is None or reply.waiting or not reply.complete or self._synthesis.busy or self._ended_at is not None:
            return
        if self._handed_at is None:
            self._finish(SpeechDone(now, reply.turn, ""))
            self._floor = reply.turn - 1
            return
        self._add(reply, "", _sound(reply.invites, reply.rate_hz))
        self._ended_at = now.mono
        self._player.end(reply.turn)

    def _may_pause(self) -> bool:
        return self._reply is not None and self._audible and not self._paused and self._ended_at is None

    def _pause(self, now: Instant) -> None:
        if self._reply is None or not self._may_pause() or self._ahead(now.mono) > 0:
            return
        position, at = self._heard
        self._paused = True
        self._emit(Paused(now, self._reply.turn, min(now.mono, at + self._reply.seconds - position)))

    def _sound(self, outcome: Spoken | Unspoken | None, now: Instant) -> None:
        reply = self._reply
        if outcome is None or reply is None or outcome.turn != reply.turn:
            return
        if isinstance(outcome, Unspoken):
            self._fail(outcome.reason, now)
            return
        pcm = np.frombuffer(outcome.pcm, "<i2").astype(np.int16, copy=False)
        if not len(pcm):
            return
        reply.rate_hz = reply.rate_hz or outcome.rate_hz
        pcm = _resampled(pcm, outcome.rate_hz, reply.rate_hz)
        if self._handed_at is None:
            self._handed_at = now.mono
            self._emit(TtsFirst(now, reply.turn))
        chime, reply.chime = _sound(reply.chime, reply.rate_hz), None
        if self._paused:
            self._paused = False
            self._emit(Resumed(now, reply.turn))
        breath = np.zeros(round(BREATH_S * reply.rate_hz) if len(chime) else 0, np.int16)
        self._add(reply, "", np.concatenate([chime, breath]))
        if not self._add(reply, outcome.text, pcm):
            self._fail("more to say than the player can hold", now)

    def _add(self, reply: Reply, text: str, pcm: Samples) -> bool:
        """Hand sound to the player, with the words in it; False where there is no room."""
        taken = not len(pcm) or self._player.play(reply.turn, pcm, reply.rate_hz)
        if taken and len(pcm):
            reply.sounded(text, len(pcm) / reply.rate_hz)
        return taken

    def _fail(self, reason: str, now: Instant) -> None:
        if self._reply:
            self._player.drop(self._reply.turn)
            heard = self._reply.heard(self._heard_s(now.mono, TRUST_S))
            self._finish(SpeechFailed(now, self._reply.turn, reason, heard))

    def _finish(self, event: SpeechDone | SpeechFailed) -> None:
        self._synthesis.hush(event.turn)
        self._reply = None
        self._floor = max(self._floor, event.turn)
        self._emit(event)

    def _heard_s(self, now: float, trust_s: float) -> float:
        """Seconds of the reply's sound that have been heard by now."""
        if self._reply is None or not self._audible:
            return 0.0
        position, at = self._heard
        return min(self._reply.seconds, max(0.0, position + min(now - at, trust_s)))

    def _ahead(self, now: float) -> float:
        return self._reply.seconds - self._heard_s(now, AHEAD_S) if self._reply else 0.0

    def _stuck_at(self) -> float | None:
        """When to give the player up: it does not begin, or does not end."""
        if self._reply is None or self._handed_at is None:
            return None
        if not self._audible:
            return self._handed_at + STUCK_S
        if self._ended_at is None:
            return None
        position, at = self._heard
        return max(at, self._ended_at) + self._reply.seconds - position + STUCK_S


def _sound(earcon: Samples | None, rate_hz: int) -> Samples:
    """A sound that is part of a reply, at the reply's rate."""
    return np.zeros(0, np.int16) if earcon is None else _resampled(earcon, earcons.RATE_HZ, rate_hz)


def _resampled(pcm: Samples, rate_hz: int, wanted_hz: int) -> Samples:
    """Sound at the rate of the reply, which the player counts at: the chime's, or of a voice that took over."""
    if rate_hz == wanted_hz:
        return pcm
    import soxr  # rarely needed, and 2 MB

    resampled: Samples = soxr.resample(pcm, rate_hz, wanted_hz)
    return resampled
