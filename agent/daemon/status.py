"""One line that tells an operator how it goes: systemd's STATUS, without personal data."""

from __future__ import annotations

from agent.dialogue.state import State

LIMIT = 80


def status_line(state: State, remark: str = "") -> str:
    """Such as "idle", "no microphone: unplugged", "speaking (mqtt failed: refused)"; 80 characters at most.

    `remark`: what else the operator has to know, such as "reload refused: …".
    """
    mic = state.health.get("mic")
    if mic is not None and mic.status == "failed":
        return f"no microphone: {mic.reason}"[:LIMIT]
    parts = [(part, health) for part, health in state.health.items() if health.status != "ok" and health.reason]
    sick = [f"{part} {health.status}: {health.reason}" for part, health in parts]
    sick = [remark, *sick] if remark else sick
    phase = "microphone off" if state.mic_off else state.phase
    return (f"{phase} ({'; '.join(sick)})" if sick else phase)[:LIMIT]
