"""Answers to other questions than those they are held against: how the ids differ, and whose."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from itertools import product

from askattend.data.questions import QASet, QuestionId
from askattend.data.readers.reader import written_options
from askattend.data.readers.registry import READERS, read_source
from askattend.errors import AskAttendError, name_few


def describe_ids(given: Collection[QuestionId], wanted: Collection[QuestionId], whose: str) -> str:
    """Describe two sets of question ids beside each other, and how many are in both.

    >>> describe_ids([1, 2, 9], [1, 2, 3, 4], "of the split")
    '3 ids of the file (1 to 9), 4 of the split (1 to 4), 2 in both'
    """
    both = len(set(given) & set(wanted))
    ours = f"{len(wanted):,} {whose} ({look_of_ids(wanted)})"
    ids = "id" if len(given) == 1 else "ids"
    return f"{len(given):,} {ids} of the file ({look_of_ids(given)}), {ours}, {both:,} in both"


def look_of_ids(ids: Collection[QuestionId]) -> str:
    """Tell what ids look like: the least and greatest number, the first few texts.

    >>> look_of_ids([7, 3]), look_of_ids(["a1", "a2", "a3", "a4"])
    ('3 to 7', "'a1', 'a2', 'a3', …")
    """
    numbers = [one for one in ids if isinstance(one, int)]
    texts = sorted(one for one in ids if isinstance(one, str))
    span = f"{min(numbers)} to {max(numbers)}" if len(numbers) > 1 else "".join(map(str, numbers))
    return ", ".join(part for part in (span, name_few(map(repr, texts))) if part) or "none"


def likely_source(questions: QASet, answered: Set[QuestionId]) -> str | None:
    """Find another protocol of a source, one of whose splits the answers are to, all of it.

    Args:
        questions: all questions of the source that was named.
        answered: ids of the answers.
    """
    for source in _protocols(questions.source):
        try:
            others = read_source(source, images=False)
        except AskAttendError:  # the one that was named could be read, and that is what counts
            continue
        for split in others.splits:
            if answered == {
                question.id for question in others.questions if question.split == split
            }:
                return source
    return None


def _protocols(source: str) -> Iterator[str]:
    """Yield a source by its reader's other protocols."""
    name, colon, place = source.partition(":")
    reader = READERS.find(name)
    if reader is None or not place or not reader.options:
        return
    path, chosen = reader.split_options(place)
    choices = {key: values for key, values in reader.options.items() if values}
    for values in product(*choices.values()):
        # A default is not written, as in the names of sources.
        options = {k: v for k, v in zip(choices, values, strict=True) if v != choices[k][0]}
        if options != {k: v for k, v in chosen.items() if k in choices and v != choices[k][0]}:
            yield f"{name}{colon}{path}{written_options(options)}"
