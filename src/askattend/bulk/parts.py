"""Shards of results: each appears whole or not at all, with a status that vouches for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec.structs import replace

from askattend.bulk.plan import PLAN, read_plan
from askattend.bulk.rows import Row, row_writer
from askattend.errors import DataError
from askattend.files import decode_json, open_plain, read_whole, remove, whole_file, write_whole


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Description of a shard, once it is whole.

    Attributes:
        plan: digest of the plan that it belongs to.
        images: how many were answered about, broken ones included.
        rows: how many.
        broken: image → why it cannot be read.
        wordless: questions without a word, which have no answer.
        size: bytes of the shard.
        sha256: of its bytes.
        seal: SHA-256 of all that stands before.
    """

    plan: str
    images: int
    rows: int
    broken: Mapping[str, str]
    wordless: int
    size: int
    sha256: str
    seal: str = ""

    def sealed(self) -> Status:
        """Return it with its own digest."""
        told = msgspec.json.encode(replace(self, seal=""), order="sorted")
        return replace(self, seal=hashlib.sha256(told).hexdigest())


def part_name(number: int) -> str:
    """Return the name of a shard, without its suffix."""
    return f"part-{number:05}"


class Parts:
    """The shards of one plan in a folder, which several processes may fill.

    Args:
        out: the folder.
        plan: the plan's digest.
        format: ``"jsonl"``, ``"parquet"`` or ``"csv"``.
        attention: True where rows hold maps.
    """

    def __init__(self, out: Path, *, plan: str, format: str, attention: bool) -> None:
        self._out, self._plan = out, plan
        self._format, self._attention = format, attention

    def done(self, number: int) -> Status | None:
        """Return a shard's status; None where it is not there, or its bytes are not those."""
        try:
            status = decode_json(read_whole(self._status(number)), Status)
            if self._file(number).stat().st_size != status.size or status != status.sealed():
                return None
        except (OSError, msgspec.MsgspecError):
            return None
        same = status.plan == self._plan and _sha256(self._file(number)) == status.sha256
        return status if same else None

    def begun(self, number: int) -> bool:
        """Return True where there is anything of a shard."""
        return self._status(number).exists() or self._file(number).exists()

    @contextmanager
    def claim(self, number: int, *, wait: bool) -> Iterator[bool]:
        """Be the only one to write a shard; yields False where another process is at it."""
        file = self._out / f".{part_name(number)}.lock"
        lock = FileLock(file)
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            # Only once it is whole: who waits with the file that is gone finds nothing to do.
            if self._status(number).exists():
                remove(file)
            lock.release()

    def forget_claim(self, number: int) -> None:
        """Remove the lock of a shard that is done, which a process killed at its end leaves."""
        remove(self._out / f".{part_name(number)}.lock")

    def write(
        self, number: int, rows: Iterable[Row], *, images: int, broken: Mapping[str, str]
    ) -> Status:
        """Write a claimed shard, and vouch for it.

        Args:
            number: which.
            rows: in order; taken one by one.
            images: how many they are about.
            broken: filled by whoever makes the rows, by the time that they end.

        Raises:
            OSError: the disk does not take it.
        """
        remove(self._status(number))  # which no longer holds
        file = self._file(number)
        count = wordless = 0
        with (
            whole_file(file, swept=True) as opened,
            row_writer(opened, self._format, attention=self._attention) as write,
        ):
            for row in rows:
                count += 1
                wordless += row.wordless
                write(row)
        size, sha256 = file.stat().st_size, _sha256(file)
        status = Status(self._plan, images, count, dict(broken), wordless, size, sha256).sealed()
        content = msgspec.json.format(msgspec.json.encode(status))
        write_whole(self._status(number), content, swept=True)
        return status

    def _file(self, number: int) -> Path:
        return self._out / f"{part_name(number)}.{self._format}"

    def _status(self, number: int) -> Path:
        return self._out / f"{part_name(number)}.json"


def damaged_parts(out: Path) -> Iterator[tuple[int, DataError | str | None]]:
    """Compare every shard of results in a folder with its status, and that with the plan.

    Yields:
        how many were compared, and what is wrong with them; a text where they cannot be compared.
    """
    try:
        plan = read_plan(out)
    except DataError as error:
        yield 0, error
        return
    assert plan is not None, "there is a plan"
    parts = Parts(out, plan=plan.digest, format=plan.format, attention=plan.maps)
    begun = [number for number in range(plan.parts) if parts.begun(number)]
    damaged = [number for number in begun if parts.done(number) is None]
    yield len(begun), None
    if len(damaged) == len(begun) > 1:  # the one thing that all depend on
        remedy = "Name another --out, or delete this folder."
        yield 0, DataError("is not the plan of these shards", where=out / PLAN, remedy=remedy)
        return
    for number in damaged:
        problem = "its shard or its status is not as it was written"
        remedy = "Give the same predict command again: it is answered anew."
        yield 0, DataError(problem, where=out / part_name(number), remedy=remedy)
    if missing := plan.parts - len(begun):
        yield 0, f"{out}: {missing:,} of {plan.parts:,} shards are not answered yet"


def _sha256(file: Path) -> str:
    with open_plain(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
