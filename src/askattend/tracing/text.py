"""A trace as text: some lines a step, and attention maps in shades."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from askattend.metrics.shares import percent
from askattend.tracing.trace import Trace, TracedStep, Word

WIDTH = 80
# From no weight to the map's largest.
SHADES = "·░▒▓█"
# Larger maps would not fit a terminal, at two characters a cell.
MOST_CELLS = 14
UNITS = (
    "FLOP: of matrix products alone, a multiplication and an addition counting as two. Size: of "
    "the step's own tensor. Made: of all tensors newly made since the step before, itself and "
    "those freed again included; what is handed in, and a view of another tensor, is not made."
)


def trace_lines(trace: Trace) -> Iterator[str]:
    """Yield the trace as text, some lines a step, none above 80 columns where words allow it."""
    yield f"{trace.network}, step by step"
    yield from _wrap(UNITS)
    if trace.lengths is not None:
        yield from _wrap(_about_lengths(trace))
    for number, step in enumerate(trace.steps, 1):
        yield ""
        yield from _wrap(f"{number:>2}  {step.symbol}   [{_citation(step.equation)}]", indent=6)
        for line in _describe(step):
            yield from _wrap(f"    {line}", indent=6)
    yield ""
    totals = trace.totals
    yield from _wrap(
        f"in all {totals.parameters:,} parameters, {_with_prefix(totals.flops, 'FLOP', 1000)} of "
        f"matrix products, {_with_prefix(totals.bytes, 'B', 1024)} of tensors made"
    )
    if trace.question is not None:
        ranked = ", ".join(f"{one.answer} {percent(one.probability)}" for one in trace.top or [])
        yield from _wrap(f"question: {trace.question}")
        yield from _wrap(f"answers: {ranked}")


def _about_lengths(trace: Trace) -> str:
    assert trace.lengths is not None
    lengths = trace.lengths
    text = f"Questions of {lengths.least:.0f} to {lengths.greatest:.0f} words"
    text += f", {lengths.mean:.1f} on average"
    if trace.skips_padding:
        return f"{text}: the LSTM reads these alone, no padding, so its FLOP rest on them."
    return f"{text}, filled up to the longest."


def _describe(step: TracedStep) -> Iterator[str]:
    """Yield the lines below a step's symbol."""
    yield step.meaning
    named = zip(step.dims, step.shape, strict=True)
    dims = " × ".join(str(n) if d == "1" else f"{d} {n}" for d, n in named)
    yield f"{step.name}: {dims}   {step.dtype}"
    if step.paper_shape != step.shape:
        yield f"in the paper's order of axes {step.paper_shape}"
    if step.words is not None:
        yield f"words: {', '.join(map(_word_text, step.words))}"
    if step.parameters:
        used = ", ".join(f"{name} ({count:,})" for name, count in step.parameters.items())
        yield f"parameters: {used}"
    yield ", ".join(_costs(step))
    if step.values is not None:
        v = step.values
        yield f"values {v.least:.4g} to {v.greatest:.4g}, mean {v.mean:.4g}"
    if step.sums_to_one is not None:
        yield f"each map sums to 1: {'yes' if step.sums_to_one else 'NO'}"
    if step.maps is not None:
        yield from _maps(step)


def _costs(step: TracedStep) -> Iterator[str]:
    """Yield what a step costs; what costs nothing is not told."""
    if step.flops:
        yield _with_prefix(step.flops, "FLOP", 1000)
    yield f"size {_with_prefix(step.size, 'B', 1024)}"
    if step.bytes:
        yield f"made {_with_prefix(step.bytes, 'B', 1024)}"


def _word_text(word: Word) -> str:
    return f"{word.index} {word.word}" + ("" if word.seen else " (never seen)")


def _maps(step: TracedStep) -> Iterator[str]:
    """Yield each attention map: a line that explains its shades, and a line a row."""
    for number, rows in enumerate(step.maps or [], 1):
        if len(rows) > MOST_CELLS or len(rows[0]) > MOST_CELLS:
            continue
        name = "map" if step.dims[1] == "1" else f"{step.dims[1].removesuffix('s')} {number}"
        yield f"{name}, from {SHADES[0]} 0% to {SHADES[-1]} {max(map(max, rows)):.1%} of a region"
        yield from shade_map(rows)


def shade_map(rows: Sequence[Sequence[float]]) -> list[str]:
    """Draw a map in shades, each weight two characters wide, so that cells look square.

    Args:
        rows: weights from 0 up; the largest is the darkest shade, each shade a fifth of it.
    """
    greatest = max(map(max, rows)) or 1  # a map of zeros is drawn, too
    last = len(SHADES) - 1
    return [
        "".join(2 * SHADES[min(last, int(weight / greatest * len(SHADES)))] for weight in row)
        for row in rows
    ]


def _wrap(line: str, *, indent: int = 2) -> list[str]:
    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _citation(equation: str) -> str:
    return f"eq. {equation}" if equation[0].isdigit() else equation


def _with_prefix(number: float, unit: str, base: int) -> str:
    """Write a number with a prefix: 12.3 MFLOP, 4 KiB."""
    prefix = 0
    while number >= base and prefix < 4:
        number, prefix = number / base, prefix + 1
    sign = (
        ("", "k", "M", "G", "T")[prefix] if base == 1000 else ("", "Ki", "Mi", "Gi", "Ti")[prefix]
    )
    return f"{number:.3g} {sign}{unit}" if prefix else f"{number:.0f} {unit}"
