"""Options that several commands have, each explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

# Said of what is needed though its type has a default: that of any number of words, say.
REQUIRED = "(required)"
Flat = tyro.conf.arg(name="")  # options of this part take no prefix

RunFolder = Annotated[
    Positional[Path],
    tyro.conf.arg(metavar="RUN", help="The run folder, a packed run, hf:USER/NAME, or demo."),
]
BackboneName = Annotated[
    str | None,
    tyro.conf.arg(
        help="The run's backbone, where it does not know it or knows it by another name."
    ),
]
StoredFeatures = Annotated[
    Path | None,
    tyro.conf.arg(help="Answer from the features of this store; no picture is needed."),
]
Attention = Annotated[
    str | None,
    tyro.conf.arg(
        metavar="FILE.py:NAME",
        help="The code of its own that the run brings; naming it agrees to run it.",
    ),
]
Device = Annotated[
    str,
    tyro.conf.arg(help="Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, …"),
]
Json = Annotated[bool, tyro.conf.arg(help="Print one JSON object.")]
