"""``askattend data``: the contents of a source of questions, before anything is trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import tyro
from rich.filesize import decimal
from tyro.conf import Positional

from askattend.cli.console import FLOORS, MOST_TYPES, parse, print_json, progress
from askattend.cli.options import Json
from askattend.data.parquet import write_parquet
from askattend.data.readers.registry import read_source_as_it_is, source_lines
from askattend.data.splits import shared_remark
from askattend.data.vocab import most_common_first
from askattend.environment.console import print_line
from askattend.metrics.image_copies import copies_notes
from askattend.metrics.source_summary import SourceSummary, SplitSummary, summarise
from askattend.settings import Positive, check

_NAME_WIDTH = 44
_HEADINGS = (
    "A table's columns are image, question, answer, split, id, …, or what others call them in "
    "English, German or Chinese. With any command, --columns image=Bild,question=Frage says what "
    "they are called; a heading with a comma, = or / stands in double quotes: "
    "--columns 'image=\"Bild, groß\"'. Text before Unicode: table:FILE,encoding=cp1254. So it is "
    "with columns of hf:, parquet: and arrow:, which take ,split=NAME and ,config=NAME, too. Of a "
    "workbook, table:FILE.xlsx,sheet=NAME names the sheet. table:FILE,skip=broken leaves out rows "
    "with mistakes; table:FILE,test=0.2 holds out a fifth of the images to test on, and ,seed=1 "
    "others."
)


@dataclass(frozen=True)
class Data:
    """Summarise a source of questions: splits, types, answers, images, floors."""

    source: Annotated[Positional[str], tyro.conf.arg(metavar="SOURCE")]
    """Source to read, as listed above."""
    top: Positive = 3000
    """Number of the most common training answers to count as known."""
    check_images: bool = False
    """Open every image: name those that are broken, and those that are nearly the same in two
    splits (of up to 2,000 images these are named in any case)."""
    out: Path | None = None
    """Write all of it, pictures within, as a new folder of Parquet that datasets.load_dataset
    takes, and that parquet:FOLDER reads here."""
    json: Json = False

    def __post_init__(self) -> None:
        check(self)


def run(argv: list[str]) -> None:
    """Parse the command's options, read the questions, and print what they are."""
    options: Data = parse(Data, argv, "data", description=_description(argv))
    questions = read_source_as_it_is(options.source)
    written: Sequence[Path] = ()
    if options.out is not None:
        written = write_parquet(questions, options.out)
    summary = summarise(questions, top=options.top, check_images=options.check_images)
    if options.json:
        print_json(summary)
    else:
        print("\n".join(_lines(summary)))
    if options.out is not None:
        size = sum(file.stat().st_size for file in written)
        done = f"written: {options.out} ({len(written):,} files of Parquet, {decimal(size)})"
        if options.json:  # of which standard output holds one value
            print_line(progress(), done)
        else:
            print(done)


def _description(argv: list[str]) -> str | None:
    """Make the text that help begins with; for help alone are all readers imported."""
    if not {"-h", "--help"} & set(argv):
        return None
    indented = (f"  {line}" for line in source_lines())  # or they would be wrapped into one
    return "\n".join((str(Data.__doc__), "", "SOURCE is one of", *indented, "", _HEADINGS))


class _Table:
    """Lay out rows of text with a column for each split."""

    def __init__(self, summary: SourceSummary) -> None:
        self.splits = summary.splits
        self._width = max(12, *(len(name) + 2 for name in self.splits)) if self.splits else 12

    def numbers(self, name: str, value: Callable[[SplitSummary], float]) -> str:
        """Format a row of numbers, halves with a decimal."""
        cells = [value(split) for split in self.splits.values()]
        return self.row(name, [f"{cell:,.{0 if cell == int(cell) else 1}f}" for cell in cells])

    def percentages(self, name: str, value: Callable[[SplitSummary], float | None]) -> str:
        """Format a row of shares, 0 to 1, as percentages; a dash where there is none."""
        cells = [value(split) for split in self.splits.values()]
        return self.row(name, ["–" if cell is None else f"{cell:.2%}" for cell in cells])

    def row(self, name: str, cells: Iterable[str]) -> str:
        """Format a row of texts."""
        return f"{name:<{_NAME_WIDTH}}" + "".join(f"{cell:>{self._width}}" for cell in cells)


def _lines(summary: SourceSummary) -> Iterator[str]:
    table = _Table(summary)
    yield f"{summary.source}: {summary.questions:,} questions on {summary.images:,} images"
    if summary.images and summary.missing_images == summary.images:
        yield "NONE of the images is there: see the note on where they were looked for"
    yield ""
    yield table.row("", summary.splits)
    yield from _sizes(table)
    yield from _answers(table, summary)
    yield from _types(table, "answer types", attrgetter("answer_types"))
    yield from _types(table, "question types", attrgetter("question_types"))
    if summary.common_answers:
        yield ""
        yield "most common answers in 'train'"
        for common in summary.common_answers:
            yield table.row(f"  {common.answer}", [f"{common.count:,}", f"{common.share:.1%}"])
    yield from _remarks(table, summary)


def _sizes(table: _Table) -> Iterator[str]:
    yield table.numbers("questions", lambda split: split.questions)
    yield table.numbers("  with an answer", lambda split: split.answered)
    yield table.numbers("images", lambda split: split.images)
    yield table.numbers("  not there", lambda split: split.missing_images)
    yield table.numbers("words a question, least", lambda split: split.words.least)
    yield table.numbers("  median", lambda split: split.words.median)
    yield table.numbers("  most", lambda split: split.words.most)


def _answers(table: _Table, summary: SourceSummary) -> Iterator[str]:
    """Tell coverage and floors, where there are training answers to learn them from."""
    if not summary.common_answers:
        return
    known = min(summary.top, summary.distinct_answers)
    if known < summary.distinct_answers:
        yield f"of the {known:,} most common training answers (of {summary.distinct_answers:,})"
    else:
        yield f"of all {known:,} training answers"
    yield table.percentages("  answers among them", lambda split: split.answers_covered)
    yield table.percentages(
        "  questions answerable with them", lambda split: split.questions_covered
    )
    metrics = dict.fromkeys(split.metric for split in summary.splits.values() if split.metric)
    yield f"without a look at the image, learnt from 'train' ({'; '.join(metrics)})"
    for name, title in FLOORS.items():
        yield table.percentages(f"  {title}", partial(_floor, name))


def _floor(name: str, split: SplitSummary) -> float | None:
    return None if split.floors is None else split.floors[name]


def _types(
    table: _Table, title: str, types: Callable[[SplitSummary], dict[str, int]]
) -> Iterator[str]:
    """List types by questions over all splits, most first; the rare ones in one row."""
    totals: Counter[str] = Counter()
    for split in table.splits.values():
        totals.update(types(split))
    names = most_common_first(totals)
    if not names:
        return
    yield ""
    yield title
    for name in names[:MOST_TYPES]:
        yield table.numbers(f"  {name or '(none)'}", partial(_count, types, [name]))
    if rare := names[MOST_TYPES:]:
        yield table.numbers(f"  {len(rare)} others", partial(_count, types, rare))


def _count(
    types: Callable[[SplitSummary], dict[str, int]], names: list[str], split: SplitSummary
) -> int:
    return sum(types(split).get(name, 0) for name in names)


def _remarks(table: _Table, summary: SourceSummary) -> Iterator[str]:
    counts = {
        "complementary pairs": summary.pairs,
        "questions that tell where their objects are": summary.located,
        # Where every question has a meaning, the count says nothing.
        "questions that share a meaning": summary.reworded
        if summary.reworded < summary.questions
        else 0,
        **{f"questions in the subset '{name}'": n for name, n in summary.subsets.items()},
    }
    lines = [table.row(name, [f"{count:,}"]) for name, count in counts.items() if count]
    if summary.broken_images is not None:
        lines.append(table.row("images that are broken", [f"{len(summary.broken_images):,}"]))
        lines += [f"  {image}: {reason}" for image, reason in summary.broken_images.items()]
    shared = shared_remark({pair.splits: pair.images for pair in summary.shared_images})
    # Some readers note it, too; it is printed for every source, and once.
    told = (*summary.notes, *shared, *copies_notes(summary.copies))
    lines += [f"note: {note}" for note in dict.fromkeys(told)]
    yield from ["", *lines] if lines else []
