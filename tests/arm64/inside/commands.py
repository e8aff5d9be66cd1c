"""`commands.py MODEL PHRASES.json FILE.wav…`: for each file, the phrase of the grammar that Vosk hears in it."""

import json
import sys
from pathlib import Path

from agent.hearing import vosk
from agent.hearing.offline import read_wav

engine = vosk.load(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
for path in sys.argv[3:]:
    sound = read_wav(Path(path))
    engine.begin(None, 0)
    for at in range(0, len(sound), 800):
        engine.feed(sound[at : at + 800])
    sys.stdout.write(json.dumps(engine.finish()) + "\n")
