"""Several agents in one house: a wake word that many have heard is answered by the one that has heard it best.

    wake ─bid─▶ Contending ─nobody better─▶ claim: Listening
                    ├─somebody better─▶ waits for its claim ─none comes─▶ claim: Listening
                    └─somebody claims─▶ Idle, silently

Rules:
- Who contends listens already, so that nothing of the command is lost, but is neither seen nor heard: three rooms that
  light up and go dark again would be a lie, since only one of them was ever going to listen. `state` stays idle, and
  what the ear tells is held back until it is decided.
- `DECIDE` after our wake word it is decided who is the best, earlier where all have spoken. The best claims.
- Nobody gives way to a bid, only to a claim; a better rival that has not claimed by `PATIENCE` has fallen silent, and
  we answer. So whatever is lost, late or a lie, somebody answers.
- Who has claimed gives way only to a better claim, so of two that crossed one is left: with the same order everywhere
  the best claim stands. After `SETTLED` a claim belongs to another word.
- One device hears the word later than another, by half a second in the worst case: what a rival said up to
  `SAME_WORD` before our wake is about the same word.
- Whose own turn the word interrupts (asked, thinking or speaking) claims at once and comes before all others: the user
  means that one, and a reply is not lost to another room. Of two interrupted ones the better stays.
- Nobody waits who is alone, or has no broker.
"""

from __future__ import annotations

from dataclasses import replace

from agent.commands import Bid, Claim, Command, Earcon, ShowEvent, StartListening
from agent.dialogue import turn
from agent.dialogue.group import Group, Mine, Rival
from agent.dialogue.replies import end, silence
from agent.dialogue.state import (
    Contending,
    HearingEvent,
    Listening,
    Speaking,
    State,
    Step,
    Thinking,
    Transcribing,
    enter,
)
from agent.events import PeersChanged, RivalClaimed, RivalWoke, Wake

DECIDE = 0.15
PATIENCE = 0.45
SETTLED = 1.0
SAME_WORD = 0.5


def woken(state: State, event: Wake) -> Step:
    """A wake word: alone in the house it begins a turn, among others a contest for one."""
    after, commands = turn.woken(state, event)
    if after.turn == state.turn or not after.group.device:
        return after, commands
    now = event.at.mono
    answering = isinstance(state.activity, Transcribing | Thinking | Speaking)
    mine = Mine(after.turn, now, event.quality, answering)
    after = replace(after, group=replace(after.group, mine=mine))
    if answering or not after.group.peers:
        return after, (_claim(mine), *commands)
    sounds = tuple(command for command in commands if isinstance(command, Earcon))
    silent = tuple(command for command in commands if not isinstance(command, Earcon))
    winner = next((rival for rival in after.group.since(now - SAME_WORD) if rival.claims), None)
    if winner is not None:
        yielded, yielding = _give_way(after, now, mine, winner)
        return yielded, (*(command for command in silent if not isinstance(command, StartListening)), *yielding)
    assert isinstance(after.activity, Listening)
    contending = enter(after, Contending(now + DECIDE, after.activity, sounds=sounds))
    decided, deciding = decide(contending, now) if _complete(contending.group, mine) else (contending, ())
    return decided, (Bid(mine.turn, mine.quality), *silent, *deciding)


def hearing(state: State, event: HearingEvent) -> Step:
    """What the ear tells; of each kind the last is kept until it is decided."""
    if not isinstance(state.activity, Contending):
        return turn.hearing(state, event)
    others = tuple(held for held in state.activity.held if type(held) is not type(event))
    return enter(state, replace(state.activity, held=(*others, event))), ()


def met(state: State, event: PeersChanged | RivalWoke | RivalClaimed) -> Step:
    """What the others do: where nobody is left, or all have spoken, nobody is waited for."""
    now = event.at.mono
    match event:
        case PeersChanged(device=device, peers=peers):
            rivals = state.group.rivals if device == state.group.device else ()
            group = replace(state.group, device=device, peers=peers, rivals=rivals)
            return _reconsidered(replace(state, group=group), now)
        case RivalWoke():
            return _reconsidered(replace(state, group=state.group.told(event)), now)
        case RivalClaimed():
            return _claimed(replace(state, group=state.group.told(event)), now, event)


def _claimed(state: State, now: float, event: RivalClaimed) -> Step:
    """A rival answers: the turn ends silently, unless we have a better claim, or it is about another word."""
    mine = state.group.mine
    if mine is None or mine.turn != state.turn or now > mine.at + SETTLED:
        return state, ()
    rival = Rival(event.device, event.quality, now, claims=True, answering=event.answering)
    match state.activity:
        case Contending():
            return _give_way(state, now, mine, rival)
        case Listening() | Transcribing() | Thinking() if rival.rank > state.group.rank(mine):
            return _give_way(state, now, mine, rival)
        case _:
            return state, ()


def decide(state: State, now: float) -> Step:
    """It is time, or all have spoken: claim, or wait for the claim of a better one."""
    contending, group, mine = state.activity, state.group, state.group.mine
    assert isinstance(contending, Contending)
    assert mine is not None
    patience = mine.at + PATIENCE
    best = next(iter(group.since(mine.at - SAME_WORD)), None)
    if group.peers and best is not None and best.rank > group.rank(mine) and now < patience:
        return enter(state, replace(contending, until=patience)), ()
    claimed = enter(state, contending.listening)
    commands: tuple[Command, ...] = (_claim(mine), *contending.sounds)
    for event in contending.held:
        claimed, heard = turn.hearing(claimed, event) if event.turn == claimed.turn else (claimed, ())
        commands = (*commands, *heard)
    return claimed, commands


def _reconsidered(state: State, now: float) -> Step:
    mine = state.group.mine
    if isinstance(state.activity, Contending) and mine is not None and _complete(state.group, mine):
        return decide(state, now)
    return state, ()


def _complete(group: Group, mine: Mine) -> bool:
    """Whether all have spoken, so that there is nothing to wait for."""
    return len(group.since(mine.at - SAME_WORD)) >= group.peers


def _claim(mine: Mine) -> Claim:
    return Claim(mine.turn, mine.quality, mine.answering)


def _give_way(state: State, now: float, mine: Mine, winner: Rival) -> Step:
    ended, ending = end(state, now, "yielded", "")
    ours, theirs = round(mine.quality, 1), round(winner.quality, 1)
    shown = ShowEvent("yielded", state.turn, {"winner": winner.device, "quality": ours, "winner_quality": theirs})
    return ended, (*silence(state), shown, *ending)
