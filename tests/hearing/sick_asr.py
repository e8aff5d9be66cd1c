"""A recogniser's process that misbehaves: `python -m sick_asr MOOD FILE`. It hears how much it was fed.

"well": answers; "deaf": never gives a final; "dies": dies at the first end that FILE does not remember; "dies always".
"""

import os
import sys
from pathlib import Path

from agent.parent import Parent
from agent.records import Kind

mood, memory = sys.argv[1], Path(sys.argv[2])
parent = Parent()
parent.message("ready")
samples = 0
for record in parent.records():
    if record.kind is Kind.AUDIO:
        samples += len(record.payload) // 2
    elif record.kind is Kind.MESSAGE and record.message()["type"] == "start":
        samples = 0
    elif record.kind is Kind.END:
        if mood == "dies always" or (mood == "dies" and not memory.exists()):
            memory.touch()
            os._exit(1)
        if mood != "deaf":
            parent.message("final", record.turn - 1, text="of an older turn")
            parent.message("partial", record.turn, text="some", heard_ms=100)
            parent.message("final", record.turn, text=f"{samples} samples, {os.getpid()}")
