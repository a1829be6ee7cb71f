"""Names of a table's columns, here and elsewhere."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from askattend.data.readers.error_collector import Mistakes
from askattend.data.readers.reader import written_options
from askattend.errors import DataError, closest, name_few

REQUIRED = ("image", "question")
# A column → what it is called in other tables: in English, German and Chinese.
_ALSO: Mapping[str, str] = {
    "image": "images, img, image file, image path, image name, picture, photo, file, filename, "
    "file name, file path, path; bild, bilddatei, bild datei, bildname, bildpfad, foto, datei, "
    "dateiname; "
    "图片, 图像, 照片, 图, 图片文件, 图像文件, 文件, 文件名, 路径, 圖片, 圖像, 檔名",
    "question": "questions, question text, query; frage, fragen, fragetext; "
    "问题, 问句, 提问, 問題, 提問",
    "answer": "label, response; antwort; 答案, 回答, 答",
    "answers": "responses; antworten; 所有答案, 全部答案",
    "split": "subset, partition; aufteilung, teilmenge, teil; 划分, 数据划分, 子集, 劃分",
    "id": "question id, questionid; frage id, fragen id, fragenummer; 编号, 问题编号, 問題編號",
    "question_type": "question type; fragetyp, frageart; 问题类型, 問題類型",
    "located_at": "image located at",
    "answer_type": "answer type; antworttyp, antwortart; 答案类型, 答案類型",
}
COLUMNS = frozenset(_ALSO)
_COLUMN_OF = {
    name.strip(): column for column, names in _ALSO.items() for name in re.split("[,;]", names)
}
Claim = Callable[[str], str]
# Rows that titles may take above the headings.
MOST_TITLES = 10
# A column that is no misspelt one is at most so like it.
_LIKENESS = 0.75


class Headings:
    """Reads a table's headings as `COLUMNS`, and remembers which were not called so.

    Args:
        named: column → the heading that the user says it has.
    """

    def __init__(self, named: Mapping[str, str]) -> None:
        self._named = {_plain(heading): column for column, heading in named.items()}
        self._unseen = dict(named)
        self._translated: dict[str, str] = {}

    def read(self, names: Sequence[str], where: str) -> list[str]:
        """Replace headings by the names of `COLUMNS`; others are left as they are.

        A heading that the user named goes before one written as documented, that before one in
        capitals, and that before one by which others call the column.

        Raises:
            DataError: two are the same, or could be the same column.
        """
        stripped = [name.strip() for name in names]
        known = [self._named.get(_plain(name), "") for name in stripped]
        for claim in (str, str.lower, self._other_name(stripped)):
            free = COLUMNS - set(known)
            claims = [claim(name) for name in stripped]
            known = [
                own or (column if column in free else "")
                for own, column in zip(known, claims, strict=True)
            ]
        self._note(stripped, known)
        _refuse_doubtful(stripped, known, where)
        result = [
            column or (f"{name} (not read)" if name and name in known else name)
            for column, name in zip(known, stripped, strict=True)
        ]
        twice = [name for name, count in Counter(result).items() if name and count > 1]
        if twice:
            raise DataError(
                f"two columns are called '{twice[0]}'", where=where, remedy="Rename one."
            )
        return result

    def are(self, cells: Sequence[str]) -> bool:
        """Tell if a row could be the headings: it names all columns that a table needs."""
        found = {
            self._named.get(plain := _plain(cell), _COLUMN_OF.get(plain, "")) for cell in cells
        }
        return found | {cell.strip().lower() for cell in cells} >= set(REQUIRED)

    def require_named(self, present: Collection[str], where: str) -> None:
        """Refuse a table that lacks a heading which the user named.

        Raises:
            DataError: names it, and the nearest that is there.
        """
        for _, error in self.unseen(present, where):
            raise error

    def unseen(self, present: Collection[str], where: str) -> Iterator[tuple[str, DataError]]:
        """Yield each column whose heading the user named and the table lacks, with its error."""
        listed = ", ".join(f"'{name}'" for name in present if name.strip())
        for column, heading in self._unseen.items():
            close = closest(heading, present)
            yield (
                column,
                DataError(
                    f"no column '{heading}', which was to be '{column}', among {listed}",
                    where=where,
                    remedy=f"Did you mean '{close}'?" if close else "Check how it is written.",
                ),
            )

    def require(
        self, header: Sequence[str], names: Sequence[str], where: str, mistakes: Mistakes
    ) -> None:
        """Add each column that a table lacks to the mistakes in it.

        Args:
            header: the headings as they stand there; none where the table is empty.
            names: what `read` made of them.
            where: the header.
            mistakes: gets them.
        """
        if not header:
            return
        for column, error in self.unseen(header, where):
            mistakes.add_column(column, error)
        for column in REQUIRED:
            try:
                need_column(column, names, where, shown=header)
            except DataError as error:
                mistakes.add_column(column, error)

    def likeliest(self, rows: Sequence[Sequence[str]]) -> int:
        """Return which of the first rows is most like headings, where none has all that it needs.

        It has most columns that are known; of equals the first that has several cells, as a title
        has one.
        """

        def likeness(at: int) -> tuple[int, bool, int]:
            return self.known(rows[at]), sum(bool(cell.strip()) for cell in rows[at]) > 1, -at

        return max(range(len(rows)), key=likeness, default=0)

    def known(self, cells: Sequence[str]) -> int:
        """Count the cells of a row that could be headings of columns."""
        return sum(is_known(cell) or _plain(cell) in self._named for cell in cells)

    @property
    def notes(self) -> tuple[str, ...]:
        """Tell which headings were read as which columns without being told to."""
        read = ", ".join(f"'{name}' as {column}" for name, column in self._translated.items())
        return (f"read {read}",) if read else ()

    def _other_name(self, names: Sequence[str]) -> Claim:
        """Return what claims a column for the only heading that others call it by."""
        counts = Counter(_COLUMN_OF.get(_plain(name)) for name in names)

        def claim(name: str) -> str:
            column = _COLUMN_OF.get(_plain(name), "")
            return column if counts[column] == 1 else ""

        return claim

    def _note(self, names: Sequence[str], known: Sequence[str]) -> None:
        for name, column in zip(names, known, strict=True):
            if column and self._named.get(_plain(name)) == column:
                self._unseen.pop(column, None)
            elif column and name.lower() != column:
                self._translated[name] = column


def _refuse_doubtful(names: Sequence[str], known: Collection[str], where: str) -> None:
    """Refuse two headings by which others call one column, where no third is that column."""
    for column in sorted(COLUMNS.difference(known, REQUIRED)):
        if len(likely := _called(column, names)) > 1:
            both = " and ".join(f"'{name}'" for name in likely)
            problem = f"{both} could each be the column '{column}'"
            raise DataError(problem, where=where, remedy=_say_which(column, likely))


def title_note(titles: Sequence[str]) -> str:
    """Make a note on what stands above the headings and is passed over."""
    named = name_few(f"'{title[:40]}'" for title in titles)
    return f"passed over what stands above the headings: {named}"


def is_known(heading: str) -> bool:
    """Tell if a heading is one of `COLUMNS`, or what others call one."""
    return heading.strip().lower() in COLUMNS or _plain(heading) in _COLUMN_OF


def need_column(
    column: str, columns: Collection[str], where: str, *, shown: Collection[str] = ()
) -> None:
    """Raise `DataError` with a hint if `column` is not among `columns`.

    Args:
        column: its name.
        columns: the names that the table's headings were read as.
        where: the header, or the row.
        shown: the headings as they stand there.
    """
    if column in columns:
        return
    present = ", ".join(f"'{name.strip()}'" for name in shown or columns if name.strip())
    raise DataError(
        f"no column '{column}' among {present}" if present else "no columns",
        where=where,
        remedy=_cure(column, columns),
    )


def _cure(column: str, columns: Collection[str]) -> str:
    # A column that is known already cannot be a misspelt one.
    others = [name for name in columns if name not in COLUMNS]
    if len(likely := _called(column, others)) > 1:
        return _say_which(column, likely)
    if close := closest(column, others, likeness=_LIKENESS):
        return f"Rename '{close}' to '{column}'."
    return (
        f"Add it, or rename the column that holds it to '{column}', or say which does: "
        f"--columns {column}=NAME"
    )


def _called(column: str, names: Collection[str]) -> list[str]:
    """Select the headings by which others call a column."""
    return [name for name in names if _COLUMN_OF.get(_plain(name)) == column]


def _say_which(column: str, likely: Sequence[str]) -> str:
    either = " or ".join(f"'{name}'" for name in likely)
    named = written_options({column: likely[0]}).removeprefix(",")
    return f"Say whether {either} is meant: --columns {shlex.quote(named)}"


def _plain(heading: str) -> str:
    """Write a heading without capitals, and with one space for what divides its words."""
    return re.sub(r"[\s_\-.]+", " ", heading.strip().casefold()).strip()
