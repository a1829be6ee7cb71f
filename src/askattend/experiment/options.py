"""Options of an evaluation: on what, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from askattend.foreign.answer import MOST_TOKENS, TOGETHER
from askattend.metrics.calibration import refuse_two_ways
from askattend.settings import Positive, Probability, check


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation: on what, and how."""

    data: str | None = None
    """Question source; by default the one that the run was trained on."""
    split: str = "test"
    """One of its splits: test, valid, train, or the source's own name."""
    out: Path | None = None
    """Folder for its files; by default one a data set and split, in the run's `evaluations`."""
    features: Path | None = None
    """Feature store; by default the run's, or a cache beside the run."""
    backbone: str | None = None
    """The run's backbone, where it does not know it or knows it by another name."""
    human_maps: Path | None = None
    """Where people looked, to compare attention with: a folder of QUESTION_PERSON.png (VQA-HAT)."""
    abstain_above_risk: Probability | None = None
    """From now on `ask` is not sure where more than this share of its answers would be wrong."""
    abstention: bool = True
    """With --no-abstention, `ask` answers always from now on, however unsure it is."""
    prompt: str | None = None
    """Text that a model of transformers' is asked, with {question} in it; by default the question,
    and that a word or a short phrase will do."""
    dialect: str | None = None
    """Way that the words of a model of transformers' are compared, as for `score`. By default
    current where each question has four human answers or more, else normalized."""
    max_tokens: Positive = MOST_TOKENS
    """Most tokens of an answer, of a model of transformers' that writes it."""
    batch_size: Positive = TOGETHER
    """Questions that a model of transformers' is asked at once."""
    device: str = "auto"
    """Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, …"""

    def __post_init__(self) -> None:
        check(self)
        refuse_two_ways(self.abstain_above_risk, abstention=self.abstention)
