"""Results files: answers to the questions of a split, in the format of the VQA leaderboard."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from askattend.data.questions import Question, QuestionId
from askattend.data.text import read_utf8
from askattend.errors import DataError, name_few
from askattend.files import decode_json
from askattend.files.manifest import require_unchanged
from askattend.metrics.scored_answer import ScoredAnswer

# What an evaluation leaves in a run's folder of a split.
RESULTS, PREDICTIONS, METRICS = "results.json", "predictions.json", "metrics.json"

_KEYS = ("question_id", "answer")
_KEY = re.compile(r'"(?:question_id|answer)"\s*:')
_FORMAT = 'Write a list with one {"question_id": …, "answer": "…"} a question.'


# Apart from ScoredAnswer: a file's own "score" or "image" may be of any type, and is ignored.
class ResultsEntry(TypedDict):
    """One entry of a results file; what else stands there is ignored."""

    question_id: QuestionId
    answer: str
    question: NotRequired[Any]


def load_results(file: Path) -> list[ScoredAnswer]:
    """Load all of a results file, .json or .json.gz, in its order; nothing is scored yet.

    Raises:
        DataError: it is missing, cut short, not UTF-8, not JSON or not a list of results; names
            each of the first few at fault by its path, as ``$[17].answer``.
    """
    if file.name == RESULTS and (file.parent / PREDICTIONS).exists():
        require_unchanged(file, DataError)  # an evaluation's, which has a manifest
    content = read_utf8(file)
    try:
        entries = decode_json(content, list[ResultsEntry])
        _refuse_repeated_keys(content, len(entries), file)
        return [_as_answer(entry) for entry in entries]
    except msgspec.ValidationError as error:
        problem = _describe_entries(content) or str(error)
    except msgspec.DecodeError as error:
        problem = f"not JSON, or cut short ({error})"
    raise DataError(problem, where=file, remedy=_FORMAT)


def _refuse_repeated_keys(content: str, entries: int, file: Path) -> None:
    """Refuse entries with two answers or ids, the last of which would count without a word."""
    # Only where there are too many keys is it worth a second, slower look.
    if len(_KEY.findall(content)) <= 2 * entries:
        return
    twice: list[str] = []

    def keys_of(pairs: list[tuple[str, Any]]) -> tuple[str, ...]:
        return tuple(key for key, _ in pairs)

    for position, keys in enumerate(json.loads(content, object_pairs_hook=keys_of)):
        twice += [f"$[{position}].{key}" for key in _KEYS if keys.count(key) > 1]
    if twice:
        problem = _count("key is there twice", "keys are there twice", twice)
        raise DataError(problem, where=file, remedy=_FORMAT)


def _as_answer(entry: ResultsEntry) -> ScoredAnswer:
    """Make an answer of an entry, with the question's text where it tells it."""
    text = entry.get("question")
    told = text if isinstance(text, str) else None
    return ScoredAnswer(entry["question_id"], entry["answer"], question=told)


def encode_results(answers: Iterable[ScoredAnswer]) -> bytes:
    """Encode answers as a results file."""
    entries = [ResultsEntry(question_id=one.question_id, answer=one.answer) for one in answers]
    return msgspec.json.encode(entries)


def encode_predictions(answers: Iterable[ScoredAnswer]) -> bytes:
    """Encode answers as ``predictions.json``: all that is known of each but its WUPS."""
    fields = [name for name in ScoredAnswer.__struct_fields__ if name != "wups"]
    return msgspec.json.encode([{name: getattr(one, name) for name in fields} for one in answers])


def check_results(
    results: Sequence[ScoredAnswer],
    questions: Iterable[Question],
    *,
    elsewhere: Collection[QuestionId] = (),
    where: object,
    split: str | None = None,
) -> None:
    """Make sure that there is exactly one answer to each question, and none to another.

    Args:
        results: the answers.
        questions: those that must be answered.
        elsewhere: ids of questions whose answers are passed over.
        where: the results file, for messages.
        split: name of the questions' split, for messages.

    Raises:
        DataError: ids are missing, unknown or double; tells how many and names the first few.
    """
    wanted = dict.fromkeys(question.id for question in questions)
    of_split = f"split '{split}'" if split else "this split"
    first_position: dict[QuestionId, int] = {}
    double = [
        f"$[{position}] has {one.question_id!r} again after $[{first}]"
        for position, one in enumerate(results)
        if one.question_id not in elsewhere
        and (first := first_position.setdefault(one.question_id, position)) != position
    ]
    known = wanted.keys() | elsewhere
    unknown = [f"$[{at}] has {name!r}" for name, at in first_position.items() if name not in known]
    missing = [repr(name) for name in wanted if name not in first_position]
    faults = (
        ("question id occurs more than once", "question ids occur more than once", double),
        (f"question id is not of {of_split}", f"question ids are not of {of_split}", unknown),
        ("question has no answer", "questions have no answer", missing),
    )
    problems = [_count(one, many, cases) for one, many, cases in faults if cases]
    if problems:
        set_name = f"split '{split}'; for another add --split NAME" if split else "the split"
        remedy = f"Give exactly one answer to each question of {set_name}."
        hint = id_type_remedy(first_position, wanted)
        raise DataError("; ".join(problems), where=where, remedy=hint or remedy)


def id_type_remedy(given: Iterable[QuestionId], wanted: Collection[QuestionId]) -> str | None:
    """Word a remedy where ids that fit none are all of a type that the source's are not.

    Args:
        given: ids of a results file.
        wanted: ids of the source.

    Returns:
        None where the types are not at fault.
    """
    unknown = [one for one in given if one not in wanted]
    theirs, ours = ({isinstance(one, str) for one in ids} for ids in (unknown, wanted))
    equal_as_text = {str(name) for name in wanted} & {str(one) for one in unknown}
    if not equal_as_text and (not theirs or not ours or theirs & ours):
        return None
    text = isinstance(next(iter(wanted)), str)
    kinds = ("numbers", "text") if text else ("text", "numbers")
    kind = "text, in quotes" if text else "numbers"
    return (
        f"The file's question ids are {kinds[0]}, the source's are {kinds[1]}. "
        f"Write question ids as {kind}, like the source."
    )


def _describe_entries(content: str) -> str | None:
    """Describe the first few malformed entries of a list by path; None if it is no list."""
    try:
        entries = decode_json(content, list[msgspec.Raw])
    except msgspec.MsgspecError:
        return None
    return _count("entry is not a result", "entries are not results", list(_faults(entries)))


def _faults(entries: Iterable[msgspec.Raw]) -> Iterator[str]:
    for position, entry in enumerate(entries):
        try:
            decode_json(entry, ResultsEntry)
        except msgspec.ValidationError as error:
            problem, _, path = str(error).partition(" - at `$")
            yield f"$[{position}]{path.removesuffix('`')}: {problem}{_keys(entry, problem)}"


def _keys(entry: msgspec.Raw, problem: str) -> str:
    """List the keys of an entry that lacks one."""
    if "missing" not in problem:
        return ""
    keys = ", ".join(f"`{key}`" for key in decode_json(entry, dict[str, msgspec.Raw]))
    return f", only has {keys}" if keys else ", has none"


def _count(one: str, many: str, cases: Sequence[str]) -> str:
    return f"{len(cases):,} {one if len(cases) == 1 else many}: {name_few(cases)}"
