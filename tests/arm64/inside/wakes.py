"""`wakes.py ENGINE FILE.wav…`: for each file, the wake words that this engine hears in it, with their positions."""

import json
import sys
from pathlib import Path

from agent.config import Config, WakeSection
from agent.hearing import wakewords
from agent.hearing.offline import find_wakes, read_wav

config = Config(wake=WakeSection(engine=sys.argv[1]))
engine = wakewords.load(config)
for path in sys.argv[2:]:
    found = find_wakes(read_wav(Path(path)), engine, config.wake)
    sys.stdout.write(json.dumps([[wake.word, wake.position] for wake in found]) + "\n")
