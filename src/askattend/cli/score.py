"""``askattend score``: the accuracy of anybody's answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import FlagCreatePairsOff, Positional

from askattend.cli.console import (
    MOST_TYPES,
    interval_text,
    parse,
    print_json,
    print_notes,
    progress,
)
from askattend.cli.options import Json
from askattend.errors import ConfigError
from askattend.foreign.answer import MOST_TOKENS, SHORT
from askattend.metrics.breakdown import GroupAccuracy
from askattend.metrics.wups import SETS_MATCH
from askattend.scoring.published import published_figures
from askattend.scoring.score import Scores, score_file
from askattend.settings import Natural, Positive, check


@dataclass(frozen=True)
class Score:
    """Score a results file in the VQA leaderboard's format, whoever made it.

    With --server, a model behind OpenAI's chat interface (llama.cpp's server has it) is asked
    first, and its answers are written into that file; interrupted, the same command goes on.
    """

    results: Annotated[Positional[Path], tyro.conf.arg(metavar="RESULTS.json")]
    """[{"question_id": …, "answer": "…"}, …], with one entry a question; may be gzip.

    Ids are the source's. DAQUAR's (894 classes) are 0 to 6794 in train, 6795 to 12467 in test."""
    data: str
    """Question source with the human answers."""
    split: str | None = None
    """Split of the source; by default the one whose questions the file answers."""
    dialect: str | None = None
    """Way that VQA accuracy compares answers. By default exact match where questions have one human
    answer, else current; of a server's own words current from four human answers on, else
    normalized.

    - current: as the evaluator since March 2021: all normalised where the humans differ.
    - pre2021: as before: your answer normalised always, of the humans' the punctuation alone.
    - normalized: your answer and the humans' normalised always.
    """
    wups: FlagCreatePairsOff[bool] = False
    """WUPS at 0.9 and 0.0 and set-exact accuracy as well; DAQUAR's come unasked."""
    no_wups: FlagCreatePairsOff[bool] = False
    """No WUPS, of DAQUAR neither."""
    server: Annotated[str | None, tyro.conf.arg(metavar="URL")] = None
    """Ask this server, such as http://localhost:8080; no other is asked."""
    model: str = ""
    """The server's name for the model, where it has several."""
    prompt: str = SHORT
    """Text that the server is sent, with {question} in it."""
    token_file: Path | None = None
    """File that holds the server's token."""
    max_tokens: Positive = MOST_TOKENS
    """Most tokens of a server's answer."""
    workers: Positive = 4
    """Questions that a server is asked at once."""
    timeout: Positive = 120
    """Seconds to wait for a server's answer."""
    retries: Natural = 5
    """Times to ask again where a server is busy or cannot be reached."""
    json: Json = False

    def __post_init__(self) -> None:
        check(self)
        if self.wups and self.no_wups:
            raise ConfigError("both --wups and --no-wups are there", remedy="Leave one out.")


def run(argv: list[str]) -> None:
    """Parse the command's options, score, and print the figures."""
    options: Score = parse(Score, argv, "score")
    wups = options.wups or (False if options.no_wups else None)
    dialect = options.dialect
    if options.server is not None:
        dialect = dialect or _ask(options, options.server, argv)
    how: dict[str, Any] = {"data": options.data, "split": options.split, "wups": wups}
    scores = score_file(options.results, dialect=dialect, **how)
    print_notes(scores.notes)
    if options.json:
        print_json(scores.as_json())
    else:
        print(_table(scores))


def _ask(options: Score, url: str, argv: list[str]) -> str:
    """Ask a server for answers; return the dialect that they are compared by."""
    # Here alone, since pictures are opened by way of PyTorch, whose import is slow.
    from askattend.cli.interruption import going_on_with
    from askattend.cli.serve import read_token
    from askattend.experiment.serve_answers import answers_of_server, journal_of
    from askattend.foreign.server import ChatServer

    token = None if options.token_file is None else read_token(options.token_file)
    server = ChatServer(
        url,
        options.model,
        options.prompt,
        token,
        options.max_tokens,
        timeout=options.timeout,
        retries=options.retries,
    )
    kept = f"the answers so far, in {journal_of(options.results)}"
    with going_on_with(["score", *argv], lambda: kept):
        return answers_of_server(
            server,
            options.results,
            data=options.data,
            split=options.split,
            workers=options.workers,
            console=progress(),
        )


def _table(scores: Scores) -> str:
    lines = [
        f"{scores.source}, {scores.split}: {scores.questions:,} questions",
        _line(f"accuracy ({scores.metric})", scores.accuracy)
        + f"  {interval_text(scores.interval)}",
        *_types("answer type", scores.by_answer_type),
        *_types("question type", scores.by_question_type),
    ]
    if scores.wups is not None:
        lines += [_line(f"WUPS at {name}", scores.wups[name]) for name in ("0.9", "0.0")]
        lines.append(_line(SETS_MATCH, scores.wups["exact"]))
    lines += _published(scores)
    return "\n".join(lines)


def _published(scores: Scores) -> list[str]:
    """Say what papers state of the same questions, or why nothing."""
    found = published_figures(scores.source, scores.split, scores.questions)
    if found is None:
        return []
    if not found.systems:
        return [f"published figures: {found.why_none}"]
    return [
        f"{_line(f'published: {each.name}', each.accuracy)}  {each.paper}" for each in found.systems
    ]


def _types(name: str, groups: Mapping[str, GroupAccuracy]) -> list[str]:
    if len(groups) > MOST_TYPES:
        return [f"  {len(groups)} {name}s: see --json"]
    return [_line(f"  {kind}", group.accuracy) for kind, group in groups.items()]


def _line(name: str, value: float) -> str:
    return f"{name:<38}{value:>8.2%}"
