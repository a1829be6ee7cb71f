"""The runs that are served, each by its id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

import torch

from askattend.devices import AnsweringPrecision
from askattend.environment.packing import run_folder
from askattend.features.spec import FeatureSpec
from askattend.report.quality import Quality, quality_of
from askattend.runs.predictor import Predictor
from askattend.serving.schemas import QualityDescription, RunDescription
from askattend.training.summary import read_summary


@dataclass(eq=False)
class ServedRun:
    """A run that answers.

    Attributes:
        id: its folder's name, with -2, -3, … behind it where several have the same.
        predictor: the run, loaded.
        questions: how many it learnt from; None where its training is not known.
        quality: how good it is; None where nobody measured.
        maps: how many maps an answer has; known after the warm-up question.
    """

    id: str
    predictor: Predictor = field(repr=False)
    questions: int | None = None
    quality: Quality | None = None
    maps: int = 0

    @property
    def spec(self) -> FeatureSpec:
        """The maker of the features; runs of which it is the same share an image's."""
        return self.predictor.backbone.spec

    @property
    def device_type(self) -> str:
        """The kind of device that it computes on."""
        return next(self.predictor.model.parameters()).device.type

    @cached_property
    def tracing_predictor(self) -> Predictor:
        """The run on the processor, whose costs a trace tells, in the precision of its answers."""
        if self.device_type == "cpu":
            return self.predictor
        low = next(self.predictor.model.parameters()).dtype == torch.bfloat16
        precision: AnsweringPrecision = "bfloat16" if low else "float32"
        return Predictor.load(self.predictor.run.folder, device="cpu", precision=precision)

    def describe(self) -> RunDescription:
        """Return what a client may know of it."""
        run, model = self.predictor.run, self.predictor.model
        return RunDescription(
            id=self.id,
            network=type(model).__name__,
            maps_name=model.maps_name,
            maps=self.maps,
            rows=run.features.rows,
            columns=run.features.columns,
            answers=len(run.answers),
            words=len(run.words),
            common_words=common_words(run.words.words),
            suggestions=list(run.suggestions),
            threshold=self.predictor.threshold,
            data=_data_name(run.config.get("data")),
            questions=self.questions,
            attends=model.attends,
            quality=None if self.quality is None else QualityDescription.of(self.quality),
        )


def load_runs(
    folders: Sequence[Path],
    *,
    device: str = "auto",
    precision: AnsweringPrecision | None = None,
    abstain_above_risk: float | None = None,
    abstention: bool = True,
) -> list[ServedRun]:
    """Load runs and their backbones; runs with the same features share one.

    Args:
        folders: of the runs.
        device: where to compute.
        precision: of weights and products; by default each run's.
        abstain_above_risk: see `Answerer.abstain_above`; by default each run's.
        abstention: False to judge no answer by its probability.

    Raises:
        AskAttendError: a run or its backbone is not to be had; see `Predictor.load`.
    """
    qualities = [quality_of(folder) for folder in folders]
    folders = [run_folder(folder) for folder in folders]
    served: list[ServedRun] = []
    for folder, run_id, quality in zip(folders, unique_names(folders), qualities, strict=True):
        predictor = Predictor.load(folder, device=device, precision=precision)
        if abstain_above_risk is not None or not abstention:
            predictor.abstain_above(abstain_above_risk)
        for other in served:
            if other.predictor.run.features == predictor.run.features:
                predictor.backbone = other.predictor.backbone
        _ = predictor.backbone  # a run without its backbone is refused now, not when first asked
        summary = read_summary(folder)
        questions = None if summary is None else summary.data.train.questions
        served.append(ServedRun(run_id, predictor, questions, quality))
    return served


def unique_names(folders: Sequence[Path]) -> list[str]:
    """Name each folder by its last part, and by -2, -3, … behind it where that is taken."""
    names: list[str] = []
    for folder in folders:
        first = name = folder.resolve().name
        number = 1
        while name in names:
            number += 1
            name = f"{first}-{number}"
        names.append(name)
    return names


def common_words(words: Sequence[str], *, most: int = 12) -> list[str]:
    """Return the first words that say something by themselves, of four letters or more.

    Args:
        words: a vocabulary's, the most frequent first; those that are no words are passed over.
        most: how many.
    """
    return list(islice((word for word in words if len(word) > 3 and word.isalpha()), most))


def _data_name(source: object) -> str | None:
    """Name what a run was trained on, without the folders that it lies in."""
    if not isinstance(source, str):
        return None
    reader, colon, place = source.partition(":")
    return f"{reader}{colon}{Path(place.partition(',')[0]).name}"
