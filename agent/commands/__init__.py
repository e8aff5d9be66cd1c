"""The vocabulary of behaviour: what is to be done (commands), as `agent.dialogue` decides it and the rooms do it.

Frozen values like `agent.events`, whose types they share. `persona` is a name of `[personas]`, "" for `[persona]`.
"""

from __future__ import annotations

from agent.commands.actions import Act
from agent.commands.base import EarconName, Outcome, Scalar
from agent.commands.device import ChangeSetting, Examine, Restart, TurnEnded
from agent.commands.hearing import ListenOn, SetMute, SetPatience, StartListening, StopListening
from agent.commands.neighbours import Bid, Claim
from agent.commands.shown import (
    Answer,
    ShowEvent,
    ShowHealth,
    ShowReply,
    ShowSetting,
    ShowState,
    ShowTimers,
    ShowTranscript,
)
from agent.commands.speaking import Duck, Earcon, Hush, SetVolume, Speak
from agent.commands.store import KeepTimers
from agent.commands.thinking import AskLlm, CancelLlm, Confirmed, Exchange, IntentDone

__all__ = [
    "Act",
    "Answer",
    "AskLlm",
    "Bid",
    "CancelLlm",
    "ChangeSetting",
    "Claim",
    "Command",
    "Confirmed",
    "Duck",
    "Earcon",
    "EarconName",
    "Examine",
    "Exchange",
    "Hush",
    "IntentDone",
    "KeepTimers",
    "ListenOn",
    "Outcome",
    "Restart",
    "Scalar",
    "SetMute",
    "SetPatience",
    "SetVolume",
    "ShowEvent",
    "ShowHealth",
    "ShowReply",
    "ShowSetting",
    "ShowState",
    "ShowTimers",
    "ShowTranscript",
    "Speak",
    "StartListening",
    "StopListening",
    "TurnEnded",
]

Command = (
    StartListening
    | ListenOn
    | StopListening
    | AskLlm
    | CancelLlm
    | Confirmed
    | IntentDone
    | Act
    | Speak
    | Hush
    | Duck
    | Earcon
    | Bid
    | Claim
    | SetVolume
    | SetMute
    | SetPatience
    | ChangeSetting
    | KeepTimers
    | Examine
    | Restart
    | ShowState
    | ShowTranscript
    | ShowReply
    | ShowEvent
    | ShowHealth
    | ShowSetting
    | ShowTimers
    | Answer
    | TurnEnded
)
