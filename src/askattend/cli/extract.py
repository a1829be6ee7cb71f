"""``askattend extract``: images become a store of region features."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from askattend.cli.console import parse, print_json, progress
from askattend.cli.interruption import going_on_with, kept_images
from askattend.cli.options import Flat, Json
from askattend.cluster.config import ClusterConfig
from askattend.cluster.extracting import cluster_extractor
from askattend.cluster.session import require_cluster
from askattend.errors import ConfigError
from askattend.experiment.features import extract_features, extract_share_of_features
from askattend.features.extract_config import ExtractConfig
from askattend.features.shares import parts_of_share
from askattend.features.store import FeatureStore


@dataclass(frozen=True)
class Extract:
    """Turn images into a store of region features."""

    out: Path
    """The store, a folder; an unfinished one is continued."""
    config: Annotated[ExtractConfig, Flat]
    cluster: Annotated[ClusterConfig, Flat]
    source: Annotated[
        Positional[tuple[str, ...]],
        tyro.conf.arg(
            metavar="SOURCE|FOLDER|FILE.tar|ADDRESS …",
            help_behavior_hint="(required, or --images)",
        ),
    ] = ()
    """A source of questions, as `askattend data --help` lists them; or folders, tar files
    (a-{000..009}.tar) or addresses (s3://…) of images."""
    images: Annotated[tuple[str, ...], tyro.conf.arg(metavar="FOLDER|FILE.tar|ADDRESS …")] = ()
    """The same folders, tar files or addresses, named as `predict` has them."""
    flips: bool = False
    """Extract each image's mirror image too, for training with --train.flips."""
    shard: str = ""
    """Do the i-th of N shares alone (3/8): for schedulers that start many processes."""
    strict: bool = False
    """Exit with status 1 if any image is broken."""
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, extract, and list what is broken."""
    options: Extract = parse(Extract, argv, "extract")
    sources = (*options.source, *options.images)
    if not sources:
        remedy = "Add a folder, a tar file, an address or a source of questions."
        raise ConfigError("no images named", remedy=remedy)
    _check_share(options)
    require_cluster(options.cluster)
    with going_on_with(["extract", *argv], lambda: kept_images(options.out)):
        broken = _extract_share(options, sources) if options.shard else _extract(options, sources)
    for image, reason in broken.items():
        print(f"broken: {image}: {reason}", file=sys.stderr)
    if options.strict and broken:
        sys.exit(1)


def _extract(options: Extract, sources: Sequence[str]) -> Mapping[str, str]:
    """Extract all of it; return what is broken."""
    console, engine = progress(), None
    if options.cluster.engine == "ray":
        engine = cluster_extractor(options.out, options.config, options.cluster, console)
    report = extract_features(
        sources,
        options.out,
        options.config,
        flips=options.flips,
        console=console,
        engine=engine,
    )
    if options.json:
        counts = {"images": len(report.store), "done": report.done, "already": report.already}
        print_json({"store": str(report.store.path), **counts, "broken": dict(report.broken)})
    else:
        print(f"{len(report.store):,} images in {report.store.path}")
    return report.broken


def _extract_share(options: Extract, sources: Sequence[str]) -> Mapping[str, str]:
    """Extract a share of it; return what is broken there."""
    done = extract_share_of_features(
        sources,
        options.out,
        options.shard,
        options.config,
        flips=options.flips,
        console=progress(),
    )
    if options.json:
        told = {"store": str(options.out), "shard": options.shard, "left": done.left}
        print_json({**told, "broken": dict(done.broken)})
    elif done.left:
        shards = "1 shard" if done.left == 1 else f"{done.left:,} shards"
        print(f"share {options.shard} is in {options.out}; {shards} of other shares are not yet")
    else:
        print(f"{len(FeatureStore.open(options.out)):,} images in {options.out}")
    return done.broken


def _check_share(options: Extract) -> None:
    parts_of_share(options.shard, 1)
    if options.shard and options.cluster.engine == "ray":
        raise ConfigError(
            "is for processes that nobody coordinates",
            where="--shard",
            remedy="Leave it out, or --engine ray, which divides the work itself.",
        )
