"""Reader of your own questions: a CSV, TSV, JSON Lines or JSON table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from askattend.data.held_out import with_test_split
from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.cells import is_blank, parts_of, required_text
from askattend.data.readers.error_collector import ErrorCollector, Mistakes, each_of
from askattend.data.readers.headings import COLUMNS, need_column
from askattend.data.readers.image_ids import portable_ids
from askattend.data.readers.picture_files import TablePictures
from askattend.data.readers.reader import Reader, written_options
from askattend.data.readers.row import Row
from askattend.data.readers.rows import EXTENSIONS, read_rows
from askattend.errors import DataError, name_few

_WHOLE = re.compile(r"-?[0-9]+\.0+")

LOCATED_AT = "located_at"
_BROKEN = "broken"


def read_table(
    file: Path,
    *,
    images: bool = True,
    encoding: str = "",
    sheet: str = "",
    skip: str = "",
    test: str = "",
    seed: str = "",
    **columns: str,
) -> QASet:
    """Read your own questions about your own images.

    One row a question: a line of ``.csv`` or ``.tsv`` under a header, an object on a line of
    ``.jsonl`` or ``.ndjson``, an object in the list that a ``.json`` file holds, or a row of an
    ``.xlsx``. Objects on lines and in a list are told apart by what they are. Text is
    in UTF-8, or in another encoding that Excel writes, which is noted. The header tells whether
    commas, semicolons, tabs or ``|`` divide. Names of columns may be in capitals, or what others
    call them in English, German or Chinese, which is noted, too: see `headings`.

    ========================  =====================================================================
    column                    holds
    ========================  =====================================================================
    image                     path of the image, absolute or relative to the table's folder; as
                              written (with forward slashes) it is the image's id, of an absolute
                              one without the folders of this machine: see `portable_ids`
    question                  the question
    answer or answers         what people answered. Text, a number or true/false (read as yes/no);
                              in JSON also a list of these, or an object of answer → how many gave
                              it. In CSV and TSV, ``answers`` divides at ``|`` and ``answer`` does
                              not. Where a row has both, ``answers`` counts
    split (optional)          train, valid (or val, validation, dev), test, or a name of your own;
                              train where blank
    id (optional)             unique; without the column, the row's position from 0
    question_type,            groupings to report accuracy by
    answer_type (optional)
    located_at (optional)     path of the image, where ``image`` is but its name
    ========================  =====================================================================

    Every training row needs an answer; another split may do without in all its rows.

    Args:
        file: the table.
        images: False to read questions whose images may be missing or none, which is noted.
        encoding: of a text table that is neither in Unicode nor told apart: ``"cp1254"``.
        sheet: of a workbook; by default the first that has the columns.
        skip: ``"broken"`` to leave out rows with a mistake of their own, which is noted.
        test: share of the training images to test on, where no row is of the split test: ``"0.2"``.
        seed: a whole number, which chooses these images; 0 by default.
        columns: a column's name → its heading in the table, where that is another.

    Raises:
        DataError: anything is malformed or missing, images included; names all kinds of mistakes,
            how many rows have each and the first few.
    """
    if skip not in ("", _BROKEN):
        problem = f"unknown value of skip '{skip}'"
        raise DataError(problem, where=file, remedy=f"Write skip={_BROKEN}, or leave it out.")
    mistakes = Mistakes(skip=bool(skip))
    table = read_rows(file, columns, encoding=encoding, sheet=sheet, mistakes=mistakes)
    total = len(table.rows) + len(mistakes.left_out)
    questions = _questions(table.rows, mistakes)
    pictures = _pictures(file, table.rows, questions, mistakes)
    told = tuple(pictures.tell(mistakes, required=images))
    remedy = f"Mend them together (table:{file.name},skip=broken leaves out rows that are wrong)"
    mistakes.raise_if_any(file, remedy=remedy)
    kept = [
        (row, question)
        for row, question in zip(table.rows, questions, strict=True)
        if row.where not in mistakes.left_out
    ]
    left_out = _left_out(file, mistakes, total, kept=len(kept))
    rows = [row for row, _ in kept]
    questions, folded = _fold_numbers(tuple(question for _, question in kept))
    questions, files = _with_portable_ids(file, questions, pictures.files)
    options = {"encoding": encoding, "sheet": sheet, "skip": skip, "test": test, "seed": seed}
    named = {**columns, **{key: value for key, value in options.items() if value}}
    notes = (*table.notes, *_notes(rows), *folded, *left_out, *told)
    read = QASet(f"table:{file}{written_options(named)}", questions, files, notes)
    return with_test_split(read, test, seed)


def _questions(rows: Sequence[Row], mistakes: Mistakes) -> tuple[Question, ...]:
    """Make the question of each row; of one with a mistake, blank where it has it."""
    ids: Sequence[QuestionId] = range(len(rows))
    with mistakes.collecting():
        ids = question_ids(rows)
    questions = []
    for row, identifier in zip(rows, ids, strict=True):
        question, wrong = parts_of(row, identifier, mistakes.lacking)
        questions.append(question)
        for error in wrong:
            mistakes.add_row(error, row.where)
    _check_answered(rows, questions, mistakes)
    return tuple(questions)


def _pictures(
    file: Path, rows: Sequence[Row], questions: Sequence[Question], mistakes: Mistakes
) -> TablePictures:
    """Gather the pictures that rows name, whatever else is wrong with these."""
    named = [(r, q) for r, q in zip(rows, questions, strict=True) if q.image]
    files: dict[str, Path] = {}
    with mistakes.collecting():
        files = _files(file, named)
    where: dict[str, list[str]] = {image: [] for image in files}
    for row, question in named if files else ():
        where[question.image].append(row.where)
    return TablePictures(file, files, where)


def _left_out(file: Path, mistakes: Mistakes, total: int, *, kept: int) -> tuple[str, ...]:
    """Tell of rows that are left out.

    Raises:
        DataError: no other is left.
    """
    if not mistakes.left_out:
        return ()
    cases = [f"{Path(where).name} ({why})" for where, why in mistakes.left_out.items()]
    note = f"left out {len(cases):,} of {total:,} rows: {name_few(cases)}"
    if not kept:
        raise DataError(note, where=file, remedy="Mend some of them.")
    return (note,)


def question_ids(rows: Sequence[Row]) -> list[QuestionId]:
    """Return the `id` column, or positions from 0 where there is none.

    Raises:
        DataError: one is blank, or there twice.
    """
    if all(is_blank(row.cells.get("id")) for row in rows):
        return list(range(len(rows)))
    first: dict[str, str] = {}
    ids = each_of(rows, _id)
    twice = ErrorCollector()
    for row, identifier in zip(rows, ids, strict=True):
        # As text, because 7 and "7" look the same in results.
        if (taken_by := first.setdefault(str(identifier), row.where)) != row.where:
            twice.add(row.where, f"the id {identifier} is taken by {taken_by}")
    twice.raise_if_any("Make ids unique, or leave the column out.")
    return ids


def _id(row: Row) -> QuestionId:
    cell = row.cells.get("id")
    if isinstance(cell, float) and cell.is_integer():  # as pandas writes a column with a gap
        return int(cell)
    if isinstance(cell, int) and not isinstance(cell, bool):
        return cell
    return required_text(row, "id")


def _check_answered(rows: Sequence[Row], questions: Sequence[Question], mistakes: Mistakes) -> None:
    # A split without any answers is a test set; training needs them in any case.
    answered = {question.split for question in questions if question.answers} | {"train"}
    remedy = (
        "Fill it in, or delete the row; only a split other than train may do without, in all its "
        "rows."
    )
    for row, question in zip(rows, questions, strict=True):
        if question.answers or question.split not in answered or "answer" in mistakes.lacking:
            continue
        try:
            if not row.cells.keys() & {"answer", "answers"}:
                need_column("answer", row.cells, row.where)
        except DataError as error:
            mistakes.add_column("answer", error)
            continue
        problem = f"no answer, in split '{question.split}'"
        mistakes.add_row(DataError(problem, where=row.where, remedy=remedy), row.where)


def _fold_numbers(questions: tuple[Question, ...]) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    """Read "3.0" as "3" where the table has both, as programs write one number in both ways."""
    texts = {answer for question in questions for answer, _ in question.answers}
    whole = {text: text.partition(".")[0] for text in texts if _WHOLE.fullmatch(text)}
    whole = {text: number for text, number in whole.items() if number in texts}
    if not whole:
        return questions, ()
    folded = tuple(
        replace(question, answers=_folded(question.answers, whole)) for question in questions
    )
    example, number = next(iter(sorted(whole.items())))
    return folded, (f"answers such as '{example}' are read as '{number}', which is there, too",)


def _folded(
    answers: tuple[tuple[str, int], ...], whole: Mapping[str, str]
) -> tuple[tuple[str, int], ...]:
    counts: Counter[str] = Counter()
    for answer, count in answers:
        counts[whole.get(answer, answer)] += count
    return tuple(counts.most_common())


def _files(file: Path, named: Sequence[tuple[Row, Question]]) -> dict[str, Path]:
    """Map image id → file, of rows that name one."""
    distinct: dict[str, str] = {}
    for row, question in named:
        # What is wrong with the cell itself is told already.
        located = row.cells.get(LOCATED_AT)
        place = (located.strip() if isinstance(located, str) else "") or question.image
        place = place.replace("\\", "/")
        if distinct.setdefault(question.image, place) != place:
            raise DataError(
                f"image '{question.image}' lies at {place}, and above at "
                f"{distinct[question.image]}",
                where=row.where,
                remedy="Give each picture a name of its own.",
            )
    return {image: file.parent / place for image, place in distinct.items()}


def _with_portable_ids(
    file: Path, questions: tuple[Question, ...], files: Mapping[str, Path]
) -> tuple[tuple[Question, ...], dict[str, Path]]:
    """Take folders of this machine off the ids of images, and leave out what nobody asks about."""
    asked = {question.image for question in questions}
    files = {image: path for image, path in files.items() if image in asked}
    ids = portable_ids(files, file.parent)
    if all(new == old for old, new in ids.items()):
        return questions, files
    renamed = tuple(replace(question, image=ids[question.image]) for question in questions)
    return renamed, {ids[image]: path for image, path in files.items()}


def _notes(rows: Sequence[Row]) -> tuple[str, ...]:
    notes = []
    ignored = [
        n
        for n in dict.fromkeys(n for row in rows for n in row.cells)
        if n not in {*COLUMNS, LOCATED_AT}
    ]
    if ignored:
        notes.append(f"ignored columns: {', '.join(ignored)}")
    both = sum(
        not is_blank(row.cells.get("answer")) and not is_blank(row.cells.get("answers"))
        for row in rows
    )
    if both:
        notes.append(
            f"'answer' is ignored where 'answers' is there, too: {both:,} of {len(rows):,}"
        )
    return tuple(notes)


TABLE = Reader(
    "your own questions: .csv .tsv .xlsx .jsonl .ndjson .json",
    read_table,
    "FILE",
    "questions.csv",
    suffixes=tuple(EXTENSIONS),
    options=dict.fromkeys((*sorted(COLUMNS), "encoding", "sheet", "skip", "test", "seed"), ()),
    requires_images=True,
)
