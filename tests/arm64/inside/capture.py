"""`capture.py DEVICE FILE.raw`: the microphone's child on an ALSA device; prints the format it got, writes its sound.

Ends with the first second of sound, or where the device fails.
"""

import json
import queue
import sys
from pathlib import Path
from typing import Any

from agent.child import Child, ChildSpec
from agent.records import Kind, Record

SETTINGS = {"rate_hz": None, "channels": None, "format": None, "buffer_ms": 500, "realtime": False}
ENOUGH = 16_000 * 2  # bytes
WAIT_S = 60.0

heard: queue.SimpleQueue[Record | str] = queue.SimpleQueue()
settings = json.dumps({"device": sys.argv[1], **SETTINGS})
spec = ChildSpec("mic", "agent.audio.mic", (settings,), ready_s=WAIT_S, silent_s=WAIT_S)
child = Child(spec, heard.put, lambda state, reason: None, heard.put)
child.start()
form: dict[str, Any] = {}
sound = b""
while len(sound) < ENOUGH:
    record = heard.get(timeout=WAIT_S)
    if isinstance(record, str):
        sys.exit(record)
    if record.kind is Kind.AUDIO:
        sound += record.payload
    elif record.kind is Kind.MESSAGE and record.message()["type"] == "format":
        form = record.message()
child.stop()
Path(sys.argv[2]).write_bytes(sound[:ENOUGH])
sys.stdout.write(json.dumps(form))
