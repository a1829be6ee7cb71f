"""``askattend push``: a run on the model hub, from which every command takes it by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import Positional

from askattend.cli.console import parse, print_json
from askattend.cli.options import Json, RunFolder
from askattend.cli.pack import require_shareable
from askattend.environment.hub import PREFIX
from askattend.environment.packing import push_run


@dataclass(frozen=True)
class Push:
    """Write a run to the model hub; every command then takes hf:USER/NAME for it."""

    run: RunFolder
    name: Annotated[Positional[str], tyro.conf.arg(metavar="USER/NAME")]
    """The repository, made if need be: what `pack` writes, so no optimizer, log or picture."""
    private: Annotated[
        bool, tyro.conf.arg(help="Make a repository that its members see alone.")
    ] = False
    message: Annotated[str | None, tyro.conf.arg(help="Of the commit.")] = None
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, push, and print the page's address."""
    options: Push = parse(Push, argv, "push")
    require_shareable(options.run)
    page = push_run(options.run, options.name, private=options.private, message=options.message)
    if options.json:
        print_json({"run": str(options.run), "name": f"{PREFIX}{options.name}", "page": page})
    else:
        print(page)
