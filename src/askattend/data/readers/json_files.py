"""Large JSON files, plain or gzip, read so that every mistake is named by its path."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from askattend.data.readers.error_collector import ErrorCollector
from askattend.errors import DataError
from askattend.files import decode_json, read_bytes

T = TypeVar("T")

_FETCH = "Fetch it again."
_ENCODE = "Save the file as UTF-8."


def read_json(
    file: Path, kind: Callable[..., T], *, dec_hook: Callable[[type, Any], Any] | None = None
) -> T:
    """Read a JSON file of the type `kind`, which may be one such as ``list[int]``.

    Many records are best declared as `msgspec.Raw` and given to `each_record`, which needs less
    memory and tells how many of them are wrong.

    Args:
        file: where it is.
        kind: what it must be.
        dec_hook: makes what is of a type that msgspec does not know.

    Raises:
        DataError: the file is unreadable, truncated, malformed, not UTF-8 or of another schema;
            names the path inside the file.
    """
    data = read_bytes(file)
    try:
        return decode_json(data, cast(type[T], kind), dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        problem, path = _parts(error)
        raise DataError(problem, where=f"{file}: ${path}", remedy=_schema(kind)) from None
    except msgspec.DecodeError as error:
        # In another encoding a file is malformed too, but the encoding is what there is to mend.
        _refuse_other_encoding(data, file)
        raise DataError(_malformed(error), where=file, remedy=_FETCH) from None


class _Key(str):
    """A key that the decoder shows us before a second one like it takes its place."""

    __slots__ = ()


def read_keyed(file: Path) -> dict[str, msgspec.Raw]:
    """Read the records of a JSON file that holds an object of them, in its order.

    Raises:
        DataError: see `read_json`; or a key is there twice.
    """
    keys: list[str] = []

    def note(kind: type, key: str) -> Any:
        keys.append(key)
        return kind(key)

    # A dict keeps the last of equal keys without a word, so each is noted as it is decoded.
    records = read_json(file, dict[_Key, msgspec.Raw], dec_hook=note)
    if len(keys) > len(records):
        _refuse_repeated(keys, f"{file}: $")
    return dict(zip(keys, records.values(), strict=True))


def _refuse_repeated(keys: Iterable[str], where: str) -> None:
    twice = ErrorCollector()
    taken: set[str] = set()
    for key in keys:
        if key in taken:
            twice.add(f"{where}[{key!r}]", "the id is there more than once")
        taken.add(key)
    twice.raise_if_any("Ids must be unique; fetch the file again.")


def each_record(
    records: Iterable[tuple[int | str, msgspec.Raw]], kind: type[T], *, where: str
) -> Iterator[T]:
    """Yield the records one by one; the wrong ones are counted, and raised at the end.

    Args:
        records: each with its position or key below `where`: a list's `enumerate`, a dict's items.
        kind: what each must be.
        where: the file and the path inside it that leads to the records.

    Raises:
        DataError: some are wrong: how many, the first few, and what a record must hold.
    """
    # Record by record: msgspec stops at the first mistake of a value.
    decode = msgspec.json.Decoder(kind).decode
    mistakes, encoded = ErrorCollector(), ErrorCollector()
    for key, raw in records:
        try:
            record = decode(raw)
        except msgspec.ValidationError as error:
            problem, below = _parts(error)
            mistakes.add(f"{where}[{key!r}]{below}", problem)
        except UnicodeDecodeError:
            encoded.add(f"{where}[{key!r}]", "not UTF-8")
        except msgspec.DecodeError as error:
            mistakes.add(f"{where}[{key!r}]", _malformed(error))
        else:
            yield record
    encoded.raise_if_any(_ENCODE)
    mistakes.raise_if_any(_schema(kind))


def refuse_unanswered(answered: Iterable[tuple[int | str, object]], where: str) -> None:
    """Raise `DataError` if some of a file's questions are answered and others are not.

    Args:
        answered: position or key of each question, and its answers.
        where: the file and the path inside it that leads to the questions.
    """
    answered = list(answered)
    lacking = ErrorCollector()
    for key, answers in answered:
        if not answers:
            lacking.add(f"{where}[{key!r}]", "no answer, though others of the file have one")
    # Where none has an answer it is a test set, whose answers are not published.
    if lacking.count < len(answered):
        lacking.raise_if_any(
            "Fetch the file again; a file of questions has answers to all or none."
        )


def refuse_none(records: Sized, where: str) -> None:
    """Raise `DataError` if a file holds no record at all."""
    if not len(records):
        raise DataError("there is no question", where=where, remedy=_FETCH)


@contextmanager
def many_objects() -> Iterator[None]:
    """Stop the garbage collector, which would walk again and again over what is being built."""
    # It looks at all objects whenever so many were made, and of these none can be freed yet.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _refuse_other_encoding(data: bytes, file: Path) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 at byte {error.start:,}", where=file, remedy=_ENCODE) from None


def _parts(error: msgspec.ValidationError) -> tuple[str, str]:
    """Split an error into the problem and the path below the decoded value: ``.answers[2]``."""
    problem, _, path = str(error).partition(" - at `$")
    return problem[:1].lower() + problem[1:].replace("`", "'"), path.rstrip("`")


def _malformed(error: Exception) -> str:
    text = str(error)
    if text == "Input data was truncated":
        return "the JSON is truncated"
    return f"malformed JSON ({text.removeprefix('JSON is malformed: ')})"


def _schema(kind: object) -> str:
    """Make the remedy that names the fields a record must hold."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return _FETCH
    required = [f.encode_name for f in msgspec.structs.fields(kind) if f.required]
    return f"The official format has {', '.join(required)} there." if required else _FETCH
