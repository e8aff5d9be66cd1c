"""`voice-agent mic --to URL`: this device is a guest of an agent: a microphone and, if it has one, a speaker.

What happens is printed: for people in words, with --json one object a line (`type`: connected, disconnected, heard,
wake, state, transcript, reply, health, refused, …).
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from agent import config_file, credentials
from agent.cli.output import UsageError, note
from agent.cli.run import overrides
from agent.config import Config, Speaker
from agent.config_file import ConfigError, Problem
from agent.credentials import Secret
from agent.remote.doings import Tell

KEEP = """\
The agent has to serve guests: [web] enabled = true, with a certificate, a token, and the name HOST among web.hosts.
Only what follows a wake word leaves this device, and what was heard in the second before it.

To keep it running, make a unit of it (/etc/systemd/system/voice-agent-mic.service), and
`sudo systemctl enable --now voice-agent-mic`:

  [Unit]
  After=network-online.target sound.target
  Wants=network-online.target
  [Service]
  ExecStart=/path/to/voice-agent mic --to wss://HOST:8770/ws --token web-token
  LoadCredential=web-token:/etc/voice-agent/credentials/web-token
  DynamicUser=yes
  SupplementaryGroups=audio
  Restart=on-failure
  RestartSec=5
  RestartPreventExitStatus=2 78
  [Install]
  WantedBy=multi-user.target

Exit codes: 0 ended (Ctrl-C, SIGTERM), 75 temporary, 78 configuration, token or certificate, 70 internal error."""
NONE = "none"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = KEEP
    parser.add_argument("--to", required=True, metavar="URL", help="where the agent is: wss://HOST:8770/ws")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token", metavar="NAME", help="the credential that holds the agent's token")
    token.add_argument("--token-file", type=Path, metavar="FILE", help="a file that holds it (0600)")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="the private authority behind its certificate (PEM)")
    parser.add_argument("--always", action="store_true", help="send all sound; the wake word is heard there alone")
    parser.add_argument(
        "--insecure-plaintext", action="store_true", help="ws:// to another machine: anybody may listen"
    )
    parser.add_argument("--give-up", type=float, metavar="S", help="end (75) without a connection for so long")
    parser.add_argument("--config", type=Path, metavar="FILE", help="for [audio] and [wake] of this device")
    parser.add_argument("--mic", metavar="DEVICE", help="instead of audio.mic.device")
    parser.add_argument("--speaker", metavar="DEVICE", help=f'instead of audio.speaker.device; "{NONE}": there is none')
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    from agent.hearing.wake import WakeModelError
    from agent.remote.guest import Guest
    from agent.remote.target import BadAuthority, BadTarget, target

    silent = args.speaker == NONE
    args.speaker = None if silent else args.speaker
    try:
        chosen = target(args.to, _token(args), args.ca, args.insecure_plaintext)
    except BadTarget as error:
        raise UsageError(str(error)) from error
    except BadAuthority as error:
        raise ConfigError(Problem("--ca", str(error), "")) from error
    config = config_file.load(args.config, overrides(args))
    if not args.json:
        note(f"{_microphone(config, args.always)}; {chosen.url}; Ctrl-C ends it")
    guest = Guest(config, _speaker(config, silent), chosen, Watcher(args.json).tell, args.always, args.give_up)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: guest.stop())
    try:
        left = guest.run()
    except WakeModelError as error:
        raise ConfigError(Problem("wake", str(error), "")) from error
    if left.code:
        note(f"voice-agent: {left.reason}")
    return left.code


def _token(args: argparse.Namespace) -> Secret | None:
    if args.token_file:
        secret = credentials.read_from(args.token_file)
    elif args.token:
        secret = credentials.read(args.token)
    else:
        return None
    if not secret.reveal().isascii():
        raise credentials.CredentialError("a token that is shown by a program has to be of ASCII characters")
    return secret


def _speaker(config: Config, silent: bool) -> Speaker | None:
    return None if silent else config.audio.speaker


def _microphone(config: Config, always: bool) -> str:
    words = ", ".join(f"“{word.model.replace('_', ' ')}”" for word in config.wake.words)
    return f"{config.audio.mic.device} {'is sent all the time' if always else f'listens for {words}'}"


class Watcher:
    """Prints what happens: data on stdout, the rest on stderr; partial transcripts only where they can be replaced."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._live = sys.stdout.isatty()

    def tell(self, news: Tell) -> None:
        if self._json:
            print(json.dumps({"type": news.what, **news.fields}, ensure_ascii=False), flush=True)
            return
        fields = news.fields
        match news.what:
            case "transcript":
                self._transcript(str(fields["text"]), bool(fields["final"]))
            case "reply":
                print(f"< {fields['text']}", flush=True)
            case "state":
                note(f"[{fields['phase']}]")
            case _:
                if text := _sentence(news):
                    note(text)

    def _transcript(self, text: str, final: bool) -> None:
        if self._live:
            print(f"\r\x1b[K> {text}{'' if final else ' …'}", end="\n" if final and text else "", flush=True)
        elif final and text:
            print(f"> {text}", flush=True)


def _sentence(news: Tell) -> str:
    """ "" where there is nothing for people."""
    match news.what, news.fields:
        case "connected", fields:
            return f"connected with {fields['agent'] or 'the agent'}{', as before' if fields['resumed'] else ''}"
        case "disconnected", {"reason": reason, "again_s": again_s}:
            return f"{reason}; again in {again_s} s"
        case "heard", {"word": word}:
            return f"heard “{str(word).replace('_', ' ')}”"
        case "unanswered", _:
            return "the agent did not take that for its wake word"
        case "offline", _:
            return "there is no connection"
        case "health", {"part": part, "status": status, "reason": reason} if reason or status == "failed":
            return f"{part}: {reason or status}"
        case (("refused" | "bye"), {"message": message}):
            return f"the agent says: {message}"
        case "unheard", {"reason": reason}:
            return f"not played: {reason}"
        case _:
            return ""
