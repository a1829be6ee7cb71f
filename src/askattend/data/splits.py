"""Splits: the questions that a model is trained on, and those that tell when to stop."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from askattend.data.questions import QASet, Question
from askattend.errors import ConfigError, DataError, closest

# Fewer images than this leave too few to hold any back.
FEWEST_IMAGES = 20
# Of fewer, so many are held back as the fraction means, whatever chance would have left.
FEW_IMAGES = 200

USUAL_SPLITS = ("train", "valid", "test")
# So like a usual name, a split's is taken for a slip: "tset" is, "test-dev" is not.
SLIP = 0.75
# What data sets call them → what they are called here.
_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def canonical_split(name: str) -> str:
    """Return ``"train"``, ``"valid"`` or ``"test"`` for their usual names; others as they are.

    >>> canonical_split("Val"), canonical_split("test-dev")
    ('valid', 'test-dev')
    """
    return _NAMES.get(name.strip().lower(), name.strip())


def shared_images(questions: Iterable[Question]) -> dict[tuple[str, str], int]:
    """Count the images that two splits share, for those that share any."""
    images: dict[str, set[str]] = {}
    for question in questions:
        images.setdefault(question.split, set()).add(question.image)
    # Pairs in order of appearance, so that notes read as the set does.
    shared = {(a, b): len(images[a] & images[b]) for a, b in combinations(images, 2)}
    return {splits: count for splits, count in shared.items() if count}


def shared_note(questions: Iterable[Question]) -> tuple[str, ...]:
    """Make a note on images that splits share, if any do."""
    return shared_remark(shared_images(questions))


def shared_remark(shared: Mapping[tuple[str, str], int]) -> tuple[str, ...]:
    """Make `shared_note` from the counts of `shared_images`."""
    both = ", ".join(f"{count:,} of '{a}' and '{b}'" for (a, b), count in shared.items())
    return (f"splits share images: {both}",) if both else ()


def odd_splits(questions: QASet, trained_on: Iterable[str] = ()) -> tuple[str, ...]:
    """Make notes on splits of no usual name, since a misspelt one would go unnoticed.

    Args:
        questions: all of a source.
        trained_on: further names that are known to be meant.
    """
    notes = []
    for name, count in questions.splits.items():
        if name not in (*USUAL_SPLITS, *trained_on):
            meant = closest(name.lower(), USUAL_SPLITS, likeness=SLIP)
            hint = f". Did you mean '{meant}'?" if meant else ""
            notes.append(f"split '{name}' ({count:,}) is neither trained nor validated on{hint}")
    return tuple(notes)


def no_test_note(questions: QASet) -> tuple[str, ...]:
    """Make a note where there is no test split: nothing is left to say how good a network is."""
    if not {*questions.splits, *questions.subsets} <= {"train", "valid"}:
        return ()
    return (
        "no questions are kept to test on: evaluate --split valid says how good the network is, "
        "and flatters, since training is steered by those. For figures to rely on, give the "
        f"questions of some images the split 'test' before training{_or_held_out(questions)}",
    )


def _or_held_out(questions: QASet) -> str:
    """Name the option by which a table's images are held out."""
    if not questions.source.startswith("table:"):
        return ""
    return f", or hold out a fifth of the images: {questions.source},test=0.2"


@dataclass(frozen=True)
class Splits:
    """Questions to train on and questions to validate on.

    Questions keep their ids and the split their source put them in, so `valid` may hold questions
    whose `split` is ``"train"``.

    Attributes:
        train: to learn from.
        valid: to validate on: no image of `train`, unless `notes` says so.
        notes: where `valid` comes from, to be printed.
        tested: True where further questions are kept to test on.
    """

    train: QASet
    valid: QASet
    notes: tuple[str, ...]
    tested: bool = True


def training_splits(
    qaset: QASet, *, train_on: str = "train", fraction: float = 0.1, seed: int = 0
) -> Splits:
    """Divide a set into training and validation questions.

    The set's own ``"valid"`` split is used if it has answers and is not trained on. Otherwise about
    `fraction` of the training images are held back with all their questions. An image's side
    depends on its id, the fraction and the seed alone: it is the same on every machine and stays
    when images are added. Below 20 training images the training questions are validated on
    themselves.

    Args:
        qaset: must have the splits of `train_on`.
        train_on: the splits to learn from, joined by ``+``: ``"train+valid"`` as is usual before a
            test server is asked; `fraction` of both is held back then.
        fraction: of the training images to hold back, in (0, 1).
        seed: chooses which.

    Raises:
        ConfigError: `fraction` is out of range.
        DataError: a split of `train_on` is not there, or, of several, one has no answers.
    """
    if not 0 < fraction < 1:
        raise ConfigError(
            "must lie between 0 and 1", where=f"fraction = {fraction}", remedy="0.1 is usual."
        )
    names = split_names(train_on)
    train = _train_split(qaset, names)
    if "valid" not in qaset.splits or "valid" in names:
        return _carve(train, fraction, seed)
    valid = qaset.split("valid")
    if any(question.answers for question in valid):
        return _given(train, valid)
    # Nothing could be scored on it: some sets keep even the answers of validation to themselves.
    carved = _carve(train, fraction, seed)
    return replace(carved, notes=("the 'valid' split has no answers", *carved.notes))


def questions_of_split(qaset: QASet, name: str) -> QASet:
    """Select the questions of a split, for whoever learns nothing from the others.

    ``valid``, where the set has none, is what training holds back by its default settings.

    Raises:
        DataError: the split is empty or does not exist.
    """
    if name == "valid" and "valid" not in qaset.splits and "train" in qaset.splits:
        return training_splits(qaset).valid
    return qaset.split(name)


def fold_splits(qaset: QASet, count: int, *, seed: int = 0) -> tuple[Splits, ...]:
    """Divide questions into folds by image, for each to be validated on once.

    Raises:
        DataError: there are fewer images than folds.
    """
    if len(qaset.images) < count:
        raise DataError(
            f"{len(qaset.images):,} images cannot be divided into {count} folds",
            where=qaset.source,
            remedy="Ask for fewer folds, or add images.",
        )
    return tuple(
        Splits(of_images(qaset, qaset.images.keys() - part), of_images(qaset, part), ())
        for part in image_folds(qaset, count, seed=seed)
    )


def split_names(train_on: str) -> tuple[str, ...]:
    """List the splits of a setting such as ``"train+val"``, by their canonical names."""
    return tuple(dict.fromkeys(map(canonical_split, train_on.split("+"))))


def _train_split(qaset: QASet, names: tuple[str, ...]) -> QASet:
    if "train" in names and "train" not in qaset.splits:
        known = ", ".join(f"{split} ({count})" for split, count in qaset.splits.items())
        raise DataError(
            "no split 'train' to learn from",
            where=qaset.source,
            remedy=f"It has: {known or 'no questions at all'}.",
        )
    parts = [qaset.split(name) for name in names]
    for name, part in zip(names, parts, strict=True):
        # A single split without answers fails where the vocabulary is built, with more to say.
        if len(parts) > 1 and not any(question.answers for question in part):
            raise DataError(
                f"split '{name}' has no answers to learn from",
                where=qaset.source,
                remedy="Train on the others alone.",
            )
    # A question may be in a split and in a subset of it, but is learnt from once.
    questions = {question.id: question for part in parts for question in part}
    images = {image: file for part in parts for image, file in part.images.items()}
    return replace(qaset, questions=tuple(questions.values()), images=images)


def _given(train: QASet, valid: QASet) -> Splits:
    notes = [f"validated on the set's own 'valid' split: {_size(valid)}"]
    both = len(train.images.keys() & valid.images.keys())
    if both:
        notes.append(f"{both:,} images are in 'train' and 'valid' both: validation flatters")
    return Splits(train, valid, tuple(notes))


def _carve(train: QASet, fraction: float, seed: int) -> Splits:
    if len(train.images) < FEWEST_IMAGES:
        note = (
            f"validated on the training questions themselves: {len(train.images)} images are too "
            f"few to hold any back (from {FEWEST_IMAGES} on, some are)"
        )
        return Splits(train, train, (note,))
    held_back = choose_images(train.images, fraction, seed)
    valid = of_images(train, held_back)
    note = (
        f"validated on {_size(valid)} held back from {len(train.images):,} training images "
        f"(fraction {fraction:g}, seed {seed})"
    )
    return Splits(of_images(train, train.images.keys() - held_back), valid, (note,))


def choose_images(images: Iterable[str], fraction: float, seed: int, *, draw: str = "") -> set[str]:
    """Choose the images whose number falls below `fraction`; at least one, and never all.

    Of few images chance may leave hardly one: then so many as the fraction means.

    Args:
        images: their ids.
        fraction: of them.
        seed: chooses which.
        draw: name of the choice, where one seed makes several.
    """
    numbered = sorted((_uniform(f"{draw}{image}", seed), image) for image in images)
    count = sum(number < fraction for number, _ in numbered)
    least = round(fraction * len(numbered)) if len(numbered) < FEW_IMAGES else 1
    return {image for _, image in numbered[: min(max(count, least, 1), len(numbered) - 1)]}


def image_folds(questions: QASet, count: int, *, seed: int = 0) -> tuple[frozenset[str], ...]:
    """Divide the images of a set into folds whose sizes differ by one at most.

    Args:
        questions: whose images they are.
        count: the number of folds.
        seed: chooses which image is in which.

    Raises:
        ConfigError: there are fewer images than folds.
    """
    if count > len(questions.images):
        problem = (
            f"{len(questions.images):,} training images cannot be divided into {count:,} parts"
        )
        raise ConfigError(problem, where=f"seeds = {count}", remedy="Name fewer, or hold none out.")
    ordered = sorted(questions.images, key=lambda image: (_uniform(image, seed), image))
    return tuple(frozenset(ordered[fold::count]) for fold in range(count))


def of_images(qaset: QASet, images: Iterable[str]) -> QASet:
    """Select the questions about some images, with only those images."""
    chosen = frozenset(images)
    return replace(
        qaset,
        questions=tuple(question for question in qaset if question.image in chosen),
        images={image: file for image, file in qaset.images.items() if image in chosen},
    )


def _uniform(image: str, seed: int) -> float:
    """Draw a number in [0, 1) that depends on nothing but the arguments."""
    # Python's own `hash` differs from process to process.
    # A file's name need not be UTF-8: surrogates stand for its other bytes.
    digest = hashlib.blake2b(f"{seed}:{image}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") / 2**64


def _size(qaset: QASet) -> str:
    return f"{len(qaset):,} questions on {len(qaset.images):,} images"
