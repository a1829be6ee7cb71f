"""``askattend score``: how good anybody's answers are."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from askattend.breakdown import Share
from askattend.cli.console import parse, print_json
from askattend.scoring import Scores, score_file

# More kinds of question than this are told by --json alone.
MOST = 12


@dataclass(frozen=True)
class Score:
    """Score a results file in the VQA leaderboard's format, whoever made it."""

    results: Annotated[Positional[Path], tyro.conf.arg(metavar="RESULTS.json")]
    """[{"question_id": …, "answer": "…"}, …], with one entry a question; may be gzip."""
    data: str
    """Question source with the human answers."""
    split: str | None = None
    """Which of its splits; by default the one whose questions the file answers."""
    dialect: str | None = None
    """How VQA accuracy compares answers: current (the evaluator since March 2021), pre2021 or
    normalized. By default exact match where questions have one human answer, else current."""
    wups: bool = False
    """WUPS at 0.9 and 0.0 and set-exact accuracy as well; DAQUAR's come unasked."""
    json: bool = False
    """Print one JSON object, with the score of each question."""


def run(argv: list[str]) -> None:
    """Parse the command's options, score, and print the figures."""
    options: Score = parse(Score, argv, "score")
    scores = score_file(
        options.results,
        data=options.data,
        split=options.split,
        dialect=options.dialect,
        wups=options.wups,
    )
    for note in scores.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.json:
        print_json(scores)
    else:
        print(_table(scores))


def _table(scores: Scores) -> str:
    low, high = scores.interval
    lines = [
        f"{scores.source}, {scores.split}: {scores.questions:,} questions",
        _line(f"accuracy ({scores.metric})", scores.accuracy) + f"  [{low:.2%}, {high:.2%}]",
        *_kinds("answer type", scores.by_answer_type),
        *_kinds("question type", scores.by_question_type),
    ]
    if scores.wups is not None:
        lines += [_line(f"WUPS at {name}", scores.wups[name]) for name in ("0.9", "0.0")]
        lines.append(_line("exact match of sets", scores.wups["exact"]))
    return "\n".join(lines)


def _kinds(name: str, shares: dict[str, Share]) -> list[str]:
    if len(shares) > MOST:
        return [f"  {len(shares)} {name}s: see --json"]
    return [_line(f"  {kind}", share.accuracy) for kind, share in shares.items()]


def _line(name: str, value: float) -> str:
    return f"{name:<38}{value:>8.2%}"
