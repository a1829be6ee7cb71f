"""Answers of a server that chats, in a results file: any model behind an interface."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from askattend.data.readers.registry import read_source
from askattend.data.splits import canonical_split, questions_of_split
from askattend.errors import ConfigError
from askattend.files import make_folder, write_whole
from askattend.foreign.asking import ask_all
from askattend.foreign.journal import Journal
from askattend.foreign.server import ChatServer
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.metrics.vqa_official import dialect_of_open_text
from askattend.scoring.results import encode_results


def journal_of(results: Path) -> Path:
    """Name the file that keeps answers as they come: ``answers.jsonl`` of ``answers.json``."""
    return results.with_suffix(".jsonl")


def answers_of_server(
    server: ChatServer,
    results: Path,
    *,
    data: str,
    split: str | None = None,
    workers: int = 4,
    console: Console,
) -> str:
    """Ask a server every question of a split, and write its answers as a results file.

    Each answer is kept as it comes, in `journal_of` beside it: the same call goes on from there,
    and asks nothing that was answered.

    Args:
        server: whom to ask, and how.
        results: the file, which ends in ``.json``.
        data: the question source.
        split: one of its splits, by default test.
        workers: how many questions are asked at once.
        console: where notes and progress go.

    Returns:
        the dialect by which answers in its own words are compared.

    Raises:
        ConfigError: the file is there, and not of such answers.
        ServiceError: the server refuses, stays busy or cannot be reached.
        AskAttendError: the data, the split or a picture does not fit.
    """
    journal = Journal(journal_of(results), server.described)
    if results.suffix != ".json":
        raise ConfigError("answers are written as JSON", where=results, remedy="Name it NAME.json.")
    if results.exists() and not journal.file.exists():
        remedy = "Name another file; or leave --server out, and it is scored."
        raise ConfigError("is there already", where=results, remedy=remedy)
    questions = questions_of_split(read_source(data), canonical_split(split or "test"))
    make_folder(results.parent)
    with journal.held():
        given = ask_all(questions, server.ask(questions), journal, workers=workers, console=console)
        told = (ScoredAnswer(question.id, given[question.id].text) for question in questions)
        write_whole(results, encode_results(told))
    return dialect_of_open_text(questions)
