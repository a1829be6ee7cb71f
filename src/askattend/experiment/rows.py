"""Rows of questions in Python: dicts or data frames, their pictures files or pixels."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from askattend.data import questions
from askattend.data.parquet import write_parquet
from askattend.data.readers.headings import Headings
from askattend.data.readers.registry import read_source
from askattend.data.readers.table import LOCATED_AT
from askattend.environment.home import cache_folder
from askattend.errors import DataError
from askattend.features.images import open_image
from askattend.files import digest, make_folder, write_whole

QUESTIONS = "questions.jsonl"
_CACHED = "rows"


class QASet(questions.QASet):
    """Questions with their images, from rows of Python's."""

    @classmethod
    def from_rows(
        cls, rows: Any, file: str | Path | None = None, *, images: str | Path = "."
    ) -> QASet:
        """Make a set from rows: ``[{"image": …, "question": …, "answer": …}, …]``.

        Args:
            rows: as `questions_from` takes them; an image is a path, a PIL image or an array.
            file: the table to be written, which ends in ``.jsonl``; by default one in the user's
                cache folder, the same for the same rows.
            images: the folder that the images' paths are relative to.

        Raises:
            DataError, ImageError: see `questions_from`; or a row is no question, see
                ``askattend data --help``.
        """
        read = read_source(questions_from(rows, file, images=images))
        return cls(**{each.name: getattr(read, each.name) for each in fields(read)})

    @classmethod
    def from_source(cls, source: str) -> QASet:
        """Read a source as ``askattend data --help`` lists them: ``"hf:USER/NAME"``, ``"vqa:DIR"``.

        Raises:
            DataError, ConfigError: it is unknown, or cannot be read.
        """
        read = read_source(source)
        return cls(**{each.name: getattr(read, each.name) for each in fields(read)})

    def write_parquet(self, folder: str | Path) -> tuple[Path, ...]:
        """Write all of it, pictures within, as a folder that ``datasets.load_dataset`` takes.

        ``parquet:FOLDER`` reads the same questions from it.

        Args:
            folder: must not be there, or be empty.

        Returns:
            the files of Parquet.

        Raises:
            DataError: pyarrow is not installed, the folder is not empty, or a picture is missing.
        """
        return write_parquet(self, Path(folder).expanduser())


@dataclass(frozen=True)
class WrittenTable:
    """A table of rows, before it is written.

    Attributes:
        lines: a line a row.
        pictures: name → the PNG of each picture that was given as pixels.
    """

    lines: bytes
    pictures: Mapping[str, bytes]

    def write(self, file: Path) -> None:
        """Write it, and the pictures into a folder beside it."""
        folder = _pictures_of(file)
        for name, content in self.pictures.items():
            make_folder(folder)
            write_whole(folder / name, content)
        make_folder(file.parent)
        write_whole(file, self.lines)


def questions_from(rows: Any, file: str | Path | None = None, *, images: str | Path = ".") -> str:
    """Write questions into a table, and return it as a source: ``"table:FILE"``.

    Args:
        rows: dicts, or a data frame, with the keys or columns ``image``, ``question`` and
            ``answer`` or ``answers``; ``split``, ``id``, ``question_type`` and ``answer_type`` may
            be there. See ``askattend data --help``. An image is a path, a file's bytes, a PIL
            image or an array (height × width, or × 1, 3 or 4); pixels are kept as PNG in a folder
            beside the table, ``mine-images`` of ``mine.jsonl``, and the same pixels are one image.
        file: the table to be written, which ends in ``.jsonl``; by default one in the user's
            cache folder, the same for the same rows.
        images: the folder that the images' paths are relative to.

    Raises:
        DataError: the rows are none, or hold what JSON cannot, or there is no cache folder.
        ImageError: an array is no picture.
    """
    if file is None:
        # Any folder of the cache, since paths are the same from all of them.
        written = table_of(rows, _cached("new"), images)
        file = _cached(digest(written.lines)[:16])
    else:
        file = Path(file)
        written = table_of(rows, file, images)
    written.write(file)
    return f"table:{file}"


def source_in(given: Any) -> str | None:
    """Return the source that questions are given as; None if they are rows.

    Raises:
        DataError: a set is a part of its source alone.
    """
    if not isinstance(given, questions.QASet):
        return given if isinstance(given, str) else None
    whole = read_source(given.source)
    if (whole.questions, whole.images) != (given.questions, given.images):
        raise DataError(
            "the set is not all of its source, which is what would be read",
            where=given.source,
            remedy="Give the whole set and choose a split of it, or give rows.",
        )
    return given.source


def table_of(rows: Any, file: Path, images: str | Path) -> WrittenTable:
    """Make the table of rows, as it lies at `file`; see `questions_from`."""
    writing = _Writing(file, Path(images).expanduser())
    lines = [_line(row, number, writing) for number, row in enumerate(_dicts(rows), 1)]
    if not lines:
        raise DataError("no rows", where="questions", remedy="Give it one a question.")
    return WrittenTable(b"".join(lines), writing.pictures)


def _cached(name: str) -> Path:
    try:
        return cache_folder() / _CACHED / name / QUESTIONS
    except RuntimeError:
        remedy = "Name the table's file, or the cache's folder in ASKATTEND_CACHE."
        raise DataError("there is no home folder for the questions", remedy=remedy) from None


def _pictures_of(file: Path) -> Path:
    return file.with_name(f"{file.stem}-images")


def _dicts(rows: Any) -> Iterable[Any]:
    """Yield each row of dicts, or of a data frame of pandas' or polars'."""
    if hasattr(rows, "to_dicts"):  # polars
        return rows.to_dicts()  # type: ignore[no-any-return]
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas
        return rows.to_dict("records")  # type: ignore[no-any-return]
    if isinstance(rows, Iterable) and not isinstance(rows, str | bytes | Mapping):
        return rows
    remedy = "Give a list of dicts, or a data frame."
    raise DataError(
        f"{type(rows).__name__}, where rows were expected", where="questions", remedy=remedy
    )


def _line(row: Any, number: int, writing: _Writing) -> bytes:
    where = f"row {number}"
    if not isinstance(row, Mapping):
        problem = f"{type(row).__name__}, where a dict was expected"
        raise DataError(problem, where=where, remedy="Give image, question and answer by name.")
    given = {str(key): value for key, value in row.items()}
    columns = writing.headings.read(list(given), where)
    named = next((key for key, column in zip(given, columns, strict=True) if column == "image"), "")
    cells = writing.placed(given, named, where) if named else given
    try:
        return msgspec.json.encode({key: _plain(value) for key, value in cells.items()}) + b"\n"
    except (TypeError, ValueError) as error:
        raise DataError(
            f"cannot be written ({error})", where=where, remedy="Give text or numbers."
        ) from None


@dataclass(frozen=True)
class _Writing:
    """A table while it is made: where it and its images lie, and the pictures met so far."""

    file: Path
    folder: Path
    pictures: dict[str, bytes] = field(default_factory=dict)
    headings: Headings = field(default_factory=lambda: Headings({}))

    def placed(self, cells: Mapping[str, Any], named: str, where: str) -> dict[str, Any]:
        """Return a row's cells with the image's id, and the place where it lies."""
        pixels = _pixels(cells[named], where)
        if pixels is not None:
            name, self.pictures[name] = _png(pixels)
            return {**cells, named: name, LOCATED_AT: f"{_pictures_of(self.file).name}/{name}"}
        path = _plain(cells[named])
        if not isinstance(path, str) or not path:
            return dict(cells)
        image, top = self.folder / path, self.folder.absolute()
        # Its name is the image's id, as in a store of the folder's features.
        within = image.is_relative_to(top)
        short = image.relative_to(top).as_posix() if within else path
        return {**cells, named: short, LOCATED_AT: _relative(image, self.file.parent)}


def _pixels(image: Any, where: str) -> Image.Image | None:
    """Return a picture that is given by its pixels, upright RGB; None for any other cell.

    A file's bytes are its pixels, too.
    """
    # One number is a missing cell or a mistake, which the table's reader tells.
    if isinstance(image, Image.Image | bytes) or (isinstance(image, np.ndarray) and image.ndim):
        return open_image(image, name=f"{where}: image")
    return None


def _png(picture: Image.Image) -> tuple[str, bytes]:
    """Return a name that is the same for the same pixels alone, and the picture as PNG."""
    content = BytesIO()
    # Made anew from its pixels, without what a camera wrote beside them.
    Image.fromarray(np.asarray(picture)).save(content, format="PNG", compress_level=1)
    pixels = f"{picture.width}x{picture.height}".encode() + picture.tobytes()
    return f"{digest(pixels)}.png", content.getvalue()


def _plain(value: Any) -> Any:
    """Return a cell as JSON has it: paths as text, NumPy's as Python's, what is missing as null."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # a number, or a list of a Parquet file
        value = value.tolist()
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas' own
        return None
    return None if isinstance(value, float) and math.isnan(value) else value


def _relative(image: Path, folder: Path) -> str:
    """Return the path of an image from a folder on, so that both may be moved together."""
    try:
        # Without links: the system goes up from where a link leads to.
        return Path(os.path.relpath(image.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive of Windows'
        return image.resolve().as_posix()
