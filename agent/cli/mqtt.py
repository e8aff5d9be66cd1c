"""`voice-agent mqtt purge`: let the broker, and with it Home Assistant, forget a device."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from agent import config_file, credentials
from agent.cli import output
from agent.cli.output import Unavailable, UsageError
from agent.config import Config
from agent.identity import device_name


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    purge = actions.add_parser(
        "purge",
        help="delete everything that the broker keeps of this device, its entities in Home Assistant included",
    )
    purge.add_argument("--config", type=Path, metavar="FILE")
    purge.add_argument(
        "--all-of", dest="device", metavar="DEVICE", help="of another device, such as one that has another name now"
    )
    purge.add_argument("--dry-run", action="store_true", help="only tell what would be deleted")
    purge.add_argument("--force", action="store_true", help="also where the device is online")
    purge.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    config = config_file.load(args.config)
    device = args.device or device_name(config.mqtt.device)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", device):
        raise UsageError("DEVICE is a name as in the topics: up to 64 letters, digits, hyphens and underscores")
    password = credentials.read(config.mqtt.password).reveal() if config.mqtt.password else None
    return _purge(config, device, password, args)


def _purge(config: Config, device: str, password: str | None, args: argparse.Namespace) -> int:
    from agent.mqtt.happenings import LinkFault
    from agent.mqtt.purge import Purge, Purged, PurgeFault, StillOnline

    broker = f"{config.mqtt.host}:{config.mqtt.port}"
    try:
        with Purge(config, device, password) as purge:
            purged = Purged(tuple(purge.kept())) if args.dry_run else purge.run(args.force)
    except StillOnline as online:
        remedy = "stop it first (systemctl stop voice-agent); --force deletes all the same"
        raise Unavailable(f"{online} and would say it all again: {remedy}") from online
    except (LinkFault, PurgeFault) as fault:
        raise Unavailable(f"{broker}: {fault}") from fault
    if args.json:
        told = {"removed": purged.removed, "unseen": purged.unseen, "left": purged.left}
        output.data({"device": device, "broker": broker, "dry_run": args.dry_run, **told})
    else:
        for topic in purged.removed:
            print(topic)
        verb = "would be deleted" if args.dry_run else "deleted"
        output.note(f"{len(purged.removed)} topics of {device} {verb} at {broker}")
        if len(purged.unseen) > 1:  # but for an announcement that was never made
            note = f"{len(purged.unseen)} topics of {device} deleted unseen, which this user may not read"
            output.note(note)
    if purged.left:
        raise Unavailable(f"{len(purged.left)} topics are there again: somebody publishes them, {purged.left[0]} first")
    return 0
