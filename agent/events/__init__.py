"""The vocabulary of behaviour: what can happen. What is done about it stands in `agent.commands`.

Rules:
- Everything here is a frozen value. Nothing here does anything.
- Time is an argument: each event carries the `Instant` at which it entered the inbox. Fields named `audio_at` are
  seconds on the monotonic clock at which the sound itself was in the air, told by ALSA's time stamps and delays, not by
  when Python looked.
- A turn runs from a wake (or a command) to the drained reply and has a number that only grows. Events of an older turn
  are stale and are dropped by `agent.dialogue.step`; workers compare a command's turn with the newest they know.
"""

from __future__ import annotations

from agent.events.actions import Acted
from agent.events.base import Cause, Hint, Instant, PanelAction, Part, Phase, Status, Turn
from agent.events.device import ClockChanged, DeadlinePassed, Health, MuteSwitched, Pressed, Requested, SettingChanged
from agent.events.hearing import AsrFailed, Endpoint, Final, Partial, SpeechResumed, SpeechStarted, VoiceOver, Wake
from agent.events.neighbours import PeersChanged, RivalClaimed, RivalWoke
from agent.events.speaking import Audible, ClauseReady, Paused, Resumed, SpeechDone, SpeechFailed, TtsFirst
from agent.events.store import TimersKept
from agent.events.thinking import ConfirmDue, IntentCalled, LlmFailed, ReplyDelta, ReplyDone, ToolUsed

__all__ = [
    "Acted",
    "AsrFailed",
    "Audible",
    "Cause",
    "ClauseReady",
    "ClockChanged",
    "ConfirmDue",
    "DeadlinePassed",
    "Endpoint",
    "Event",
    "Final",
    "Health",
    "Hint",
    "Instant",
    "IntentCalled",
    "LlmFailed",
    "MuteSwitched",
    "PanelAction",
    "Part",
    "Partial",
    "Paused",
    "PeersChanged",
    "Phase",
    "Pressed",
    "ReplyDelta",
    "ReplyDone",
    "Requested",
    "Resumed",
    "RivalClaimed",
    "RivalWoke",
    "SettingChanged",
    "SpeechDone",
    "SpeechFailed",
    "SpeechResumed",
    "SpeechStarted",
    "Status",
    "TimersKept",
    "ToolUsed",
    "TtsFirst",
    "Turn",
    "VoiceOver",
    "Wake",
]

Event = (
    Wake
    | VoiceOver
    | SpeechResumed
    | SpeechStarted
    | Partial
    | Endpoint
    | Final
    | AsrFailed
    | ReplyDelta
    | ReplyDone
    | LlmFailed
    | ConfirmDue
    | ToolUsed
    | IntentCalled
    | Acted
    | ClauseReady
    | TtsFirst
    | Audible
    | Paused
    | Resumed
    | SpeechDone
    | SpeechFailed
    | PeersChanged
    | RivalWoke
    | RivalClaimed
    | Health
    | Requested
    | SettingChanged
    | Pressed
    | MuteSwitched
    | TimersKept
    | ClockChanged
    | DeadlinePassed
)
