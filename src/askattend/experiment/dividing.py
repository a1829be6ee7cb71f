"""Checks before several processes train together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
import torch

from askattend.data.splits import Splits
from askattend.devices import pick_device
from askattend.errors import ConfigError, FeatureError
from askattend.experiment.config import Config
from askattend.experiment.features import Features
from askattend.features.none import NoFeatures
from askattend.training.processes import Processes

# Images whose features are compared, and how far they may differ, since processors of other kinds
# round otherwise: of the greatest number.
COMPARED, TOLERANCE = 4, 0.02


def require_device(config: Config[Any], processes: Processes) -> None:
    """Refuse a device that is not there, or that several processes would share.

    Raises:
        ConfigError: names the setting.
        RunError: processes would compute on other kinds of devices.
    """
    device = pick_device(config.train.device)
    if processes.count == 1:
        return
    processes.require_same("device", device.type)
    if device.type != "cuda":
        return
    if device.index is not None:
        raise ConfigError(
            f"{processes.count} processes cannot all compute on {device}",
            where="train.device",
            remedy="Leave it at auto: each process takes a GPU of its own.",
        )
    processes.require_each(
        torch.cuda.current_device() == processes.local_rank,
        "has no GPU of its own",
        "Start as many processes on a host as it has GPUs, or add --train.device cpu.",
    )


def require_enough(config: Config[Any], splits: Splits, processes: Processes) -> None:
    """Refuse more processes than a step has questions for, or than there are images.

    Raises:
        ConfigError: names both numbers.
    """
    count, batch = processes.count, config.train.batch_size
    if count > batch:
        raise ConfigError(
            f"a step of {batch} questions cannot be divided among {count} processes",
            where="train.batch_size",
            remedy="Start fewer processes, or raise --train.batch-size.",
        )
    if count > (images := len({question.image for question in splits.train})):
        raise ConfigError(
            f"the questions to learn from are about {images} images: some of {count} processes "
            "would have none",
            where=splits.train.source,
            remedy="Start fewer processes.",
        )


def require_same_features(images: Iterable[str], features: Features, processes: Processes) -> None:
    """Refuse to go on where processes have other features of the same images.

    Each host may have extracted its own, so that their last bits may differ.

    Raises:
        FeatureError: names the process.
        RunError: they were made by another backbone, or in another way.
    """
    processes.require_same("features", repr(features.spec))
    if processes.count == 1 or isinstance(features, NoFeatures):
        return
    names = list(islice(images, COMPARED))
    some = features.read(names).float().numpy()
    for rank, others in enumerate(processes.gather(some)):
        if not np.allclose(others, some, rtol=0, atol=TOLERANCE * np.abs(some).max()):
            raise FeatureError(
                f"{processes.name(rank)} has other features of {names[0]} and the like than "
                f"{processes.name(processes.rank)}",
                where=getattr(features, "path", None),
                remedy="Copy one store to all hosts, or extract the same images anew.",
            )
