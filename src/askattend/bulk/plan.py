"""The plan of a bulk answering: all that a bit of its results could depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch
from filelock import FileLock

from askattend.bulk.items import Asked
from askattend.environment.provenance import version
from askattend.errors import ConfigError, DataError
from askattend.files import atomic_write, decode_json, digest_of, make_folder, read_whole, sweep
from askattend.runs.run_folder import (
    ANSWERS,
    ATTENTION,
    CALIBRATION,
    CONFIG,
    FEATURES,
    VECTORS,
    WEIGHTS,
    WORDS,
    Run,
)

PLAN = "plan.json"
_OF_RUN = (WEIGHTS["best"], WORDS, ANSWERS, CALIBRATION, FEATURES, VECTORS, ATTENTION, CONFIG)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings and digests that all parts of a bulk answering have in common.

    Attributes:
        askattend, torch: versions.
        run: digest of the run: weights, vocabularies, calibration, settings.
        images: how many.
        listed: digest of their ids and of the questions of each.
        questions: digest of the questions that are asked of every image.
        parts: how many shards.
        shard_images: images a shard.
        batch_size: images that go through the network together; never of two shards.
        threads: of each computing process.
        kernels: True where kernels in C compute, which round otherwise.
        device: ``"cpu"`` or ``"cuda"``.
        precision: of the network.
        features: where regions come from: a backbone, or the digest of a store.
        format: of the shards.
        maps: True where they hold maps of attention.
        top: runners-up listed, the answer among them.
        threshold: probability from which an answer is sure; None where none was chosen.
    """

    askattend: str
    torch: str
    run: str
    images: int
    listed: str
    questions: str
    parts: int
    shard_images: int
    batch_size: int
    threads: int
    kernels: bool
    device: str
    precision: str
    features: str
    format: str
    maps: bool
    top: int
    threshold: float | None

    @property
    def digest(self) -> str:
        """SHA-256 by which a shard's status names its plan."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def versions() -> tuple[str, str]:
    """Return those of askattend and PyTorch."""
    return version(), str(torch.__version__)


def run_digest(run: Run) -> str:
    """Compute a digest of the files of a run that its answers depend on."""
    parts = [(name, digest_of(run.folder / name)) for name in _OF_RUN]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def questions_digest(common: Sequence[Asked]) -> str:
    """Compute a digest of the questions that are asked of every image."""
    return hashlib.sha256(msgspec.json.encode(common)).hexdigest()[:32]


def planned_threads(out: Path) -> int | None:
    """Return the number of threads of the plan in a folder; None where there is none."""
    plan = read_plan(out)
    return None if plan is None else plan.threads


def read_plan(out: Path) -> Plan | None:
    """Read the plan in a folder; None where there is none.

    Raises:
        DataError: it is damaged, or of another version of askattend.
    """
    try:
        return decode_json(read_whole(out / PLAN), Plan)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.MsgspecError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        # A store that is being extracted has a plan, too, and is not to be deleted.
        delete = ", or delete this folder" if any(out.glob("part-*")) else ""
        raise DataError(
            f"is no plan of this version of askattend ({reason})",
            where=out / PLAN,
            remedy=f"Name another --out{delete}.",
        ) from None


def settle_plan(out: Path, plan: Plan) -> None:
    """Write the plan, or find the same one there.

    Raises:
        ConfigError: what is there was begun with other settings; names those that differ.
        DataError: as `read_plan`.
    """
    make_folder(out)
    sweep(out)
    with FileLock(out / ".plan.lock"):
        before = read_plan(out)
        if before is None:
            atomic_write(out / PLAN, msgspec.json.format(msgspec.json.encode(plan)))
            return
    if before == plan:
        return
    differing = [
        f"{name} {getattr(before, name)!r} there, {getattr(plan, name)!r} now"
        for name in Plan.__struct_fields__
        if getattr(before, name) != getattr(plan, name)
    ]
    raise ConfigError(
        f"was begun with other settings: {'; '.join(differing)}",
        where=out,
        remedy="Give the same again to go on, or name another --out.",
    )
