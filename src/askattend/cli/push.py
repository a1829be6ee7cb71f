"""``askattend push``: a run on the model hub, from which every command takes it by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import Positional

from askattend.cli.console import parse
from askattend.cli.options import RunFolder
from askattend.cli.pack import require_shareable
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


def run(argv: list[str]) -> None:
    """Parse the command's options, push, and print the page's address."""
    options: Push = parse(Push, argv, "push")
    require_shareable(options.run)
    print(push_run(options.run, options.name, private=options.private, message=options.message))
