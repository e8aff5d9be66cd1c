"""Second step: a speaker that somebody has heard."""

from __future__ import annotations

from agent import earcons
from agent.audio import alsa
from agent.audio.alsa import Direction
from agent.audio.pcm import Samples
from agent.fitting import screen
from agent.fitting.asking import Asker
from agent.fitting.draft import Draft
from agent.fitting.loudspeaker import SpeakerTrouble, play
from agent.models import ModelMissing
from agent.speaking.say import Reader
from agent.speaking.tts import SpeechError
from agent.speaking.voices import voices

GREETINGS = {
    "en": "Hello. If you can hear me, press Enter.",
    "de": "Hallo. Wenn du mich hörst, drücke die Eingabetaste.",
    "es": "Hola. Si me oyes, pulsa Intro.",
    "fr": "Bonjour. Si vous m'entendez, appuyez sur Entrée.",
    "it": "Ciao. Se mi senti, premi Invio.",
    "nl": "Hallo. Als je me hoort, druk op Enter.",
    "pt": "Olá. Se me ouve, prima Enter.",
}
Sound = tuple[Samples, int]


def candidates(direction: Direction, configured: str) -> list[tuple[str, str]]:
    """(device, what it is): the configured one first; of a card only the name that converts as needed."""
    found = {each.name: each.description for each in alsa.devices(direction)}
    rows = [(configured, found.pop(configured, "as configured"))]
    twice = {name for name in found if name.startswith("hw:") and f"plug{name}" in {configured, *found}}
    return rows + [(name, what) for name, what in found.items() if name not in twice]


def choose(draft: Draft, asker: Asker) -> None:
    """Play on one after the other until one is heard. Raises Trouble."""
    configured = draft.config.audio.speaker.device
    rows = candidates("playback", configured) if asker.person else [(configured, "")]
    sounds = _sounds(draft, asker)
    while True:
        for device, what in rows:
            if _heard(draft, asker, device, what, sounds):
                draft.set("audio.speaker.device", device)
                return
        if asker.way_on("no speaker was heard", "is it switched on and turned up (`alsamixer`)?") == "leave":
            return


def _heard(draft: Draft, asker: Asker, device: str, what: str, sounds: list[Sound]) -> bool:
    """Raises Trouble where nobody is there and it does not play."""
    while True:
        asker.console.print(screen.hint(f"playing on {device}" + (f", {what}" if what else "")))
        speaker = draft.config.audio.speaker.model_copy(update={"device": device})
        try:
            play(speaker, sounds)
        except SpeakerTrouble as trouble:
            if not asker.person:
                asker.way_on(str(trouble), "")
            asker.console.print(screen.bad(str(trouble)))
            return False
        answer = asker.key("Did you hear it? (a: again)", "yna", "y")
        if answer == "y":
            asker.console.print(screen.good(f"speaker: {device}"))
        if answer != "a":
            return answer == "y"


def _sounds(draft: Draft, asker: Asker) -> list[Sound]:
    """A chime, and a sentence where there is one in the language and a voice."""
    chime = [(earcons.render("wake"), earcons.RATE_HZ)]
    config = draft.config
    greeting = GREETINGS.get(config.persona.language.split("-")[0])
    if not greeting or not asker.person:
        return chime
    try:
        with (
            asker.console.status(" the voice is being loaded"),
            Reader(voices(config), config.persona.language) as reader,
        ):
            return chime + [(clause.pcm, clause.rate_hz) for clause in reader.read(greeting)]
    except (ModelMissing, SpeechError) as error:
        asker.console.print(screen.hint(f"only a chime, for there is no voice: {error}"))
        return chime
