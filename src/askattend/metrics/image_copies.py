"""Pictures that two splits share under different names: the same bytes, or nearly the pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from io import BytesIO
from itertools import combinations
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import numpy as np
from PIL import Image, ImageOps

from askattend.data.questions import Question
from askattend.errors import name_few
from askattend.features.image_bytes import read_image_file, require_checksums
from askattend.features.image_limits import decoders, require_moderate
from askattend.files import digest_of

Float32 = np.ndarray[Any, np.dtype[np.float32]]
Images = Mapping[str, Mapping[str, Path]]

# Opening more pictures than the first takes a while, reading more files than the second, too: it is
# left to who asks for it.
MOST_OPENED, MOST_READ = 2_000, 20_000
# Side of the thumbnails that are compared, in pixels.
_SIDE = 16
# Nearly the same pixels: thumbnails that differ by no more of their contrast (root mean square), as
# another size, compression or a slight filter does; or by less than a flat picture's noise.
_LIKE, _NOISE = 0.12, 1.0
_THREADS = 4
# Pixels of a picture that is shrunk while no other such is: several would fill the memory.
_LARGE = 2**24


class ImageCopies(msgspec.Struct, frozen=True):
    """Pictures of one split that another has, too, under another name.

    Attributes:
        splits: the two.
        identical: how many of the second's are the same bytes as one of the first's.
        near: how many more are nearly the same pixels; None where these were not looked for.
        examples: a few of these, with the first's picture that each is a copy of.
    """

    splits: tuple[str, str]
    identical: int
    near: int | None
    examples: tuple[tuple[str, str], ...]


def images_by_split(questions: Iterable[Question], files: Mapping[str, Path]) -> Images:
    """Map split → its images and their files, of those whose file is named."""
    found: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for question in questions:
        if question.image in files:
            found[question.split][question.image] = files[question.image]
    return found


def find_copies(images: Images, *, every: bool = False) -> list[ImageCopies]:
    """Find pictures that are in two splits under different names.

    Args:
        images: split → image → file.
        every: read and open all of them. Else of more than `MOST_OPENED` those that are nearly the
            same are not looked for, and of more than `MOST_READ` none at all.

    Returns:
        of each two splits that share pictures, in the order of `images`.
    """
    count = len({image for each in images.values() for image in each})
    if count > MOST_READ and not every:
        return []
    near = every or count <= MOST_OPENED
    digests = _digests(images)
    thumbnails = _thumbnails(images) if near else {}
    found = []
    for first, second in combinations(images, 2):
        others = {
            image: file for image, file in images[second].items() if image not in images[first]
        }
        same = dict(_same_bytes(images[first], others, digests))
        rest = [image for image in others if image not in same]
        like = dict(_same_pixels(images[first], rest, thumbnails))
        if same or like:
            examples = tuple([*same.items(), *like.items()][:3])
            likes = len(like) if near else None
            found.append(ImageCopies((first, second), len(same), likes, examples))
    return found


def copies_notes(copies: Iterable[ImageCopies]) -> tuple[str, ...]:
    """Make notes on pictures that splits share under different names."""
    return tuple(map(_note, copies))


def _note(copies: ImageCopies) -> str:
    first, second = copies.splits
    near = copies.near or 0
    count = copies.identical + near
    some = f"1 image of '{second}' is" if count == 1 else f"{count:,} images of '{second}' are"
    how = "the same bytes" if not near else "nearly the same pixels"
    if near and copies.identical:
        how = f"{copies.identical:,} the same bytes, {near:,} nearly the same pixels"
    named = name_few(f"{one} = {other}" for one, other in copies.examples)
    dots = ", …" * (count > len(copies.examples))
    about = "it" if count == 1 else "them"
    return (
        f"{some} in '{first}' under another name ({how}): {named}{dots}. What is right about "
        f"{about} says little about new pictures"
    )


def _digests(images: Images) -> dict[Path, str | None]:
    """Compute digests of the files that have another's size: others cannot be the same."""
    by_size: defaultdict[int, set[Path]] = defaultdict(set)
    for file in {file for each in images.values() for file in each.values()}:
        with suppress(OSError):  # removed meanwhile
            by_size[file.stat().st_size].add(file)
    doubtful = [file for files in by_size.values() if len(files) > 1 for file in files]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="digest") as pool:
        return dict(zip(doubtful, pool.map(digest_of, doubtful), strict=True))


def _same_bytes(
    first: Mapping[str, Path], second: Mapping[str, Path], digests: Mapping[Path, str | None]
) -> Iterator[tuple[str, str]]:
    known = {digests.get(file): image for image, file in reversed(tuple(first.items()))}
    known.pop(None, None)
    for image, file in second.items():
        if (original := known.get(digests.get(file))) is not None:
            yield image, original


def _thumbnails(images: Images) -> dict[str, Float32]:
    """Shrink each picture that can be opened: image id → its pixels as one vector."""
    files = {image: file for each in images.values() for image, file in each.items()}
    shrink = partial(_thumbnail, large_alone=Lock())
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="thumbnail") as pool:
        made = zip(files, pool.map(shrink, files.values()), strict=True)
        return {image: pixels for image, pixels in made if pixels is not None}


def _thumbnail(file: Path, large_alone: Lock) -> Float32 | None:
    # By Pillow alone: `features.images` brings PyTorch, which a look at the data does without.
    try:
        content = read_image_file(file)
        require_checksums(content, str(file))
        with Image.open(BytesIO(content), formats=decoders()) as opened:
            require_moderate(opened, content, str(file))
            # A JPEG is decoded at a fraction of its size, several times as fast.
            opened.draft("RGB", (4 * _SIDE, 4 * _SIDE))
            large = opened.width * opened.height > _LARGE
            with large_alone if large else nullcontext():
                upright = ImageOps.exif_transpose(opened).convert("RGB")
                small = upright.resize((_SIDE, _SIDE), reducing_gap=3.0)
    except Exception:  # of a damaged file come many kinds; what is wrong is said where it is read
        return None
    return np.asarray(small, dtype=np.float32).ravel()


def _same_pixels(
    first: Iterable[str], second: Iterable[str], thumbnails: Mapping[str, Float32]
) -> Iterator[tuple[str, str]]:
    from sklearn.metrics import pairwise_distances_argmin_min  # slow to import

    ours, theirs = ([image for image in some if image in thumbnails] for some in (first, second))
    if not ours or not theirs:
        return
    known, asked = (np.stack([thumbnails[image] for image in some]) for some in (ours, theirs))
    nearest, distances = pairwise_distances_argmin_min(asked, known)
    apart = distances / np.sqrt(known.shape[1])
    contrast = np.minimum(asked.std(axis=1), known.std(axis=1)[nearest])
    for at in np.flatnonzero(apart <= np.maximum(_LIKE * contrast, _NOISE)):
        yield theirs[at], ours[nearest[at]]
