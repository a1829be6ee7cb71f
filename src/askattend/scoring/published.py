"""Figures that papers state of DAQUAR, beside those of the same protocol here."""

from __future__ import annotations

import msgspec

from askattend.data.readers.registry import READERS
from askattend.errors import AskAttendError
from askattend.scoring.score import has_sets

# Test questions that the single answers of DAQUAR-ALL come to, and at most of its reduced set.
SINGLE, REDUCED = 5_076, 297
_SAN = "Yang et al. 2016, arXiv 1511.02274"


class System(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A system of a paper.

    Attributes:
        name: its name there.
        accuracy: exact match, 0 to 1.
        wups: WUPS at 0.9 and at 0.0.
        paper: where it is stated.
    """

    name: str
    accuracy: float
    wups: tuple[float, float]
    paper: str


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Published figures of a protocol.

    Attributes:
        systems: the best first; none where no figure of the protocol is known here.
        why_none: the reason for that.
    """

    systems: tuple[System, ...] = ()
    why_none: str = ""


OF_SINGLE = (
    System("SAN(2, CNN)", 0.293, (0.351, 0.686), _SAN),
    System("SAN(2, LSTM)", 0.293, (0.349, 0.681), _SAN),
    System("DPPnet", 0.29, (0.348, 0.678), "Noh et al. 2016, as cited by Yang et al."),
    System("IMG-CNN", 0.234, (0.296, 0.63), "Ma et al. 2016, as cited by Yang et al."),
)
OF_REDUCED = (System("SAN(2, LSTM)", 0.462, (0.512, 0.851), _SAN),)
_OF_ALL = (
    "none is known here for all answers: the SAN paper (29.3 %) leaves out the questions whose "
    "answer is several things, as answers=single does"
)
_OF_RANDOM = "none is known here for a random split, where images of the test are in training, too"
_OF_PART = "they are of all {count:,} test questions with a single answer, not of these {here:,}"


def published_figures(source: str, split: str, questions: int) -> Published | None:
    """Find what papers state of a source's test split; None of a source that is not DAQUAR.

    Args:
        source: of the questions.
        split: of them.
        questions: how many were answered.
    """
    kind, _, place = source.partition(":")
    reader = READERS.find(kind)
    if not has_sets(source) or split != "test" or reader is None:
        return None
    try:
        chosen = reader.split_options(place)[1]
    except AskAttendError:  # told where the source is read
        return None
    if chosen.get("split") == "random":
        return Published(why_none=_OF_RANDOM)
    if chosen.get("answers") != "single":
        return Published(why_none=_OF_ALL)
    if questions == SINGLE:
        return Published(OF_SINGLE)
    if kind == "daquar-37" and questions <= REDUCED:
        return Published(OF_REDUCED)
    return Published(why_none=_OF_PART.format(count=SINGLE, here=questions))
