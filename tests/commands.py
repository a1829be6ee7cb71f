"""Commands as the tests call them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

# A command's words → exit status, standard output, standard error: the fixture `call`.
Call = Callable[..., tuple[int, str, str]]

# Small enough to be trained in a second.
SMALL = (
    *("--model.embedding-dim", "8", "--model.question-dim", "16", "--model.attention-dim", "16"),
    *("--extract.image-size", "64", "--train.epochs", "2"),
    *("--train.min-steps", "4", "--train.batch-size", "8"),
)


def train_command(network: str, table: Path, out: Path, *more: object) -> list[str]:
    """Return the words of the command that trains a small network."""
    hidden = ["--model.hidden-dim", "16"] if network == "saaa" else []
    options = ["--data", f"table:{table}", "--out", out, *SMALL, *hidden, *more]
    return ["train", network, *map(str, options)]
