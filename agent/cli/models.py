"""`voice-agent models list|install|collect|verify`: the only place from which models are downloaded."""

from __future__ import annotations

import argparse
from difflib import get_close_matches
from pathlib import Path

from agent import models
from agent.cli import output
from agent.cli.output import UsageError
from agent.models import Model, ModelDamaged


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="what there is, what is installed, under which licence")
    install = actions.add_parser("install", help="download, verify and unpack models")
    install.add_argument("names", nargs="+", metavar="NAME")
    install.add_argument("--from", dest="source", type=Path, metavar="FILE", help="take the file (or folder) instead")
    install.add_argument("--mirror", default="", metavar="URL", help="take the files of `collect` from this address")
    install.add_argument("--yes", action="store_true", help="accept models whose checksum is not known for sure")
    install.add_argument("--force", action="store_true", help="install again")
    collect = actions.add_parser("collect", help="download the files that --from and --mirror can be given")
    collect.add_argument("names", nargs="+", metavar="NAME")
    collect.add_argument("--to", dest="folder", type=Path, required=True, metavar="FOLDER")
    collect.add_argument("--yes", action="store_true", help="accept models whose checksum is not known for sure")
    verify = actions.add_parser("verify", help="compare installed models with their checksums")
    verify.add_argument("names", nargs="*", metavar="NAME")
    for action in (listing, verify):
        action.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    match args.action:
        case "list":
            return _list(args.json)
        case "install":
            return _install([_known(name) for name in args.names], args)
        case "collect":
            return _collect([_known(name) for name in args.names], args)
        case _:
            return _verify([_known(name) for name in args.names], args.json)


def _list(as_json: bool) -> int:
    if as_json:
        output.data([_row(model) for model in models.catalogue()])
        return 0
    columns = ("name", "kind", "languages", "installed", "size", "licence", "source")
    rows = [
        (
            model.name,
            model.kind,
            " ".join(model.languages),
            "yes" if models.installed(model.name, model.kind) else "",
            output.megabytes(model.size),
            model.licence,
            _source(model),
        )
        for model in models.catalogue()
    ]
    output.table(f"Models (in {models.folder()})", columns, rows)
    return 0


def _row(model: Model) -> dict[str, object]:
    path = models.installed(model.name, model.kind)
    return {
        "name": model.name,
        "kind": model.kind,
        "languages": list(model.languages),
        "licence": model.licence,
        "size": model.size,
        "source": _source(model),
        "verified": model.verified,
        "installed": path is not None,
        "path": str(path) if path else None,
    }


def _source(model: Model) -> str:
    if model.bundled:
        return f"bundled with {model.bundled.partition(':')[0].replace('_', '-')}"
    kind = "package" if any(file.package for file in model.files) else "url"
    return kind if model.verified else f"{kind}, checksum not verified"


def _known(name: str) -> Model:
    if model := models.find(name):
        return model
    near = get_close_matches(name, [model.name for model in models.catalogue()], 1)
    hint = f'; did you mean "{near[0]}"?' if near else "; `voice-agent models list` shows all"
    raise UsageError(f'the catalogue has no model "{name}"{hint}')


def _install(wanted: list[Model], args: argparse.Namespace) -> int:
    from agent.cli.install import Installer

    if args.source and len(wanted) > 1:
        raise UsageError("--from installs one model at a time")
    if args.source and args.mirror:
        raise UsageError("--from or --mirror, not both")
    if args.source and not args.source.exists():
        raise UsageError(f"there is no {args.source}")
    for model in wanted:
        if model.bundled:
            _bundled(model)
            continue
        if not args.force and (path := models.installed(model.name, model.kind)):
            output.note(f"{model.name} is installed: {path}")
            continue
        _accept(model, args.yes)
        with output.bar(model.name) as progress:
            path = Installer(progress, args.source, mirror=args.mirror).install(model)
        output.note(f"{model.name} installed: {path} ({model.licence})")
    return 0


def _collect(wanted: list[Model], args: argparse.Namespace) -> int:
    from agent.cli.install import Installer

    for model in wanted:
        if model.bundled:
            _bundled(model)
            continue
        _accept(model, args.yes)
        with output.bar(model.name) as progress:
            files = Installer(progress).collect(model, args.folder)
        output.note(f"{model.name}: {', '.join(str(file) for file in files)}")
    return 0


def _bundled(model: Model) -> None:
    if not models.installed(model.name, model.kind):
        raise models.ModelMissing(f"{model.name} comes with a Python package: {models.remedy(model)}")
    output.note(f"{model.name} is {_source(model)}")


def _accept(model: Model, yes: bool) -> None:
    if model.verified or yes:
        return
    addresses = ", ".join(file.url or file.package for file in model.files)
    question = (
        f"{model.name} comes from {addresses}; what its checksum has to be is not known for sure "
        "(a model that was tampered with can harm the program that loads it). Install it all the same?"
    )
    if not output.confirmed(question):
        raise UsageError(f"{model.name} is not verified and was not accepted; --yes accepts it")


def _verify(wanted: list[Model], as_json: bool) -> int:
    rows = []
    for model in wanted or models.catalogue():
        path = models.installed(model.name, model.kind)
        if path is None and not wanted:
            continue
        ok, reason = _checked(path)
        rows.append({"name": model.name, "kind": model.kind, "ok": ok, "reason": reason})
    if as_json:
        output.data(rows)
    else:
        table = [(str(row["name"]), str(row["kind"]), "ok" if row["ok"] else "BAD", str(row["reason"])) for row in rows]
        output.table("Installed models", ("name", "kind", "state", "reason"), table)
    return 0 if all(row["ok"] for row in rows) else 78


def _checked(path: Path | None) -> tuple[bool, str]:
    if path is None:
        return False, "not installed"
    try:
        compared = models.verify(path)
    except ModelDamaged as damage:
        return False, str(damage)
    return True, "" if compared else "no checksum is known"
