"""A page as a test reads it, and what one is made of."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import torch
from PIL import Image

from askattend.data.questions import Question
from askattend.evaluation.evaluate import Evaluation, Figure, Metrics
from askattend.evaluation.figures import all_figures
from askattend.metrics.breakdown import GroupAccuracy
from askattend.metrics.floor_comparison import FloorComparison
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.report.gallery import Example
from askattend.report.page import write_report
from askattend.runs.predictor import Answer
from askattend.training.history import Epoch, TrainingHistory

VOID = {"input", "meta", "link", "br", "img"}
METRICS = Metrics(
    source="table:a & b.csv",
    split="test",
    questions=1234,
    metric="VQA accuracy",
    accuracy=0.625,
    floors={
        "majority": FloorComparison("always", 0.25, (0.2, 0.3), 0.375, (0.3, 0.4), True),
        "prefix": FloorComparison("first words", 0.4375, (0.4, 0.5), 0.1875, (0.1, 0.3), True),
    },
    coverage=0.9,
    figures={
        "by_answer_type": {
            "yes/no": GroupAccuracy(1000, 0.75, (0.72, 0.78)),
            "<other>": GroupAccuracy(234, 0.1, (0.06, 0.14)),
        }
    },
)


class Page(HTMLParser):
    """An HTML page as its elements and texts; fails where elements are not properly nested."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(file.read_text("utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and (not kind or kind in (attributes.get("class") or "").split())
        ]


def example(
    text: str = "what is it?",
    score: float | None = 1.0,
    *,
    probability: float = 0.5,
    said: str = "lamp",
    answers: tuple[tuple[str, int], ...] = (("lamp", 1),),
    image: Image.Image | None = None,
    maps: int = 2,
) -> Example:
    attention = torch.randn(maps, 16, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    top = ((said, probability), ("sofa", 0.1))
    return Example(
        Question(1, "image1", text, answers, "test"),
        image or Image.new("RGB", (64, 48), "teal"),
        Answer(text, said, probability, top, attention.view(maps, 4, 4)),
        score,
    )


def evaluation(*scores: float | None, metrics: Metrics = METRICS) -> Evaluation:
    return Evaluation(metrics, tuple(ScoredAnswer(i, "lamp", 0.5, s) for i, s in enumerate(scores)))


def training(*accuracies: float) -> TrainingHistory:
    return TrainingHistory(
        tuple(
            Epoch(i, 10 * i, 1e-3, 3 / i, 4 / i, accuracy, 1.0, 1.0)
            for i, accuracy in enumerate(accuracies, 1)
        ),
        metric="exact match",
    )


def with_figures(**figures: Any) -> Evaluation:
    """An evaluation with these figures beside those of `METRICS`."""
    return evaluation(
        1.0,
        0.0,
        metrics=msgspec.structs.replace(METRICS, figures={**METRICS.figures, **figures}),
    )


def page(
    folder: Path,
    evaluated: Evaluation | None = None,
    *,
    title: str = "SAAA on easy-vqa",
    history: TrainingHistory | None = None,
    examples: tuple[Example, ...] = (),
    details: dict[str, str] | None = None,
    maps_name: str | None = "glimpse",
    sees: str = "image and question",
    figures: Mapping[str, Figure] | None = None,
) -> Page:
    file = folder / "report.html"
    write_report(
        file,
        title=title,
        evaluation=evaluated or evaluation(1.0, 0.0),
        figures=all_figures() if figures is None else figures,
        history=history,
        examples=examples,
        details=details or {},
        maps_name=maps_name,
        sees=sees,
    )
    return Page(file)
