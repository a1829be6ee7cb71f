"""``askattend plan``: what work on many images takes, before it is begun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import FlagCreatePairsOff

from askattend.cli.console import parse, print_json
from askattend.cli.options import Json
from askattend.cli.plan_table import table
from askattend.errors import ConfigError
from askattend.features.backbones import DEFAULT, check_dtype, default_size
from askattend.features.storage import Dtype
from askattend.planning.pipeline import Job, grid_of
from askattend.planning.plan import Plan as Planned
from askattend.planning.plan import Prices, make_plan
from askattend.planning.quantity import read_quantity
from askattend.planning.rates import NO_GPU, Rate, Rates, machines, named_rates

# Where nothing is said of them: bytes of a photo (COCO's train2014: 13 GB, 82,783 images).
IMAGE_BYTES, ANSWER_BYTES = "157k", "100"
MOST_PIXELS = 8192
Number = Annotated[str, tyro.conf.arg(metavar="NUMBER")]
Optional = Annotated[str | None, tyro.conf.arg(metavar="NUMBER")]


@dataclass(frozen=True)
class Plan:
    """Tell what work on many images takes: hours, GPUs, disk, network, money, and what limits it.

    Numbers may be written 100e6, 100M or 100_000_000; k, M, G and T are powers of 1,000."""

    images: Number
    """Images that there are."""
    questions_per_image: Number = "1"
    """Questions about each, on average."""
    work: Literal["predict", "extract", "train"] = "predict"
    """predict: answers; extract: a store of features; train: a store, then epochs over it."""
    gpu: Annotated[str, tyro.conf.arg(metavar="NAME")] = "h100"
    """GPU with rates that were measured (h100), or none."""
    hosts: Number = "1"
    """Machines, all alike."""
    gpus_per_host: Number = "1"
    """GPUs of each."""
    cores: Optional = None
    """Cores of each host, to decode with; by default as many for each GPU as were
    measured beside one."""
    epochs: Number = "20"
    """Epochs, with --work train."""
    backbone: str = DEFAULT
    """Backbone, named as by extract."""
    image_size: Optional = None
    """Side of the square that the backbone looks at, in pixels; by default its own."""
    grid: Annotated[str | None, tyro.conf.arg(metavar="RxCxD")] = None
    """Rows, columns and numbers a region of the features, as 14x14x2048; asked for where the
    backbone is not efficientnet-lite2."""
    dtype: Dtype = "float16"
    """Type that features are stored in."""
    store: FlagCreatePairsOff[bool] = False
    """Store features with --work predict, too; extract and train always do."""
    no_store: FlagCreatePairsOff[bool] = False
    """Store none, as predict does by default."""
    attention: Number = "0"
    """Maps of attention in 8 bits to write for each answer."""
    image_bytes: Number = IMAGE_BYTES
    """Bytes of an image file, on average; by default those of COCO's photos."""
    answer_bytes: Number = ANSWER_BYTES
    """Bytes of an answer in the results, on average: assumed."""
    shard_images: Number = "256"
    """Images a shard."""
    startup: Number = "15"
    """Seconds until a process has its first image: assumed."""
    decode_rate: Optional = None
    """Images a second that one core decodes, instead of the measured ones."""
    backbone_rate: Optional = None
    """Images a second of the backbone on one GPU; without GPUs, on one core."""
    answer_rate: Optional = None
    """Questions a second that the network answers, likewise."""
    train_rate: Optional = None
    """Questions a second in training, likewise."""
    read_rate: Optional = None
    """Bytes a second that a host reads from where images lie."""
    write_rate: Optional = None
    """Bytes a second that a host writes."""
    price_gpu_hour: Number = "0"
    """Price of a GPU for an hour."""
    price_host_hour: Number = "0"
    """Price of a host for an hour, beside its GPUs."""
    price_gb_month: Number = "0"
    """Price of 10⁹ bytes on disk for a month."""
    months: Number = "1"
    """Months that results and features lie on disk."""
    measure: bool = False
    """Measure this machine for some seconds, and plan for hosts like it; its GPU if it has one."""
    json: Json = False

    def number(self, name: str, **limits: Any) -> float:
        """Read an option that is a number."""
        return read_quantity(getattr(self, name), name.replace("_", "-"), **limits)

    def count(self, name: str) -> int:
        """Read an option that is a whole number, at least 1."""
        return int(self.number(name, least=1, whole=True))


def run(argv: list[str]) -> None:
    """Parse the command's options, plan, and print the table."""
    options: Plan = parse(Plan, argv, "plan")
    job = _job(options)
    prices = Prices(
        options.number("price_gpu_hour"),
        options.number("price_host_hour"),
        options.number("price_gb_month"),
        options.number("months"),
    )
    rates = _overridden(options, _rates(options, job))
    planned: Planned = make_plan(job, rates, prices)
    if options.json:
        print_json({"machine": rates.title, "cores": rates.cores, **planned.as_json()})
    else:
        print(table(job, rates, planned))


def _job(options: Plan) -> Job:
    check_dtype(options.dtype)
    if options.no_store and options.store:
        raise ConfigError("both --store and --no-store are there", remedy="Leave one out.")
    if options.no_store and options.work != "predict":
        problem = f"{options.work} stores features: that is its result, or what epochs read"
        raise ConfigError(problem, where="--no-store", remedy="Leave it out, or plan predict.")
    if options.image_size is None:
        size = default_size(options.backbone)
    else:
        size = options.count("image_size")
    if size > MOST_PIXELS:
        where, remedy = f"--image-size {options.image_size}", f"At most {MOST_PIXELS}."
        raise ConfigError("too large for a backbone", where=where, remedy=remedy)
    return Job(
        work=options.work,
        images=options.count("images"),
        questions_per_image=options.number("questions_per_image"),
        hosts=options.count("hosts"),
        gpus=options.count("gpus_per_host"),
        backbone=options.backbone,
        image_size=size,
        grid=grid_of(options.backbone, size, options.grid),
        dtype=options.dtype,
        store=options.work != "predict" or options.store,
        epochs=options.count("epochs"),
        image_bytes=options.number("image_bytes", least=1),
        answer_bytes=options.number("answer_bytes", least=1),
        attention=int(options.number("attention", whole=True)),
        shard_images=int(options.number("shard_images", least=1, whole=True)),
        startup=options.number("startup"),
    )


def _rates(options: Plan, job: Job) -> Rates:
    cores = None if options.cores is None else options.count("cores")
    if not options.measure:
        found = named_rates(options.gpu, cores)
        if cores is None and found.gpu:
            found = found.with_cores(found.cores * job.gpus)
        return found
    if options.gpu.lower() not in (*machines(), NO_GPU):
        named_rates(options.gpu, cores)  # which names those that are known
    from askattend.planning.measure import measured_rates  # which needs the backbone and time

    found = measured_rates(options.backbone, job.image_size)
    return found if cores is None else found.with_cores(cores)


def _overridden(options: Plan, rates: Rates) -> Rates:
    """Put the rates that the user names in the place of others."""
    given = {}
    for step in ("decode", "backbone", "answer", "train", "read", "write"):
        name = f"{step}_rate"
        if getattr(options, name) is not None:
            value = options.number(name, least=1e-6)
            given[step] = Rate(value, f"given by --{step}-rate")
    return rates.replaced(given)
