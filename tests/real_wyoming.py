"""A real recogniser behind the protocol's own server: `python tests/real_wyoming.py MODEL PORT`; Vosk.

It puts a full stop behind what it writes, so that one sees who has written it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from vosk import KaldiRecognizer, Model, SetLogLevel
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info
from wyoming.server import AsyncEventHandler, AsyncServer

WHO = Attribution("alphacephei", "https://alphacephei.com/vosk")
OFFER = AsrModel("small-ko", WHO, True, None, None, ["ko"])


class Handler(AsyncEventHandler):
    def __init__(self, model: Any, *args: Any) -> None:
        super().__init__(*args)
        self._model = model
        self._recogniser: Any = None

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            program = AsrProgram("vosk", WHO, True, None, None, [OFFER])
            await self.write_event(Info(asr=[program]).event())
        elif Transcribe.is_type(event.type):
            assert Transcribe.from_event(event).language == "ko"
        elif AudioStart.is_type(event.type):
            self._recogniser = KaldiRecognizer(self._model, AudioStart.from_event(event).rate)
        elif AudioChunk.is_type(event.type):
            self._recogniser.AcceptWaveform(AudioChunk.from_event(event).audio)
        elif AudioStop.is_type(event.type):
            text = json.loads(self._recogniser.FinalResult())["text"]
            await self.write_event(Transcript(f"{text} .").event())
            return False
        return True


async def main(model: str, port: str) -> None:
    SetLogLevel(-1)
    loaded = Model(model_path=model)
    server = AsyncServer.from_uri(f"tcp://127.0.0.1:{port}")
    await server.start(lambda *args: Handler(loaded, *args))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
