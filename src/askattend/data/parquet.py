"""Any question set as a folder of Parquet with the pictures within, as `datasets` loads it."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from askattend.data.parquet_columns import Column, columns_of
from askattend.data.questions import QASet, Question
from askattend.errors import DataError, name_few
from askattend.files import make_folder, read_whole, readable, whole_file, whole_folder, write_whole
from askattend.files.limits import MEBIBYTE
from askattend.installation import pip_install

# As the hub's own files: some hundred MB each, and few rows a group, which are in memory together.
SHARD, GROUP, GROUP_ROWS = 500 * MEBIBYTE, 64 * MEBIBYTE, 100
# So many people's answers are written out; of the sets there are, ten is most.
MOST_PEOPLE = 1_000
# What datasets calls a split: letters, digits and underscores.
_NAMES = {"valid": "validation"}


def write_parquet(questions: QASet, folder: Path) -> tuple[Path, ...]:
    """Write questions and pictures as a folder that `datasets.load_dataset` takes.

    ``data/SPLIT-00000-of-00001.parquet``, and a card ``README.md`` that lists the splits. Pictures
    are the bytes of their files; of a picture that many questions are about, a group of rows holds
    one copy. The readers ``parquet:`` and ``hf:`` make the same questions of it. No more than some
    rows are in memory at once.

    Args:
        questions: all splits of it are written.
        folder: must not be there, or be empty; it appears whole or not at all.

    Returns:
        the files, in the order of the splits.

    Raises:
        DataError: pyarrow is not installed, the folder is not empty, a picture is missing or none,
            or more than 1,000 people answered a question.
    """
    _require(questions, folder)
    columns = columns_of(questions)
    written: list[Path] = []
    with whole_folder(folder) as unfinished:
        make_folder(unfinished / "data")
        splits: dict[str, list[str]] = {}
        for split, name in _split_names(questions).items():
            rows = [question for question in questions if question.split == split]
            shards = list(_shards(rows, questions.images))
            for number, shard in enumerate(shards):
                file = f"data/{name}-{number:05}-of-{len(shards):05}.parquet"
                with whole_file(unfinished / file, swept=True) as opened:
                    _write(opened, shard, questions.images, columns)
                splits.setdefault(name, []).append(file)
                written.append(folder / file)
        write_whole(unfinished / "README.md", _card(splits, questions).encode())
    return tuple(written)


def _require(questions: QASet, folder: Path) -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        remedy = f"Install it: {pip_install('parquet')}"
        raise DataError("Parquet needs pyarrow, which is not installed", remedy=remedy) from None
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        remedy = "Name a new folder, or remove what is in it."
        raise DataError("is there already, and not an empty folder", where=folder, remedy=remedy)
    missing = [image for image, file in questions.images.items() if not file.is_file()]
    if missing:
        problem = f"{len(missing):,} of {len(questions.images):,} images are not there"
        raise DataError(
            f"{problem}: {name_few(missing)}",
            where=questions.source,
            remedy="Put them there; what is written holds its pictures.",
        )
    many = [q.id for q in questions if sum(count for _, count in q.answers) > MOST_PEOPLE]
    if many:
        problem = f"more than {MOST_PEOPLE:,} people answered {name_few(many)}"
        raise DataError(problem, where=questions.source, remedy="Write shares of fewer people.")


def _split_names(questions: QASet) -> dict[str, str]:
    """Name each split as `datasets` allows it, no two alike."""
    names: dict[str, str] = {}
    for split in questions.splits:
        name = wanted = re.sub(r"\W", "_", _NAMES.get(split, split), flags=re.ASCII) or "_"
        number = 2
        while name in names.values():
            name, number = f"{wanted}_{number}", number + 1
        names[split] = name
    return names


def _shards(rows: Sequence[Question], images: Mapping[str, Path]) -> Iterator[list[Question]]:
    """Divide questions, in their order, by the bytes of the pictures that they are about."""
    shard: list[Question] = []
    seen: set[str] = set()
    size = 0
    for question in rows:
        own = 0 if question.image in seen else images[question.image].stat().st_size
        if shard and size + own > SHARD:
            yield shard
            shard, seen, size = [], set(), 0
            own = images[question.image].stat().st_size
        seen.add(question.image)
        size += own
        shard.append(question)
    if shard:
        yield shard


def _write(
    opened: BinaryIO,
    rows: Sequence[Question],
    images: Mapping[str, Path],
    columns: Mapping[str, Column],
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [("image", picture), *((name, each.kind(pa)) for name, each in columns.items())]
    features = {"image": {"_type": "Image"}, **{n: each.feature for n, each in columns.items()}}
    noted = json.dumps({"info": {"features": features}}).encode()
    schema = pa.schema(fields, metadata={b"huggingface": noted})
    options = {"dictionary_pagesize_limit": 2 * GROUP, "write_statistics": False}
    with parquet.ParquetWriter(opened, schema, **options) as writer:
        for group, contents in _groups(rows, images):
            cells: dict[str, list[Any]] = {
                "image": [
                    {"bytes": contents[question.image], "path": readable(question.image)}
                    for question in group
                ]
            }
            cells |= {name: [each.value(q) for q in group] for name, each in columns.items()}
            try:
                writer.write_table(pa.table(cells, schema=schema))
            except UnicodeEncodeError as error:
                where = f"questions from {group[0].id} on"
                remedy = "Mend the text: it holds half a character."
                raise DataError(f"no text ({error.reason})", where=where, remedy=remedy) from None


def _groups(
    rows: Sequence[Question], images: Mapping[str, Path]
) -> Iterator[tuple[list[Question], dict[str, bytes]]]:
    """Yield some questions at a time, with the files of the pictures that they are about."""
    group: list[Question] = []
    contents: dict[str, bytes] = {}
    size = 0
    for question in rows:
        content = contents.get(question.image) or _picture(question.image, images[question.image])
        if group and (len(group) == GROUP_ROWS or size + len(content) > GROUP):
            yield group, contents
            group, contents, size = [], {}, 0
        contents[question.image] = content
        group.append(question)
        size += len(content)
    if group:
        yield group, contents


def _picture(image: str, file: Path) -> bytes:
    """Read a picture's file.

    A table of somebody else's may name any file of this machine: what is none is not passed on.

    Raises:
        DataError: it is no picture, by its first bytes.
    """
    content = read_whole(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.open(BytesIO(content)).close()
    except Image.DecompressionBombError:
        pass  # whoever opens it is told
    except Exception:  # a decoder may raise anything at all on a damaged file
        remedy = "Mend it, or leave its questions out: --check-images names all such."
        raise DataError(f"image '{image}' is none", where=file, remedy=remedy) from None
    return content


def _card(splits: Mapping[str, Sequence[str]], questions: QASet) -> str:
    """Write the card by which `datasets` finds the splits."""
    listed = "".join(f"  - split: {name}\n    path: data/{name}-*\n" for name in splits)
    kind = questions.source.partition(":")[0]
    return (
        "---\ntask_categories:\n- visual-question-answering\nconfigs:\n- config_name: default\n"
        f"  data_files:\n{listed}---\n\n# Questions about pictures\n\n"
        f"{len(questions):,} questions on {len(questions.images):,} images, written by "
        f"`askattend data {kind}… --out`. Each row holds its picture; `answers` lists one answer a "
        "person. Before you share it, name its licence here.\n"
    )
