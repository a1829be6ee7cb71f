"""``manifest.json`` of an export: all that a program needs to know beside the graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec

from askattend.environment.origin import read_origin
from askattend.environment.provenance import Provenance
from askattend.exporting.graphs import BackboneGraph, Graph, Port
from askattend.exporting.steps import StepFacts
from askattend.features.lite import LITE
from askattend.features.spec import FeatureSpec
from askattend.files.manifest import Entry
from askattend.metrics.calibration import MOST_UNKNOWN
from askattend.models.encoders import PADDING
from askattend.report.card import licence_of
from askattend.report.details import portable
from askattend.report.quality import Quality
from askattend.runs.answerer import Answerer
from askattend.training.summary import read_summary

# Grows with every change of what a manifest, or a graph, means.
LAYOUT = 2
Weights = Literal["float32", "int8"]


class PortFacts(msgspec.Struct, frozen=True):
    """An input or output: its name, axes (a name for each that is free) and type of numbers."""

    name: str
    axes: tuple[int | str, ...]
    dtype: str

    @classmethod
    def of(cls, port: Port) -> PortFacts:
        """Describe a port."""
        return cls(port.name, port.axes, str(port.dtype).removeprefix("torch."))


class GraphFacts(msgspec.Struct, frozen=True):
    """A graph's file, inputs and outputs."""

    file: str
    inputs: tuple[PortFacts, ...]
    outputs: tuple[PortFacts, ...]

    @classmethod
    def of(cls, graph: Graph) -> GraphFacts:
        """Describe a graph."""
        inputs, outputs = (tuple(map(PortFacts.of, p)) for p in (graph.inputs, graph.outputs))
        return cls(f"{graph.name}.onnx", inputs, outputs)


class WordFacts(msgspec.Struct, frozen=True):
    """Words by their index, how questions are divided, and two indices that mean none."""

    list: tuple[str, ...]
    tokeniser: str
    padding: int
    unknown: int


class AttentionFacts(msgspec.Struct, frozen=True):
    """Maps of attention: the paper's word for one, how many, and the grid that each lies on."""

    maps_name: str
    maps: int
    rows: int
    columns: int


class TemperatureFacts(msgspec.Struct, frozen=True):
    """Temperature of the graph, T · (1 + unknown_slope · share of a question's unknown words)."""

    temperature: float
    unknown_slope: float


class SureFacts(msgspec.Struct, frozen=True):
    """Threshold and share of unknown words that an answer is judged by.

    Attributes:
        threshold: the least probability to be sure with; None where none was chosen, so that
            nobody judges.
        most_unknown: of a question with a greater share of unknown words no answer is sure.
    """

    threshold: float | None
    most_unknown: float


class LicenceFacts(msgspec.Struct, frozen=True):
    """Licences, by the model hub's names for them.

    Attributes:
        run: of the run.
        terms: in words, where nobody chose that licence.
        backbone: of the backbone's weights; None where they do not go along.
    """

    run: str
    terms: str | None
    backbone: str | None


class Accuracy(msgspec.Struct, frozen=True):
    """Accuracy of these graphs, and of the same in float32, on validation questions of the run.

    Attributes:
        questions: how many.
        images: on how many images.
        accuracy: of these graphs, 0 to 1.
        float32: of those with weights in float32, 0 to 1.
        same_answer: share of the questions to which both give the same answer.
    """

    questions: int
    images: int
    accuracy: float
    float32: float
    same_answer: float


class ExportManifest(msgspec.Struct, frozen=True):
    """All that stands in ``manifest.json``.

    Attributes:
        layout: the version of all this.
        made: the program that made it, and when.
        run: the run's name.
        network: the network's.
        weights: the type of their numbers.
        graphs: by name: ``backbone``, ``image``, ``question``.
        words: for reading questions.
        answers: by their index.
        preprocessing: how a picture becomes pixels; the graph itself subtracts mean and divides.
        attention: of the maps.
        temperature: None where none was fitted.
        sure: what judges whether an answer is.
        attends: False for a network whose maps are the same everywhere.
        depends_on_padding: True where an answer depends on the longest question beside it.
        editable: True where the question graph takes edited maps.
        accuracy: of 8-bit weights; None where it was not measured.
        licence: of the run, and of its backbone.
        provenance: the run's own: what it learnt from, when, how well.
        remarks: what differs from the run's own answers.
        page: what the page tells of the run.
        steps: of a forward pass, where the graphs tell their ranges.
        files: every other file, its bytes and SHA-256.
    """

    layout: int
    made: Provenance
    run: str
    network: str
    weights: Weights
    graphs: dict[str, GraphFacts]
    words: WordFacts
    answers: tuple[str, ...]
    preprocessing: FeatureSpec
    attention: AttentionFacts
    temperature: TemperatureFacts | None
    sure: SureFacts
    attends: bool
    depends_on_padding: bool
    editable: bool
    accuracy: Accuracy | None
    licence: LicenceFacts
    provenance: dict[str, Any]
    remarks: tuple[str, ...]
    page: dict[str, Any]
    steps: tuple[StepFacts, ...]
    files: dict[str, Entry]

    def encode(self) -> bytes:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self))


def describe(
    answerer: Answerer,
    graphs: Sequence[Graph],
    *,
    weights: Weights,
    editable: bool,
    accuracy: Accuracy | None,
    quality: Quality | None,
    remarks: Sequence[str],
    steps: Sequence[StepFacts],
    files: Mapping[str, Entry],
) -> ExportManifest:
    """Describe an export.

    Args:
        answerer: the run.
        graphs: that were written.
        weights: the type of their numbers.
        editable: see `ExportManifest`, as the rest.
        accuracy: if it was measured.
        quality: of the run, for the page.
        remarks: on what differs from the run's own answers.
        steps: of a forward pass.
        files: name → what the file holds.
    """
    run, calibration = answerer.run, answerer.calibration
    (question,) = (graph for graph in graphs if graph.name == "question")
    maps = next(port.axes[1] for port in question.outputs if port.name == "attention")
    return ExportManifest(
        layout=LAYOUT,
        made=Provenance.now(),
        run=run.folder.resolve().name,
        network=type(answerer.model).__name__,
        weights=weights,
        graphs={graph.name: GraphFacts.of(graph) for graph in graphs},
        words=WordFacts(run.words.words, run.words.tokeniser, PADDING, run.words.unknown),
        answers=run.answers.answers,
        preprocessing=replace(run.features, backbone=portable(run.features.backbone)),
        attention=AttentionFacts(
            answerer.maps_name, int(maps), run.features.rows, run.features.columns
        ),
        temperature=None
        if calibration is None
        else TemperatureFacts(calibration.temperature, calibration.unknown_slope),
        sure=SureFacts(answerer.threshold, MOST_UNKNOWN),
        attends=answerer.model.attends,
        depends_on_padding=answerer.model.depends_on_padding,
        editable=editable,
        accuracy=accuracy,
        licence=LicenceFacts(*licence_of(run), _licence_of_backbone(graphs)),
        provenance=_provenance(answerer),
        remarks=tuple(remarks),
        page=_page(answerer, quality),
        steps=tuple(steps),
        files=dict(files),
    )


def _licence_of_backbone(graphs: Sequence[Graph]) -> str | None:
    backbone = next((graph for graph in graphs if isinstance(graph, BackboneGraph)), None)
    if backbone is None:
        return None
    known = "apache-2.0, trained on ImageNet"
    return known if backbone.spec.backbone == LITE else "as the package says that it came with"


def _provenance(answerer: Answerer) -> dict[str, Any]:
    """Tell where a run comes from, without the folders that its data lay in."""
    run = answerer.run
    origin, summary = read_origin(run.folder), read_summary(run.folder)
    return {
        "data": portable(str(run.config.get("data", ""))),
        "begun": None if origin is None else msgspec.to_builtins(origin.begun),
        "questions_digest": None if origin is None else origin.questions,
        "trained_on": None if summary is None else msgspec.to_builtins(summary.data.train),
        "validated_on": None if summary is None else msgspec.to_builtins(summary.data.valid),
        "valid_accuracy": None if summary is None else summary.valid_accuracy,
        "metric": None if summary is None else summary.metric,
    }


def _page(answerer: Answerer, quality: Quality | None) -> dict[str, Any]:
    """Tell of a run what a page shows before anything is asked."""
    run, summary = answerer.run, read_summary(answerer.run.folder)
    words = [word for word in run.words.words if len(word) > 3 and word.isalpha()]
    return {
        "data": portable(str(run.config.get("data", ""))) or None,
        "questions": None if summary is None else summary.data.train.questions,
        "suggestions": list(run.suggestions),
        "common_words": words[:12],
        "quality": msgspec.to_builtins(quality),
    }
