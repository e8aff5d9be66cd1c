"""The guest: link, microphone and speaker around one session, led by one thread.

Sound leads: the thread sleeps in the microphone's read, for a tenth of a second at most, and in between looks at what
the link and the speaker have put into the inbox.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import assert_never

from agent.config import Config
from agent.config import Speaker as SpeakerSection
from agent.events import Event, Health
from agent.remote.doings import (
    Attend,
    Beep,
    Complete,
    Doing,
    Leave,
    Loudness,
    Play,
    Prepare,
    Say,
    Silence,
    Soften,
    Stream,
    Tell,
)
from agent.remote.link import Closed, Got, Link, LinkEvent, Opened
from agent.remote.microphone import Microphone, Woken
from agent.remote.session import Session
from agent.remote.speaker import Heard, Over, player
from agent.remote.target import Target
from agent.web.protocol import BadFrame

Inbox = LinkEvent | Heard | Over | Health | Leave


class Guest:
    """`tell`: what happens, for those who watch; on the thread of `run`."""

    def __init__(
        self,
        config: Config,
        speaker: SpeakerSection | None,
        target: Target,
        tell: Callable[[Tell], None],
        always: bool = False,
        give_up_s: float | None = None,
    ) -> None:
        """`speaker`: None: there is none; `give_up_s`: without a connection for so long, it is over."""
        self._inbox: queue.SimpleQueue[Inbox] = queue.SimpleQueue()
        self._session = Session(always)
        self._tell = tell
        self._give_up_s = give_up_s
        self._link = Link(target, self._inbox.put)
        self._microphone = Microphone(config, not always, self._emit, self._fatal)
        self._player = player(speaker, self._inbox.put, self._emit, self._fatal)
        self._line = 0
        self._alone_since: float | None = None  # without a connection, monotonic seconds
        self._left: Leave | None = None

    def run(self) -> Leave:
        """Returns when it is over. Raises `agent.hearing.wake.WakeModelError`."""
        self._microphone.start()
        self._player.start()
        self._link.start()
        self._alone_since = time.monotonic()
        try:
            while self._left is None:
                self._listen()
                self._look()
                self._do(self._session.tick(time.monotonic()))
            return self._left
        finally:
            self._link.stop()
            self._microphone.stop()
            self._player.stop()

    def stop(self) -> None:
        """From any thread."""
        self._inbox.put(Leave(0, ""))

    def _listen(self) -> None:
        for heard in self._microphone.read():
            if isinstance(heard, Woken):
                self._do(self._session.woke(heard.word, heard.score, time.monotonic()))
            else:
                self._do(self._session.heard(heard, time.monotonic()))

    def _look(self) -> None:
        while not self._inbox.empty():
            self._take(self._inbox.get())
        alone = self._alone_since
        if self._give_up_s is not None and alone is not None and time.monotonic() - alone > self._give_up_s:
            self._left = Leave(75, f"no connection for {self._give_up_s:g} s")

    def _take(self, news: Inbox) -> None:
        match news:
            case Opened(line=line):
                self._line, self._alone_since = line, None
                self._do(self._session.opened())
            case Got(line=line, message=message):
                self._got(line, message)
            case Closed(trouble=trouble, again_s=again_s):
                self._closed(trouble.reason, trouble.code, again_s)
            case Heard(turn=turn, frames=frames, at=at):
                self._do(self._session.playing(turn, frames, at))
            case Over(turn=turn, reason=reason):
                if reason:
                    self._tell(Tell("unheard", {"reason": reason}))
                self._do(self._session.drained(turn))
            case Health(part=part, status=status, reason=reason):
                self._tell(Tell("health", {"part": part, "status": status, "reason": reason}))
            case Leave():
                self._left = self._left or news
            case never:
                assert_never(never)

    def _got(self, line: int, message: str | bytes) -> None:
        try:
            if isinstance(message, str):
                self._do(self._session.said(message, time.monotonic()))
            else:
                self._do(self._session.sounded(message))
        except BadFrame as error:
            self._tell(Tell("refused", {"code": "bad_message", "message": str(error)}))
            self._link.hang_up(line)

    def _closed(self, reason: str, code: int | None, again_s: float | None) -> None:
        self._alone_since = self._alone_since or time.monotonic()
        self._do(self._session.closed())
        if code is not None:
            self._left = self._left or Leave(code, reason)
        else:
            again = {"again_s": round(again_s, 1)} if again_s is not None else {}
            self._tell(Tell("disconnected", {"reason": reason, **again}))

    def _do(self, doings: list[Doing]) -> None:
        for doing in doings:
            self._do_one(doing)

    def _do_one(self, doing: Doing) -> None:
        match doing:
            case Say() | Stream():
                self._link.send(self._line, doing)
            case Attend(on=on):
                self._microphone.attend(on)
            case Tell():
                self._tell(doing)
            case Leave():
                self._left = self._left or doing
            case _:
                self._speak(doing)

    def _speak(self, doing: Play | Beep | Complete | Silence | Soften | Loudness | Prepare) -> None:
        match doing:
            case Play(turn=turn, pcm=pcm, rate_hz=rate_hz):
                if not self._player.play(turn, pcm, rate_hz):
                    self._tell(Tell("unheard", {"reason": "more is said than is played"}))
            case Beep(pcm=pcm, rate_hz=rate_hz):
                self._player.earcon(pcm, rate_hz)
            case Complete(turn=turn):
                self._player.end(turn)
            case Silence(turn=turn):
                self._player.drop(turn)
            case Soften(db=db, ramp_ms=ramp_ms):
                self._player.duck(db, ramp_ms)
            case Loudness(percent=percent):
                self._player.volume(percent)
            case Prepare():
                self._player.prepare()
            case never:
                assert_never(never)

    # From other threads.

    def _emit(self, event: Event) -> None:
        if isinstance(event, Health):
            self._inbox.put(event)

    def _fatal(self, reason: str) -> None:
        self._inbox.put(Leave(70, reason))
