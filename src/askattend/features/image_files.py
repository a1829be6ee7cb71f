"""Image files that may have been replaced since a store looked at them: their content decides.

A store holds the digest of each file. Reading all of 100,000 files to compare would take minutes,
so what was compared once is remembered beside the store, as git does beside its index: for each
image, a token of the digest and of what is told of the file (size, times, inode; of an address, its
version). While that is the same, the content is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from askattend.errors import ImageError
from askattend.features.ahead import call_ahead
from askattend.features.image_places import PackedReader, Place, Status, read_image, status_of
from askattend.features.store_index import WrittenShard, find_slots
from askattend.files import atomic_write, decode_json, digest, read_whole

# Nanoseconds. A file that changed shortly before the tokens were written may have changed again
# after it was read, within one tick of a file system's clock.
_RECENT = 2_000_000_000


class ImageFiles:
    """The files that a store's features were made of, beside those that are there now.

    Args:
        store: the store's folder.
        workers: threads that read files.
    """

    def __init__(self, store: Path, *, workers: int = 4) -> None:
        store = store.absolute()
        self._file = store.with_name(f".{store.name}.seen")
        self._workers = max(1, workers)
        self._tokens, self._written = _read(self._file)
        self._new: dict[str, str] = {}

    def current(self, images: Mapping[str, Place], shards: Iterable[WrittenShard]) -> set[str]:
        """Return the images whose features some shard holds, made from what their file is now.

        Those that are not among `images`, and those whose file is gone, are taken to be: their
        features are all that is left.

        Raises:
            DataError: an address does not answer, or a file of many images cannot be read.
        """
        shards = tuple(shards)
        found, doubtful = set(), {}
        for image, (number, slot) in find_slots(shards).items():
            written = shards[number]
            expected, size = written.digests[slot], written.file_sizes[slot]
            status = status_of(images[image]) if image in images else None
            if image in images and images[image].problem:
                continue  # a link, say, has taken its place
            if status is None or self._seen(image, expected, status):
                found.add(image)
            elif status.size in (None, size):
                doubtful[image] = (expected, status)
        digests = self._digests({image: images[image] for image in doubtful})
        for (image, (expected, status)), now in zip(doubtful.items(), digests, strict=True):
            if now == expected:
                self._new[image] = _token(expected, status)
                found.add(image)
        return found

    def _digests(self, images: Mapping[str, Place]) -> Iterator[str]:
        with PackedReader() as packed:
            calls = (
                partial(digest_now, image, place, packed.read(place))
                for image, place in images.items()
            )
            ahead = 2 * self._workers
            yield from call_ahead(calls, workers=self._workers, ahead=ahead, name="digest")

    def note(self, image: str, content_digest: str, status: Status) -> None:
        """Remember what a file was like just before its content was read."""
        self._new[image] = _token(content_digest, status)

    def save(self) -> str | None:
        """Write what is new beside the store, if the disk takes it.

        Returns:
            a note where it does not: each comparison reads the files again then, no more.
        """
        if not self._new:
            return None
        # Another process may have written to the same store meanwhile.
        self._tokens = _read(self._file)[0] | self._new
        try:
            atomic_write(self._file, msgspec.json.encode(self._tokens))
        except OSError as error:
            files = (
                "1 image file is" if len(self._new) == 1 else f"{len(self._new):,} image files are"
            )
            return (
                f"{files} read again each time, to see whether they have changed: {self._file} "
                f"cannot be written ({error.strerror or error})"
            )
        self._new = {}
        return None

    def _seen(self, image: str, expected: str, status: Status) -> bool:
        settled = bool(status.version) and status.changed + _RECENT < self._written
        return settled and self._tokens.get(image) == _token(expected, status)


def _read(file: Path) -> tuple[dict[str, str], int]:
    """Read tokens, and when they were written; none where the file is missing or damaged."""
    try:
        written = file.stat().st_mtime_ns
        return decode_json(read_whole(file), dict[str, str]), written
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}, 0


def _token(content_digest: str, status: Status) -> str:
    text = f"{content_digest} {status.size} {status.version}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def digest_now(image: str, place: Place, content: bytes | None = None) -> str:
    """Compute the digest of what an image's file is now; ``""`` where it cannot be read.

    Args:
        image: its id.
        place: where it lies.
        content: its bytes, where they are read already.

    Raises:
        DataError: an address does not answer, or a file of many images cannot be read.
    """
    try:
        return digest(read_image(place, image) if content is None else content)
    except ImageError:
        return ""  # a file that cannot be read is not the one that was
