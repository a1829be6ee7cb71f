"""Answers to the questions of a split, in the format of the VQA leaderboard."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from askattend.data.questions import Question, QuestionId
from askattend.data.text import read_utf8
from askattend.errors import DataError

# What an evaluation leaves in a run's folder of a split.
RESULTS, PREDICTIONS, METRICS = "results.json", "predictions.json", "metrics.json"

_FORMAT = 'Write a list with one {"question_id": …, "answer": "…"} a question.'
# As many of the cases at fault as a message names.
_FEW = 3


class Result(msgspec.Struct, frozen=True, gc=False):
    """One line of a results file; what else stands there is ignored."""

    question_id: QuestionId
    answer: str


def load_results(file: Path) -> list[Result]:
    """All of a results file, .json or .json.gz, in its order.

    Raises:
        DataError: it is missing, cut short, not UTF-8, not JSON or not a list of results; names
            each of the first few at fault by its path, as ``$[17].answer``.
    """
    content = read_utf8(file)
    try:
        return msgspec.json.decode(content, type=list[Result])
    except msgspec.ValidationError as error:
        problem = _malformed(content) or str(error)
    except msgspec.DecodeError as error:
        problem = f"not JSON, or cut short ({error})"
    raise DataError(problem, where=file, remedy=_FORMAT)


def read_results(file: Path, questions: Iterable[Question]) -> dict[QuestionId, str]:
    """The answer to each of some questions, from a results file that answers them and no others.

    Raises:
        DataError: see `load_results` and `check_results`.
    """
    results = load_results(file)
    check_results(results, questions, where=file)
    return {one.question_id: one.answer for one in results}


def check_results(
    results: Sequence[Result],
    questions: Iterable[Question],
    *,
    elsewhere: Collection[QuestionId] = (),
    where: object,
    split: str | None = None,
) -> None:
    """Make sure that there is exactly one answer to each question, and none to another.

    Args:
        results: the answers.
        questions: what they must answer.
        elsewhere: ids of questions whose answers are passed over.
        where: the results file, for messages.
        split: what the questions are, for messages.

    Raises:
        DataError: ids are missing, unknown or double; tells how many and names the first few.
    """
    asked = dict.fromkeys(question.id for question in questions)
    of_split = f"split '{split}'" if split else "this split"
    places: dict[QuestionId, int] = {}
    double = [
        f"$[{place}] has {one.question_id!r} again after $[{first}]"
        for place, one in enumerate(results)
        if one.question_id not in elsewhere
        and (first := places.setdefault(one.question_id, place)) != place
    ]
    known = asked.keys() | elsewhere
    unknown = [f"$[{place}] has {name!r}" for name, place in places.items() if name not in known]
    missing = [repr(name) for name in asked if name not in places]
    faults = (
        ("question id occurs more than once", "question ids occur more than once", double),
        (f"question id is not of {of_split}", f"question ids are not of {of_split}", unknown),
        ("question has no answer", "questions have no answer", missing),
    )
    problems = [_count(one, many, cases) for one, many, cases in faults if cases]
    if problems:
        whole = f"split '{split}'; for another add --split NAME" if split else "the split"
        remedy = id_hint(places, asked) or (f"Give exactly one answer to each question of {whole}.")
        raise DataError("; ".join(problems), where=where, remedy=remedy)


def _malformed(content: str) -> str | None:
    """What is wrong with the entries of a list, the first few by path; None if it is no list."""
    try:
        entries = msgspec.json.decode(content, type=list[msgspec.Raw])
    except msgspec.MsgspecError:
        return None
    return _count("entry is not a result", "entries are not results", list(_faults(entries)))


def _faults(entries: Iterable[msgspec.Raw]) -> Iterator[str]:
    for place, entry in enumerate(entries):
        try:
            msgspec.json.decode(entry, type=Result)
        except msgspec.ValidationError as error:
            problem, _, path = str(error).partition(" - at `$")
            yield f"$[{place}]{path.removesuffix('`')}: {problem}{_keys(entry, problem)}"


def _keys(entry: msgspec.Raw, problem: str) -> str:
    """The keys that are there, where one is missing."""
    if "missing" not in problem:
        return ""
    keys = ", ".join(f"`{key}`" for key in msgspec.json.decode(entry, type=dict[str, msgspec.Raw]))
    return f", only has {keys}" if keys else ", has none"


def _count(one: str, many: str, cases: Sequence[str]) -> str:
    more = ", …" if len(cases) > _FEW else ""
    problem = one if len(cases) == 1 else many
    return f"{len(cases):,} {problem}: {', '.join(cases[:_FEW])}{more}"


def id_hint(given: Iterable[QuestionId], asked: Collection[QuestionId]) -> str | None:
    """A remedy where ids that fit none are all of a type that the source's are not; else None."""
    unknown = [one for one in given if one not in asked]
    theirs, ours = ({isinstance(one, str) for one in ids} for ids in (unknown, asked))
    same = {str(name) for name in asked} & {str(one) for one in unknown}
    if not same and (not theirs or not ours or theirs & ours):
        return None
    text = isinstance(next(iter(asked)), str)
    kinds = ("numbers", "text") if text else ("text", "numbers")
    kind = "text, in quotes" if text else "numbers"
    return (
        f"The file's question ids are {kinds[0]}, the source's are {kinds[1]}. "
        f"Write question ids as {kind}, like the source."
    )
