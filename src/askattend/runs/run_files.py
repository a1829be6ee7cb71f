"""Reading the files of a run folder, each as it was written, whatever is wrong with it told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from askattend.data.vocab import WordVocab
from askattend.data.word_vectors import NONE, WordVectors
from askattend.errors import RunError
from askattend.files.manifest import decode_unchanged, require_unchanged
from askattend.runs.own_code import OwnCode, read_attention
from askattend.runs.tensor_files import read_tensors

# Name of the tensor in a file of word vectors.
VALUES = "vectors"


def read_json(file: Path, kind: Any) -> Any:
    """Read JSON of the type `kind`.

    Raises:
        RunError: it is missing, unreadable or not as it was written.
    """
    remedy = "Copy the whole run folder, or train again."
    return decode_unchanged(file, kind, RunError, remedy=remedy)


def read_vectors(file: Path, config: Mapping[str, Any], words: WordVocab) -> WordVectors | None:
    """Read the vectors that the settings say the words began as; None where they name none."""
    vocab = config.get("vocab", {})
    source = vocab.get("vectors", NONE) if isinstance(vocab, Mapping) else NONE
    if source == NONE:
        return None
    tensors, _ = read_tensors(file)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    if shapes.keys() != {VALUES} or shapes[VALUES][:-1] != (len(words),):
        problem = f"holds no vectors of the run's {len(words):,} words"
        raise RunError(problem, where=file, remedy="Copy the whole run folder.")
    return WordVectors(source, tensors[VALUES].numpy())


def read_own_code(file: Path, config: Mapping[str, Any]) -> OwnCode | None:
    """Read the code of the run's own attention, as the run was given it."""
    code = read_attention(file, config)
    if code is not None:
        require_unchanged(file, RunError)
    return code
