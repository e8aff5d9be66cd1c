"""A seat: the rooms of one guest, and what of its dialogue goes where. Nothing of it leaves for anybody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import assert_never

from agent import clock
from agent.commands import (
    Answer,
    Command,
    SetMute,
    SetVolume,
    ShowEvent,
    ShowReply,
    ShowSetting,
    ShowState,
    ShowTranscript,
    Speak,
    TurnEnded,
)
from agent.daemon import conversation
from agent.daemon.plan import Plan, recogniser_specs
from agent.daemon.receipts import Receipts
from agent.daemon.startup import engine_names
from agent.events import Event, Health, Phase, Turn, Wake
from agent.hearing.bargein import OwnSound
from agent.hearing.ear import Ear
from agent.hearing.recognisers import Recognisers
from agent.hearing.selfwake import SelfWake
from agent.requests import own
from agent.speaking.mouth import Mouth
from agent.thinking.llm import Thinker
from agent.web.loudspeaker import Loudspeaker
from agent.web.protocol import message
from agent.web.visit import Visit

News = ShowState | ShowTranscript | ShowReply | ShowEvent | ShowSetting | Answer | TurnEnded


class Seat:
    """A `Conversation`. `start` and `stop` once each; `see` and `act` on the main thread."""

    def __init__(
        self, plan: Plan, visit: Visit, emit: Callable[[Event], None], on_fatal: Callable[[str], None]
    ) -> None:
        config, given = plan.config, (emit, clock.now, on_fatal)
        self.visit = visit
        self.left = threading.Event()  # its dialogue is over: nothing of it is carried out any more
        self.mouth = Mouth(config, *given)
        self.thinker = Thinker(config, *given)
        self._guard = SelfWake(time.monotonic, on_fatal)
        self.playback = Loudspeaker(self.mouth, visit.send, self._guard)
        first, keep_s = own(config.persona.use), float(config.persona.keep_loaded_s)
        self._recognisers = Recognisers(recogniser_specs(plan), *given, lazy=False, first=first, keep_s=keep_s)
        self.ear = Ear(config, visit.microphone, self._recognisers, *given, own=OwnSound(None, self._guard))
        self._receipts = Receipts(engine_names(config, plan.engines), keep_texts=True)
        self._saying: tuple[Turn, str] = (0, "")  # the turn that is being spoken, and its words so far
        self._state: tuple[Phase, Turn] | None = None  # as it was told last

    def start(self) -> None:
        """Raises `agent.hearing.wake.WakeModelError`, ModelMissing."""
        self.thinker.start()
        self.mouth.start(self.playback)
        self._recognisers.start()
        self._guard.start()
        self.ear.start()

    def stop(self) -> None:
        self.playback.gone()
        self.ear.stop()
        self._guard.stop()
        self._recognisers.stop()
        self.thinker.stop()
        self.mouth.stop()

    def see(self, event: Event) -> None:
        self._receipts.see(event)
        match event:
            case Wake(word=word, score=score):
                self._tell("wake", word=word, score=round(score, 3))
            case Health(part=part, status="failed", reason=reason):
                self._tell("error", code=f"{part}.failed", message=reason)
            case _:
                pass

    def act(self, command: conversation.Deed | News) -> None:
        receipt = self._receipts.done(command, clock.now().wall)
        match command:
            case TurnEnded():
                self._tell("turn", **(receipt or {}))
            case ShowState() | ShowTranscript() | ShowReply() | ShowEvent() | ShowSetting() | Answer():
                self._show(command)
            case _:
                conversation.do(self, command)
                self._remark(command)

    def recap(self) -> None:
        """For a guest that is back; from any thread."""
        self.playback.resumed()
        if self._state is not None:
            self._tell("state", phase=self._state[0], turn=self._state[1])

    def _remark(self, deed: Command) -> None:
        """What a page shows of what is done."""
        match deed:
            case Speak(turn=turn, text=text, instead=instead) if text:
                before = self._saying[1] if self._saying[0] == turn and not instead else ""
                self._saying = turn, f"{before}{text}"
                self._tell("saying", turn=turn, text=self._saying[1].strip())
            case SetMute(on=on):
                self._tell("event", name="mute", turn=None, data={"on": on})
            case SetVolume(percent=percent):
                self._tell("volume", percent=percent)
            case _:
                pass

    def _show(self, news: ShowState | ShowTranscript | ShowReply | ShowEvent | ShowSetting | Answer) -> None:
        match news:
            case ShowState(phase=phase, turn=turn):
                self._state = phase, turn
                self.ear.attentive(phase != "idle")
                self._tell("state", phase=phase, turn=turn)
            case ShowTranscript(turn=turn, text=text, final=final):
                self._tell("transcript", turn=turn, text=text, final=final)
            case ShowReply(turn=turn, text=text, heard=heard):
                self._tell("reply", turn=turn, text=text, heard=heard)
            case ShowEvent(type=name, turn=of, data=data):
                self._tell("event", name=name, turn=of, data=dict(data))
            case Answer(ok=ok, code=code, message=text):
                if not ok:
                    self._tell("error", code=code, message=text)
            case ShowSetting():
                pass  # the guest knows: it was asked for here
            case unknown:
                assert_never(unknown)

    def _tell(self, type: str, **fields: object) -> None:
        self.visit.send(message(type, **fields))
