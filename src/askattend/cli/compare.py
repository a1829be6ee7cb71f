"""``askattend compare``: two runs, or anybody's answers, on the same questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from askattend.cli.console import parse, print_json, print_notes
from askattend.cli.options import Json
from askattend.scoring.comparison import Comparison, compare_paths
from askattend.scoring.paired_scores import Difference


@dataclass(frozen=True)
class Compare:
    """Compare two runs on the same questions: is the difference more than chance?"""

    first: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN|RESULTS.json")]
    """An evaluated run; with --data, a results file will do."""
    second: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN|RESULTS.json")]
    """Another; differences are its accuracy less the first's."""
    data: str | None = None
    """Question source to score both against; by default scores are those of their evaluations."""
    split: str | None = None
    """The split; by default test, or the only one that a run was evaluated on or a file answers."""
    dialect: str | None = None
    """Way that VQA accuracy compares answers, with --data: current, pre2021 or normalized."""
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, compare, and print the figures."""
    options: Compare = parse(Compare, argv, "compare")
    paths = options.first, options.second
    comparison = compare_paths(
        *paths, data=options.data, split=options.split, dialect=options.dialect
    )
    print_notes(comparison.notes)
    if options.json:
        print_json(comparison)
    else:
        print("\n".join(_lines(comparison)))


def _lines(comparison: Comparison) -> list[str]:
    overall, images = comparison.overall, comparison.images
    about = "" if images is None else f" about {images:,} images"
    better = "alone right" if comparison.mcnemar_p is not None else "scored higher"
    cluster = "questions" if images is None else "images"
    lines = [
        f"{comparison.split}: {overall.questions:,} questions{about}; {comparison.metric}",
        *(
            f"{side.accuracy:>8.2%}  {_interval(side.interval)}  {better} on {count:,}: {side.name}"
            for side, count in (
                (comparison.first, overall.first_better),
                (comparison.second, overall.second_better),
            )
        ),
        f"{overall.difference:>+8.2%}  {_interval(overall.interval, '+')}  second less first",
        *(_difference(name, each) for name, each in comparison.by_answer_type.items()),
        *([] if comparison.wups is None else [_difference("WUPS at 0.9", comparison.wups)]),
        f"95 % intervals by bootstrap over {cluster}",
        f"p = {comparison.permutation_p:.2g}: paired permutation test, by {cluster}",
    ]
    if comparison.mcnemar_p is not None:
        p = comparison.mcnemar_p
        lines.append(f"p = {p:.2g}: McNemar's exact test, as if questions were independent")
    if comparison.wups_permutation_p is not None:
        p = comparison.wups_permutation_p
        lines.append(f"p = {p:.2g}: paired permutation test of WUPS at 0.9")
    return lines


def _difference(name: str, each: Difference) -> str:
    return (
        f"{each.difference:>+8.2%}  {_interval(each.interval, '+')}  "
        f"{name}: {each.first:.2%} → {each.second:.2%} of {each.questions:,}"
    )


def _interval(ends: tuple[float, float], sign: str = "") -> str:
    low, high = (f"{end:{sign}.2%}" for end in ends)
    return f"[{low}, {high}]"
