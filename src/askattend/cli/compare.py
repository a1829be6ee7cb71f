"""``askattend compare``: runs, or anybody's answers, on the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from askattend.cli.console import parse, print_json, print_notes
from askattend.cli.options import REQUIRED, Json
from askattend.metrics.accuracy import accuracy_label
from askattend.scoring.comparison import Comparison, compare_paths
from askattend.scoring.paired_scores import LEVEL, Difference
from askattend.scoring.several import Methods, compare_many


@dataclass(frozen=True)
class Compare:
    """Compare runs on the same questions: are differences more than chance?

    Two are compared in detail. Of more, or with --page, those that differ in nothing but their seed
    are one method, with mean and deviation.
    """

    runs: Annotated[
        Positional[tuple[Path, ...]],
        tyro.conf.arg(metavar="RUN|RESULTS.json …", help_behavior_hint=REQUIRED),
    ]
    """Evaluated runs, or models of transformers'; with --data, results files will do. Differences
    are from the first."""
    data: str | None = None
    """Question source to score all against; by default scores are those of their evaluations."""
    split: str | None = None
    """The split; by default test, or the only one that a run was evaluated on or a file answers."""
    dialect: str | None = None
    """Way that VQA accuracy compares answers, with --data: current, pre2021 or normalized."""
    page: Path | None = None
    """Write the table as a page, too: an HTML file."""
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, compare, and print the figures."""
    options: Compare = parse(Compare, argv, "compare")
    how = {"data": options.data, "split": options.split, "dialect": options.dialect}
    found: Comparison | Methods
    if len(options.runs) == 2 and options.page is None:
        first, second = options.runs
        found = compare_paths(first, second, **how)
    else:
        found = compare_many(options.runs, **how)
        if options.page is not None:
            # Here alone: reports need PyTorch, whose import is slow.
            from askattend.report.methods import write_methods

            write_methods(found, options.page)
    print_notes(found.notes)
    if options.json:
        print_json(found)
    else:
        print("\n".join(_lines(found) if isinstance(found, Comparison) else _table(found)))


def _table(found: Methods) -> list[str]:
    source = f"{found.source}, " * bool(found.source)
    lines = [
        f"{source}{found.split}: {found.questions:,} questions; {accuracy_label(found.metric)}"
    ]
    for method in found.methods:
        spread = "" if method.deviation is None else f" ± {100 * method.deviation:.2f}"
        runs = f"{len(method.runs)} runs" if len(method.runs) > 1 else "1 run"
        line = f"{method.mean:>8.2%}{spread:<8}{_wups(method.wups)}  {method.name} ({runs})"
        if (difference := method.difference) is not None and difference.equal:
            line += ": scores the same on every question as the first"
        elif difference is not None:
            line += (
                f": {difference.difference:+.2%} {_interval(difference.interval, '+')}, "
                f"p = {method.permutation_p:.2g}"
            )
        lines.append(line)
    lines += [
        f"{floor.accuracy:>8.2%}{'':<8}{_wups(floor.wups)}  floor: {floor.name}"
        for floor in found.floors
    ]
    return [
        *lines,
        "± the deviation (n - 1) between the runs of a method; differences, their 95 % intervals "
        f"and p are from the first, over {'images' if found.by_image else 'questions'}",
        *_disagreement([(one.difference, one.permutation_p) for one in found.methods]),
    ]


def _wups(means: Mapping[str, float] | None) -> str:
    if means is None:
        return ""
    return f"  WUPS at 0.9 {means['0.9']:.2%}, at 0.0 {means['0.0']:.2%}"


def _lines(comparison: Comparison) -> list[str]:
    overall, images = comparison.overall, comparison.images
    about = "" if images is None else f" about {images:,} images"
    better = "alone right" if comparison.mcnemar_p is not None else "scored higher"
    cluster = "questions" if images is None else "images"
    metric = accuracy_label(comparison.metric)
    lines = [
        f"{comparison.split}: {overall.questions:,} questions{about}; {metric}",
        *(
            f"{side.accuracy:>8.2%}  {_interval(side.interval)}  {better} on {count:,}: {side.name}"
            for side, count in (
                (comparison.first, overall.first_better),
                (comparison.second, overall.second_better),
            )
        ),
        f"{overall.difference:>+8.2%}  {_between(overall)}second less first",
        *(_difference(name, each) for name, each in comparison.by_answer_type.items()),
        *(
            _difference(f"WUPS at {name}", each)
            for name, each in (("0.9", comparison.wups), ("0.0", comparison.wups_at_0))
            if each is not None
        ),
        f"95 % intervals over {cluster}{_how(comparison, cluster)}",
        f"p = {comparison.permutation_p:.2g}: paired permutation test, by {cluster}",
    ]
    if comparison.mcnemar_p is not None:
        p = comparison.mcnemar_p
        lines.append(f"p = {p:.2g}: McNemar's exact test, as if questions were independent")
    if comparison.wups_permutation_p is not None:
        p = comparison.wups_permutation_p
        lines.append(f"p = {p:.2g}: paired permutation test of WUPS at 0.9")
    tested = [(overall, comparison.permutation_p), (comparison.wups, comparison.wups_permutation_p)]
    return [*lines, *_disagreement(tested)]


def _difference(name: str, each: Difference) -> str:
    return (
        f"{each.difference:>+8.2%}  {_between(each)}"
        f"{name}: {each.first:.2%} → {each.second:.2%} of {each.questions:,}"
    )


def _between(each: Difference) -> str:
    """Write a difference's interval; equal scores have none that tells anything."""
    same = "the same score on every question: "
    return same if each.equal else f"{_interval(each.interval, '+')}  "


def _how(comparison: Comparison, cluster: str) -> str:
    """Say what made the intervals of differences that are shown."""
    all_of_them = (comparison.overall, *comparison.by_answer_type.values(), comparison.wups)
    shown = {each.alike for each in all_of_them if each is not None and not each.equal}
    how = {
        False: "; of differences by bootstrap",
        True: f"; where all {cluster} differ by the same, what so few leave possible (Wilson)",
    }
    return "".join(how[alike] for alike in sorted(shown))


def _disagreement(tested: Sequence[tuple[Difference | None, float | None]]) -> list[str]:
    """Say which holds where an interval and its permutation test differ about chance."""
    if not any(each and p is not None and each.disagrees(p) for each, p in tested):
        return []
    return [
        "An interval and its permutation test disagree about chance: trust the test, by which p "
        f"below {LEVEL} is more than chance. It holds for few images; such an interval need not."
    ]


def _interval(ends: tuple[float, float], sign: str = "") -> str:
    low, high = (f"{end:{sign}.2%}" for end in ends)
    return f"[{low}, {high}]"
