"""Help texts: defaults that tell something, examples, and colours only where they are wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

# A command's name → what somebody new to it would copy.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "data": (
        "askattend data easy-vqa",
        "askattend data table:shelves.csv --check-images",
        "askattend data table:regale.csv --columns image=Bild,question=Frage,answer=Antwort",
        "askattend data hf:flaviagiammarino/vqa-rad",
        "askattend data table:shelves.csv --out shelves-parquet",
    ),
    "extract": (
        "askattend extract photos/ --out features",
        "askattend extract table:shelves.csv --out features --image-size 384",
        "askattend extract table:regale.csv --columns image=Bild --out features",
        "askattend extract 'shop-{000..099}.tar' --out features",
        "askattend extract 's3://bucket/shards/*.tar' --out features --shard 3/8",
        "askattend extract s3://bucket/photos --out features --engine ray --address auto",
    ),
    "train": (
        "askattend train saaa --data easy-vqa --preset easy-vqa --out runs/demo",
        "askattend train san --data table:shelves.csv --out runs/shelves",
        "askattend train saaa --data table:shelves.csv --out runs/b --train.seed 3",
        "askattend train saaa --data table:shelves.csv --out runs/mine --attention mine.py:Mine",
        "askattend train san --data table:regale.csv --columns image=Bild --out runs/regale",
        "askattend train any --data table:shelves.csv --out runs/shelves --search 15m",
        "askattend train saaa --data easy-vqa --out runs/demo --resume",
    ),
    "evaluate": (
        "askattend evaluate runs/demo",
        "askattend evaluate runs/shelves --split valid --json",
        "askattend evaluate runs/shelves --data table:regale.csv --columns image=Bild",
        "askattend evaluate hf:Salesforce/blip-vqa-base --data vqa:DIR --split valid",
    ),
    "score": (
        "askattend score results.json --data vqa:DIR --split valid",
        "askattend score results.json --data table:regale.csv --columns id=Nummer",
        "askattend score answers.json --data vqa:DIR --server http://localhost:8080",
    ),
    "compare": (
        "askattend compare runs/saaa runs/san",
        "askattend compare runs/saaa-0 runs/saaa-1 runs/san-0 runs/san-1 --page table.html",
        "askattend compare runs/saaa results.json --data vqa:DIR --split valid",
        "askattend compare runs/saaa runs/san --data table:regale.csv --columns image=Bild",
        "askattend compare runs/saaa hf:Salesforce/blip-vqa-base",
    ),
    "pack": ("askattend pack runs/shelves shelves.zip",),
    "push": ("askattend push runs/shelves our-team/shelves --private",),
    "export": (
        "askattend export demo --out demo-onnx",
        "askattend export runs/shelves --weights int8 --out shelves-int8",
        "askattend export runs/shelves --format web --out shelves-page",
    ),
    "verify": (
        "askattend verify runs/demo",
        "askattend verify features --json",
        "askattend verify runs/demo --accept",
    ),
    "doctor": ("askattend doctor", "askattend doctor --json"),
    "cache": (
        "askattend cache",
        "askattend cache runs --older-than 30",
        "askattend cache runs/features --clear",
    ),
    "plan": (
        "askattend plan --images 100M --questions-per-image 5 --hosts 8 --price-gpu-hour 2.50",
        "askattend plan --images 100M --work extract --dtype int8 --price-gb-month 0.02",
        "askattend plan --images 20k --gpu none --measure --json",
    ),
    "ask": (
        'askattend ask demo drawing.png "what color is the shape?"',
        'askattend ask runs/demo photo.jpg "what colour is it?" --overlay out.png',
        'askattend ask runs/demo photo.jpg "is it red?" --overlay out.png --draw-as cells',
        'askattend ask runs/demo photo.jpg "is it red?" "is it round?" --json',
    ),
    "explain": (
        'askattend explain runs/shelves shelf2.jpg "how many boxes are there?" --out page.html',
        'askattend explain runs/shelves shelf2.jpg "is it full?" --reworded "is the shelf full?"',
    ),
    "predict": (
        "askattend predict runs/demo --images photos/ --questions questions.txt --out results",
        "askattend predict runs/shelves --data table:shelves.csv --split test --out results",
        "askattend predict runs/demo --images 'shop-{000..009}.tar' --questions pairs.jsonl "
        "--out results --shard 3/8",
        "askattend predict runs/demo --images photos/ --questions questions.txt "
        "--out results --engine ray --address auto",
    ),
    "serve": (
        "askattend serve runs/demo",
        "askattend serve runs/saaa runs/san --host 0.0.0.0 --token-file token.txt",
    ),
    "trace": (
        "askattend trace saaa --batch-size 2 --model.glimpses 3",
        'askattend trace --run runs/demo --image photo.jpg --question "is it red?"',
    ),
    "import": (
        "askattend import pytorch-vqa LOG.pth --out runs/imported",
        "askattend import hdf5 FILE.h5 --out features",
    ),
    "completion": ("askattend completion bash",),
}


def with_examples(text: str, command: str) -> str:
    """Put a command's examples below the text of its help.

    Args:
        text: what the command does.
        command: its name; for one of its forms, both: ``"train saaa"``.
    """
    name, _, form = command.partition(" ")
    every = EXAMPLES.get(name, ())
    # Of a form its own, if there are any.
    examples = [each for each in every if f" {form} " in each] or every
    if not examples:
        return text
    return "\n".join((text.rstrip(), "", "Examples:", *(f"  {each}" for each in examples)))


def shown_defaults(arguments: Mapping[str, Any]) -> ConstructorRegistry:
    """Make the rule by which help shows an option's value and default.

    Of ``X | None`` it shows X; a default that says nothing, such as None, it leaves out.

    Args:
        arguments: an option's name, or that of its dataclass, a point and its own → what
            `tyro.conf.arg` says of it, where there is more.
    """
    registry, rule = ConstructorRegistry(), _Rule(arguments)
    registry.struct_rule(rule)
    return registry


class _Rule:
    """tyro's own rules for a dataclass, with other texts for its fields."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments, self._asking = arguments, False

    def __call__(self, info: StructTypeInfo) -> StructConstructorSpec | None:
        if self._asking:  # the rules below this one are asked
            return None
        self._asking = True
        try:
            spec = ConstructorRegistry.get_struct_spec(info)
        finally:
            self._asking = False
        if not isinstance(spec, StructConstructorSpec):
            return None
        kind = get_origin(info.type) or info.type
        of = getattr(kind, "__name__", "")
        return replace(spec, fields=tuple(self._shown(field, of) for field in spec.fields))

    def _shown(self, field: StructFieldSpec, of: str) -> StructFieldSpec:
        if not isinstance(field.default, str | int | float | tuple | NoneType):
            return field  # without a default, or with options of its own
        annotated = get_origin(field.type) is Annotated
        kind, *metadata = get_args(field.type) if annotated else (field.type,)
        shown = tyro.conf.arg(metavar=_metavar(kind), help_behavior_hint=_hint)
        names = (field.name, f"{of}.{field.name}")
        more = [self._arguments[name] for name in names if name in self._arguments]
        return replace(field, type=Annotated[(kind, shown, *metadata, *more)])  # type: ignore[arg-type]


def _metavar(kind: Any) -> str | None:
    """Return the word for the value of ``X | None``: X's; None where tyro's own will do."""
    if get_origin(kind) not in (Union, UnionType) or NoneType not in get_args(kind):
        return None
    others = tuple(part for part in get_args(kind) if part is not NoneType)
    value: Any = Union[others]  # noqa: UP007
    value = PrimitiveTypeInfo.make(value, set())
    spec = ConstructorRegistry.get_primitive_spec(value)
    return spec.metavar if isinstance(spec, PrimitiveConstructorSpec) else None


def _hint(default: str) -> str:
    return "" if default in ("", "''", "None", "False") else f"(default: {default})"


@contextmanager
def colours() -> Iterator[None]:
    """Let tyro use colours only where both outputs are terminals and NO_COLOR is not set.

    It looks at standard output alone, and so would write colours into a file of errors.
    """
    options = tyro._experimental_options
    before = options["ansi_codes"]
    terminals = sys.stdout.isatty() and sys.stderr.isatty()
    options["ansi_codes"] = before and terminals and not os.environ.get("NO_COLOR")
    try:
        yield
    finally:
        options["ansi_codes"] = before
