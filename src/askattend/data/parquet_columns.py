"""Columns of a question set in Parquet, beside the pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from askattend.data.extra_columns import BOXES, MEANING, NUMBERED, PAIRS, POSITION, SUBSETS
from askattend.data.questions import QASet, Question, QuestionId
from askattend.files import readable

_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Column:
    """A column of the files.

    Attributes:
        kind: pyarrow's type, made by who has imported it.
        feature: the type as `datasets` notes it.
        value: what it holds of a question.
    """

    kind: Callable[[Any], Any]
    feature: Any
    value: Callable[[Question], Any]


def _value(dtype: str) -> dict[str, str]:
    return {"dtype": dtype, "_type": "Value"}


def _list_of(feature: Any) -> dict[str, Any]:
    # As datasets called lists of old, which all its versions read.
    return {"feature": feature, "_type": "Sequence"}


def columns_of(questions: QASet) -> dict[str, Column]:
    """List the columns beside the picture; those that no question has a value of are left out."""
    text = _value("string")
    columns = {
        "image_id": Column(lambda pa: pa.string(), text, lambda q: readable(q.image)),
        "question": Column(lambda pa: pa.string(), text, lambda q: q.text),
        "answers": Column(lambda pa: pa.list_(pa.string()), _list_of(text), _written_out),
        "split": Column(lambda pa: pa.string(), text, lambda q: q.split),
        **_ids([question.id for question in questions]),
        "question_type": Column(lambda pa: pa.string(), text, lambda q: q.question_type),
        "answer_type": Column(lambda pa: pa.string(), text, lambda q: q.answer_type),
        MEANING: Column(lambda pa: pa.string(), text, lambda q: q.meaning),
        BOXES: Column(
            lambda pa: pa.list_(pa.list_(pa.float64())),
            _list_of(_list_of(_value("float64"))),
            lambda q: [list(box) for box in q.boxes] or None,
        ),
        **_groupings(questions),
        **_positions(questions),
    }
    optional = ("question_type", "answer_type", MEANING, BOXES)
    unused = [n for n in optional if all(columns[n].value(q) is None for q in questions)]
    return {name: column for name, column in columns.items() if name not in unused}


def _written_out(question: Question) -> list[str]:
    """List each person's answer, the most common first."""
    return [answer for answer, count in question.answers for _ in range(count)]


def _ids(ids: Sequence[QuestionId]) -> dict[str, Column]:
    """Make the column of ids: numbers where all are, else text, with what was a number noted."""
    if all(isinstance(one, int) and _LEAST <= one <= _MOST for one in ids):
        return {"id": Column(lambda pa: pa.int64(), _value("int64"), lambda q: q.id)}
    columns = {"id": Column(lambda pa: pa.string(), _value("string"), lambda q: str(q.id))}
    if any(isinstance(one, int) for one in ids):
        columns[NUMBERED] = Column(
            lambda pa: pa.bool_(), _value("bool"), lambda q: isinstance(q.id, int)
        )
    return columns


def _positions(questions: QASet) -> dict[str, Column]:
    """Make the column of positions, where splits take turns, so that none is told by the files."""
    in_turn = [question.split for question in questions]
    if len([split for split, _ in groupby(in_turn)]) == len(set(in_turn)):
        return {}
    position = {question.id: number for number, question in enumerate(questions)}
    return {POSITION: Column(lambda pa: pa.int64(), _value("int64"), lambda q: position[q.id])}


def _groupings(questions: QASet) -> dict[str, Column]:
    """Make the columns of pairs and published subsets, where there are any."""
    pairs, subsets = (
        defaultdict[QuestionId, list[int]](list),
        defaultdict[QuestionId, list[str]](list),
    )
    there = {question.id for question in questions}
    for number, both in enumerate(questions.pairs):
        for identifier in both if there.issuperset(both) else ():
            pairs[identifier].append(number)
    for name, those in questions.subsets.items():
        for identifier in those:
            subsets[identifier].append(name)
    columns = {}
    if pairs:
        columns[PAIRS] = Column(
            lambda pa: pa.list_(pa.int64()), _list_of(_value("int64")), lambda q: pairs.get(q.id)
        )
    if subsets:
        columns[SUBSETS] = Column(
            lambda pa: pa.list_(pa.string()),
            _list_of(_value("string")),
            lambda q: subsets.get(q.id),
        )
    return columns
