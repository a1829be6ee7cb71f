"""The list of images with their questions: on the disk, since it may be longer than the memory."""

from __future__ import annotations

import hashlib
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from askattend.data.questions import QuestionId
from askattend.errors import DataError
from askattend.features.image_places import Place
from askattend.files import naming


class Asked(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A question of one image, with its id where the data gives one."""

    text: str
    id: QuestionId | None = None


class Item(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An image of the list, and where it lies.

    Attributes:
        image: its id.
        place: where its bytes lie; None where it is read from a feature store, or is not looked at.
        asked: questions of this image alone; those of all images stand elsewhere.
    """

    image: str
    place: Place | None = None
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True, eq=False)
class Items(AbstractContextManager["Items"]):
    """All images of a plan in their order, in a temporary file that goes with the process.

    It is closed at the end of a ``with`` block.

    Attributes:
        count: images.
        digest: SHA-256 of their ids and questions, in order; not of where they lie, so that another
            machine may have them elsewhere.
    """

    count: int
    digest: str
    shard_images: int
    _file: IO[bytes] = field(repr=False)
    _starts: Sequence[int] = field(repr=False)

    @classmethod
    def write(cls, items: Iterable[Item], shard_images: int) -> Items:
        """Write items as they come; memory holds 8 bytes of each.

        Raises:
            DataError: two images have the same id.
        """
        # Removed when it is closed, or the process ends in any way.
        file = tempfile.TemporaryFile(prefix="askattend-")  # noqa: SIM115
        try:
            return cls._filled(file, items, shard_images)
        except BaseException:
            file.close()
            raise

    @classmethod
    def _filled(cls, file: IO[bytes], items: Iterable[Item], shard_images: int) -> Items:
        place, digest, starts, hashes = (
            Path(tempfile.gettempdir()),
            hashlib.sha256(),
            array("Q"),
            array("Q"),
        )
        count = 0
        for count, item in enumerate(items, 1):
            digest.update(msgspec.json.encode((item.image, item.asked)) + b"\n")
            hashes.append(_hash(item.image))
            with naming(place):
                if (count - 1) % shard_images == 0:
                    starts.append(file.tell())
                file.write(msgspec.json.encode(item) + b"\n")
        with naming(place):
            file.flush()
        made = cls(count, digest.hexdigest(), shard_images, file, starts)
        made._refuse_doubles(np.frombuffer(hashes, np.uint64))
        return made

    def __exit__(self, *error: object) -> None:
        self._file.close()

    @property
    def parts(self) -> int:
        """How many shards they are, each of `shard_images` but the last."""
        return len(self._starts)

    def part(self, number: int) -> list[Item]:
        """Read the images of a shard."""
        self._file.seek(self._starts[number])
        images = min(self.shard_images, self.count - number * self.shard_images)
        return [_DECODER.decode(self._file.readline()) for _ in range(images)]

    def __iter__(self) -> Iterator[Item]:
        for number in range(self.parts):
            yield from self.part(number)

    def _refuse_doubles(self, hashes: np.ndarray[Any, np.dtype[np.uint64]]) -> None:
        found, counts = np.unique(hashes, return_counts=True)
        twice = set(found[counts > 1].tolist())
        if not twice:
            return
        seen: set[str] = set()
        for item in self:
            if _hash(item.image) in twice:
                if item.image in seen:
                    raise DataError(
                        "there are two images of this name",
                        where=item.image,
                        remedy="Rename one, or answer them apart, each into a folder of its own.",
                    )
                seen.add(item.image)


def _hash(image: str) -> int:
    return int.from_bytes(hashlib.blake2b(image.encode(), digest_size=8).digest())


_DECODER = msgspec.json.Decoder(Item)
