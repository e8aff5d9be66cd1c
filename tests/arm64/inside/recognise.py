"""`recognise.py FILE.wav`: what the recogniser's child understands. It gets more time than a person would wait."""

import sys
from pathlib import Path

from agent import engines
from agent.config import AsrSection, Config
from agent.hearing.offline import Transcriber, read_wav
from agent.hearing.recogniser import child_spec

PATIENCE_S = 100.0

config = Config(asr=AsrSection(engine="moonshine"))
transcriber = Transcriber(child_spec(engines.recogniser(config.asr, "en"), config))
transcriber.start(PATIENCE_S)
sys.stdout.write(transcriber.transcribe(read_wav(Path(sys.argv[1])), timeout_s=PATIENCE_S).text)
transcriber.stop()
