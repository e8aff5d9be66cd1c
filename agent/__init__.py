"""voice-agent: a private voice agent for Raspberry Pi-class hardware.

Walk the rooms in the order sound takes: `audio` → `hearing` → `dialogue` → `thinking` → `speaking` → `audio`,
with `mqtt` beside them, `daemon` composing them and `cli` in front. `events`, `config`, `records` and `child` are the
vocabulary all rooms share.
"""

__version__ = "0.1.0"


def version() -> str:
    """Of the program as it was installed; out of a folder, that of its source."""
    from importlib.metadata import PackageNotFoundError  # slow to import, and few ask
    from importlib.metadata import version as installed

    try:
        return installed("voice-agent")
    except PackageNotFoundError:
        return __version__
