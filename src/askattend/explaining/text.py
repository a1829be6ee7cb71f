"""An explanation as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from askattend.attribution.maps import METHODS
from askattend.explaining.explanation import AnswerEvidence, Explanation
from askattend.explaining.wording import change, method_name, number, numbers, tenth, where_it_lies
from askattend.metrics.shares import percent


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """Say an explanation, a line each."""
    answer = explanation.answer
    yield answer.question
    yield f"  {answer.said}  {percent(answer.probability)}"
    yield from explanation.unjudged
    for evidence in (explanation.best, explanation.second):
        if evidence is not None:
            yield from _maps(evidence, best=evidence is explanation.best)
            yield from _words(evidence)
    yield from _agreement(explanation)
    yield from _removal(explanation)
    yield from _rewordings(explanation)
    yield from _lost_layers(explanation)


def _maps(evidence: AnswerEvidence, *, best: bool) -> Iterator[str]:
    which = "maps of" if best else "maps of the next best answer,"
    yield f"\n{which} '{evidence.text}' ({percent(evidence.probability)})"
    # Attention is the same for every answer.
    shown = {name: m for name, m in evidence.maps.items() if best or name != "attention"}
    yield from _table([(method_name(name), where_it_lies(m)) for name, m in shown.items()])


def _words(evidence: AnswerEvidence) -> Iterator[str]:
    yield f"probability of '{evidence.text}' without each word"
    yield from _table([(word.text, change(word.drop)) for word in evidence.words])


def _agreement(explanation: Explanation) -> Iterator[str]:
    yield "\nagreement of maps: rank correlation, and share of the same top tenth"
    yield f"  (two random maps: 0.00 and {explanation.chance:.0%})"
    rows = [
        (
            f"{method_name(one.first)}, {method_name(one.second)}",
            f"{number(one.rank_correlation):>5}",
            f"{one.top_tenth:>4.0%}",
        )
        for one in explanation.agreement
    ]
    yield from _table(rows)


def _removal(explanation: Explanation) -> Iterator[str]:
    text, which = explanation.best.text, tenth(explanation.removed)
    yield f"\nprobability of '{text}' without the first tenth ({which}) by"
    rows = [(method_name(one.order), change(one.drop)) for one in explanation.removal]
    yield from _table(rows)


def _rewordings(explanation: Explanation) -> Iterator[str]:
    if explanation.rewordings:
        yield f"\nhow far the maps of '{explanation.best.text}' move, 0 to 1 (total variation)"
    for one in explanation.rewordings:
        yield f"  {one.question}  → {one.answer} {percent(one.probability)}"
        moved = zip(METHODS.values(), numbers(one.distance), strict=True)
        yield f"    {', '.join(f'{name} {distance}' for name, distance in moved)}"


def _lost_layers(explanation: Explanation) -> Iterator[str]:
    yield "\nrank correlation with the trained network's maps, once layers have lost their training"
    head = ("down to", *METHODS.values())
    rows = [(one.layer, *numbers(one.rank_correlation)) for one in explanation.lost_layers]
    yield from _table([head, *rows], right=True)


def _table(rows: Sequence[tuple[str, ...]], *, right: bool = False) -> Iterator[str]:
    """Write rows in columns; all but the first may be flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *cells in rows:
        rest = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width in zip(cells, widths[1:], strict=True)
        )
        yield f"  {'  '.join((first.ljust(widths[0]), *rest))}".rstrip()
