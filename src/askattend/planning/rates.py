"""How quickly a machine does each step, and where each figure is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec

from askattend.errors import ConfigError, did_you_mean
from askattend.settings import Positive, PositiveFloat, from_mapping, read_toml

MACHINES = Path(__file__).with_name("machines.toml")
NO_GPU = "none"


@dataclass(frozen=True)
class Rate:
    """A rate with its source.

    Attributes:
        value: a second; its unit is its step's.
        source: where it is from, in words.
        backbone: whose it is, where that matters.
        image_size: side of the square in pixels that it was measured at.
    """

    value: PositiveFloat
    source: str
    backbone: str = ""
    image_size: int = 0


class Rates(msgspec.Struct, frozen=True):
    """The rates of one machine; None where nothing was measured.

    Attributes:
        title: the machine in words.
        cores: of a host.
        gpu: True where backbone and network are on a GPU.
        read: bytes a second that a host reads of image files.
        decode: images a second and core.
        backbone: images a second and GPU; without a GPU, and core.
        answer: questions a second, likewise.
        train: questions a second in training, likewise.
        write: bytes a second that a host writes.
    """

    title: str
    cores: int
    gpu: bool
    read: Rate
    write: Rate
    decode: Rate | None = None
    backbone: Rate | None = None
    answer: Rate | None = None
    train: Rate | None = None

    def with_cores(self, cores: int) -> Rates:
        """Return the same with so many cores a host."""
        return msgspec.structs.replace(self, cores=cores)

    def replaced(self, steps: Mapping[str, Rate]) -> Rates:
        """Return the same with other rates of some steps."""
        return msgspec.structs.replace(self, **steps)


# Neither is measured: common hardware's, to be replaced by --read-rate and --write-rate.
READ = Rate(1.25e9, "assumed: a link of 10 Gbit/s")
WRITE = Rate(5e8, "assumed: one solid-state disk")


@dataclass(frozen=True)
class _Machine:
    """A table of `machines.toml`."""

    title: str
    cores: Positive
    decode: Rate
    backbone: Rate
    answer: Rate
    train: Rate


@cache
def machines() -> Mapping[str, _Machine]:
    """Read the named machines, by name."""
    tables = read_toml(MACHINES)
    steps = ("decode", "backbone", "answer", "train")
    found = {}
    for name, table in tables.items():
        where = f"{MACHINES.name}: {name}"
        read = {step: from_mapping(Rate, table[step], where=where) for step in steps}
        found[name] = from_mapping(_Machine, {**table, **read}, where=where)
    return found


def named_rates(gpu: str, cores: int | None) -> Rates:
    """Return the rates of a named GPU, or the empty ones of a host without one.

    Raises:
        ConfigError: there is no such machine; names the nearest.
    """
    if gpu == NO_GPU:
        return Rates("no GPU", cores or 1, False, READ, WRITE)
    name = gpu.lower()
    if name not in machines():
        raise ConfigError(
            f"no rates of '{gpu}' are known",
            where=f"--gpu {gpu}",
            remedy=f"{did_you_mean(name, [*machines(), NO_GPU])} "
            "Or give --gpu none with --measure, on such a machine.",
        )
    found = machines()[name]
    steps = {step: getattr(found, step) for step in ("decode", "backbone", "answer", "train")}
    return Rates(found.title, cores or found.cores, True, READ, WRITE, **steps)


def for_backbone(rate: Rate, backbone: str, image_size: int) -> Rate:
    """Return a backbone's rate at another size, by its pixels; another backbone's is not known.

    Raises:
        ConfigError: it was measured with another backbone.
    """
    if rate.backbone and rate.backbone != backbone:
        raise ConfigError(
            f"no rate of {backbone} is known, only of {rate.backbone}",
            where="--backbone",
            remedy="Give --backbone-rate, in images a second, or --measure.",
        )
    if not rate.image_size or rate.image_size == image_size:
        return rate
    scaled = rate.value * (rate.image_size / image_size) ** 2
    source = f"{rate.source}; scaled by pixels to {image_size} px, not measured there"
    return replace(rate, value=scaled, source=source)
