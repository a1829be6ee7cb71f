"""An answer with the evidence for where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

from askattend.errors import ConfigError
from askattend.files import atomic_write, make_folder
from askattend.runs.answer import Answer
from askattend.runs.word_effects import WordEffect

# A value a method; None where a map has no ranks, being the same everywhere, or no share above 0.
ByMethod = dict[str, float | None]


@dataclass(frozen=True)
class AnswerEvidence:
    """Evidence for one of the answers.

    Attributes:
        text: the answer.
        probability: its probability, 0 to 1.
        maps: by the methods of `askattend.attribution.maps.METHODS`, rows × columns, row 0 on top.
            Attention is the mean of all glimpses or hops, and the same for every answer; Grad-CAM
            is at least 0; the others are of either sign, below 0 where a region speaks against it.
        words: how much its probability falls without each word.
    """

    text: str
    probability: float
    maps: Mapping[str, Float[np.ndarray, "rows columns"]] = field(repr=False)
    words: tuple[WordEffect, ...]


class Agreement(msgspec.Struct, frozen=True):
    """Agreement of two maps of the same answer.

    Attributes:
        first: the method of one of them.
        second: the method of the other.
        rank_correlation: Spearman's, -1 to 1; None where either map is the same everywhere.
        top_tenth: share of one's top tenth that is in the other's, 0 to 1.
    """

    first: str
    second: str
    rank_correlation: float | None
    top_tenth: float


class RemovalCurves(msgspec.Struct, frozen=True):
    """The answer's probability along deletion and insertion, in one order of the regions.

    Attributes:
        order: the method whose map orders them, the greatest value first; or ``"random"``.
        drop: fall of the probability without the first tenth.
        deletion: the probability at each step of taking regions away.
        deletion_area: under that curve; the less, the more the answer hangs on what comes first.
        insertion: the probability at each step of putting them back.
        insertion_area: under that curve; the more, the more what comes first is enough.
    """

    order: str
    drop: float
    deletion: tuple[float, ...]
    deletion_area: float
    insertion: tuple[float, ...]
    insertion_area: float


class Rewording(msgspec.Struct, frozen=True):
    """The same asked in other words.

    Attributes:
        question: in other words.
        answer: given to it.
        probability: of that answer.
        distance: total variation between each map and that of the question as it was asked first,
            both of the answer given first: 0 (the same) to 1 (no region in common).
        rank_correlation: Spearman's between the two.
    """

    question: str
    answer: str
    probability: float
    distance: ByMethod
    rank_correlation: ByMethod


class LostLayer(msgspec.Struct, frozen=True):
    """How like the trained network's maps are when this layer, and all behind it, are untrained.

    Attributes:
        layer: its name in the network.
        rank_correlation: Spearman's between each map and the trained network's, both of the answer
            that this gave; the mean over some draws of untrained weights.
    """

    layer: str
    rank_correlation: ByMethod


@dataclass(frozen=True)
class Explanation:
    """An answer with the evidence for where it comes from.

    Attributes:
        answer: the network's, with its attention.
        best: evidence for that answer.
        second: evidence for the next best one; None where the network knows a single answer.
        agreement: of each two maps of the answer.
        chance: the `Agreement.top_tenth` that two random maps have.
        second_agreement: Spearman's correlation of each map of the answer with that of the next
            best; empty where there is none.
        removed: how many regions are gone at each step of a deletion.
        removal: curves in the order of each map, and at random.
        rewordings: the question in other words, as they were given.
        lost_layers: from the answers down to the inputs.
        notes: on how the questions are read.
        unjudged: see `Answerer.unjudged`.
    """

    answer: Answer
    best: AnswerEvidence
    second: AnswerEvidence | None
    agreement: tuple[Agreement, ...]
    chance: float
    second_agreement: ByMethod
    removed: tuple[int, ...]
    removal: tuple[RemovalCurves, ...]
    rewordings: tuple[Rewording, ...]
    lost_layers: tuple[LostLayer, ...]
    notes: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """The question, as it was asked."""
        return self.answer.question

    def to_dict(self) -> dict[str, Any]:
        """Return all but the picture as plain dicts, lists, texts and numbers, ready for JSON.

        It is what ``askattend explain --json`` prints, without the image's name. `Answer.to_dict`
        stands under ``answer``.
        """
        parts = ("agreement", "removal", "rewordings", "lost_layers")
        return {
            "question": self.question,
            "answer": self.answer.to_dict(),
            "best": _evidence(self.best),
            "second": None if self.second is None else _evidence(self.second),
            "chance": self.chance,
            "second_agreement": self.second_agreement,
            "removed": list(self.removed),
            **{name: msgspec.to_builtins(getattr(self, name)) for name in parts},
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """Return `to_dict` as a line of JSON."""
        return msgspec.json.encode(self.to_dict()).decode()

    def save(self, file: str | Path) -> None:
        """Write a page that shows all of it: one file of HTML that needs no other.

        Raises:
            ConfigError: the file cannot be written.
        """
        # Here, since matplotlib is slow to import and a page is not always wanted.
        from askattend.explaining.page import page_of

        file = Path(file)
        try:
            make_folder(file.parent)
            # A lone surrogate, which a question may hold, has no place in UTF-8.
            atomic_write(file, page_of(self).encode("utf-8", errors="replace"))
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise ConfigError(problem, where=file, remedy="Choose another place.") from error


def _evidence(evidence: AnswerEvidence) -> dict[str, Any]:
    return {
        "answer": evidence.text,
        "probability": evidence.probability,
        "maps": {name: values.tolist() for name, values in evidence.maps.items()},
        "words": [msgspec.to_builtins(word) for word in evidence.words],
    }
