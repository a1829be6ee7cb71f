"""Tables of questions, results files and evaluated runs, for all tests of answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from askattend.metrics.scored_answer import ScoredAnswer
from askattend.scoring.results import encode_predictions, encode_results

NUMBER = 120
# Three questions an image.
IMAGES = [f"{number // 3}.jpg" for number in range(NUMBER)]
ANSWER_TYPES = ["yes/no" if number % 4 else "other" for number in range(NUMBER)]


def save_table(folder: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    """Save questions as a table, and name it as a source; its pictures are empty files."""
    for name in {row["image"] for row in rows}:
        (folder / name).write_bytes(b"\xff\xd8\xff")
    file = folder / "questions.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return f"table:{file}"


def table_rows(*splits: str, **more: Any) -> list[dict[str, Any]]:
    """Rows of a table: a question in each of the splits named, on an image of its own."""
    return [
        {"id": n, "image": f"{n}.jpg", "question": "?", "answer": "yes", "split": split, **more}
        for n, split in enumerate(splits)
    ]


def save_daquar(
    folder: Path, *, name: str = "894", **splits: Sequence[tuple[str, str, str]]
) -> str:
    """Save triples of question, answers between commas, and image, as DAQUAR does."""
    for split, triples in splits.items():
        text = "".join(f"{question} ?\n{answer}\n{image}\n" for question, answer, image in triples)
        (folder / f"qa.{name}.raw.{split}.format_triple").write_text(text)
    return f"{'daquar' if name == '894' else 'daquar-37'}:{folder}"


def save_results(folder: Path, answers: Mapping[Any, str], name: str = "results.json") -> Path:
    """Save question id → answer as a results file."""
    file = folder / name
    file.write_text(json.dumps([{"question_id": i, "answer": a} for i, a in answers.items()]))
    return file


def save_evaluation(folder: Path, scores: Sequence[float], source: str = "a source") -> Path:
    """Save what the evaluation of a run leaves in its folder that comparisons read.

    The questions are the first of `NUMBER`, three an image, all of whose answers are "yes".
    """
    answers = [
        ScoredAnswer(n, "yes" if score else "no", 0.5, score, ANSWER_TYPES[n], None, IMAGES[n])
        for n, score in enumerate(scores)
    ]
    (folder / "evaluations" / "test").mkdir(parents=True)
    (folder / "evaluations" / "test" / "results.json").write_bytes(encode_results(answers))
    (folder / "evaluations" / "test" / "predictions.json").write_bytes(encode_predictions(answers))
    metrics = {"source": source, "split": "test", "metric": "exact match"}
    (folder / "evaluations" / "test" / "metrics.json").write_text(json.dumps(metrics))
    return folder


def with_data(run: Path, source: str) -> Path:
    """Name the data that a run was trained on, in its settings."""
    run.mkdir(exist_ok=True)
    (run / "config.toml").write_text(f"data = '{source}'\n")
    return run
