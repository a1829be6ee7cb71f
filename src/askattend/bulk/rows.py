"""A row of results, and how JSON Lines, Parquet and CSV hold it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import msgspec
import numpy as np
from jaxtyping import Float
from torch import Tensor

from askattend.bulk.csv_lines import CSV_COLUMNS, csv_header, csv_line
from askattend.data.questions import QuestionId
from askattend.errors import ConfigError
from askattend.installation import pip_install
from askattend.runs.answer import Answer

JSONL, PARQUET, CSV = "jsonl", "parquet", "csv"
NO_WORD = "the question has no word in it"
# Rows that Parquet holds together; fixed, as its bytes depend on it.
ROW_GROUP = 8192


class Ranked(msgspec.Struct, frozen=True, gc=False):
    """An answer with its probability."""

    answer: str
    probability: float


class Maps(msgspec.Struct, frozen=True, gc=False):
    """Attention maps in 8 bits.

    Attributes:
        rows, columns: of each map.
        scales: one a map; a code times it is the attention there.
        maps: the codes of each, 0 to 255, row by row from the top; the greatest is 255.
    """

    rows: int
    columns: int
    scales: tuple[float, ...]
    maps: tuple[bytes, ...]

    @classmethod
    def of(cls, attention: Float[Tensor, "maps rows columns"]) -> Maps:
        """Round maps to 8 bits, each by its own greatest value."""
        values = attention.numpy().astype(np.float32)
        _, rows, columns = values.shape
        scales = [float(each.max(initial=0.0)) / 255 or 1.0 for each in values]
        codes = [
            np.rint(each / np.float32(scale)).clip(0, 255).astype(np.uint8)
            for each, scale in zip(values, scales, strict=True)
        ]
        return cls(rows, columns, tuple(scales), tuple(code.tobytes() for code in codes))


class Row(msgspec.Struct, frozen=True, gc=False):
    """A question of an image, and what came of it.

    Attributes:
        image, question: of whom, and what was asked.
        id: of the question, where the data gives one.
        answer: None where `error` says why there is none.
        sure: None, too, where no threshold was chosen: nobody judged.
        unlike_training: None, too, where the run knows nothing of its training pictures.
        top: the most probable answers, falling.
        attention: where it was asked for and the network attends.
    """

    image: str
    question: str
    id: QuestionId | None = None
    answer: str | None = None
    probability: float | None = None
    sure: bool | None = None
    unknown_words: tuple[str, ...] = ()
    unlike_training: bool | None = None
    top: tuple[Ranked, ...] = ()
    attention: Maps | None = None
    error: str | None = None

    @property
    def wordless(self) -> bool:
        """True where the question has no word in it."""
        return self.error == NO_WORD

    @classmethod
    def answered(
        cls, image: str, question_id: QuestionId | None, answer: Answer, *, attention: bool
    ) -> Row:
        """Make the row of an answer."""
        return cls(
            image,
            answer.question,
            question_id,
            answer.text,
            answer.probability,
            answer.sure,
            answer.unknown_words,
            answer.unlike_training,
            tuple(Ranked(text, probability) for text, probability in answer.top),
            Maps.of(answer.attention) if attention and len(answer.attention) else None,
        )


def require_format(format: str, *, attention: bool) -> None:
    """Refuse a format that cannot be written here.

    Raises:
        ConfigError: Parquet is asked for, but pyarrow is not installed; or maps in CSV.
    """
    if format == CSV and attention:
        remedy = "Write --format jsonl or parquet, or leave --maps out."
        raise ConfigError("CSV holds no attention maps", where="format", remedy=remedy)
    if format == PARQUET:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise ConfigError(
                "Parquet needs pyarrow, which is not installed",
                where="format",
                remedy=f"Install it: {pip_install('parquet')}. Or write --format jsonl.",
            ) from None


@contextmanager
def row_writer(file: IO[bytes], format: str, *, attention: bool) -> Iterator[Callable[[Row], None]]:
    """Yield the function that writes a row; all are in the file once the block ends."""
    if format == JSONL:
        yield lambda row: _write_line(file, row)
        return
    if format == CSV:
        file.write(csv_header())
        yield lambda row: _write_cells(file, row)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[Row] = []
    schema = _schema(pa, attention=attention)

    def flush() -> None:
        records = [_record(row, attention=attention) for row in rows]
        writer.write_table(pa.Table.from_pylist(records, schema), row_group_size=ROW_GROUP)
        rows.clear()

    def write(row: Row) -> None:
        rows.append(row)
        if len(rows) == ROW_GROUP:
            flush()

    # All that its bytes depend on is named, whatever another version's defaults may be.
    with pq.ParquetWriter(
        file,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=3,
        data_page_version="1.0",
    ) as writer:
        yield write
        if rows:
            flush()


def _write_line(file: IO[bytes], row: Row) -> None:
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    # Left out where there is none, so that a line is no longer than it need be.
    for name in ("id", "attention", "error"):
        if values[name] is None:
            del values[name]
    if row.attention is not None:
        maps = [base64.b64encode(codes).decode() for codes in row.attention.maps]
        values["attention"] = msgspec.structs.asdict(row.attention) | {"maps": maps}
    file.write(msgspec.json.encode(values) + b"\n")


def _write_cells(file: IO[bytes], row: Row) -> None:
    values = {name: getattr(row, name) for name in CSV_COLUMNS}
    values["top"] = [f"{each.answer}: {each.probability:.4f}" for each in row.top]
    file.write(csv_line(values.values()))


def _record(row: Row, *, attention: bool) -> dict[str, Any]:
    record: dict[str, Any] = msgspec.to_builtins(row, builtin_types=(bytes,))
    record["id"] = None if row.id is None else str(row.id)
    if not attention:
        del record["attention"]
    return record


def _schema(pa: Any, *, attention: bool) -> Any:
    ranked = pa.struct([("answer", pa.string()), ("probability", pa.float32())])
    maps = [
        ("rows", pa.int32()),
        ("columns", pa.int32()),
        ("scales", pa.list_(pa.float32())),
        ("maps", pa.list_(pa.binary())),
    ]
    fields = [
        ("image", pa.string()),
        ("question", pa.string()),
        ("id", pa.string()),
        ("answer", pa.string()),
        ("probability", pa.float32()),
        ("sure", pa.bool_()),
        ("unknown_words", pa.list_(pa.string())),
        ("unlike_training", pa.bool_()),
        ("top", pa.list_(ranked)),
        *([("attention", pa.struct(maps))] if attention else []),
        ("error", pa.string()),
    ]
    return pa.schema(fields)
