"""voice-agent: a private voice agent for Raspberry Pi-class hardware.

Walk the rooms in the order sound takes: `audio` → `hearing` → `dialogue` → `thinking` → `speaking` → `audio`,
with `mqtt` beside them, `daemon` composing them and `cli` in front. `events`, `config`, `records` and `child` are the
vocabulary all rooms share.
"""

__version__ = "0.1.0"
