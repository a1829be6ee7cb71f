"""A run written for other programs: graphs, a manifest and a note on how to use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from askattend.environment.packing import run_folder
from askattend.errors import ConfigError, ImageError, did_you_mean, reason_of
from askattend.exporting.accuracy import compare, validation_questions
from askattend.exporting.eight_bits import in_eight_bits
from askattend.exporting.exportable import require_exportable
from askattend.exporting.graphs import BackboneGraph, Graph, ImageGraph, QuestionGraph
from askattend.exporting.manifest import Accuracy, ExportManifest, Weights, describe
from askattend.exporting.onnx_graphs import to_onnx
from askattend.exporting.packages import require_packages
from askattend.exporting.readme import readme
from askattend.exporting.runtime import Session, require_equal
from askattend.exporting.steps import describe_steps
from askattend.exporting.web_page import browser_files
from askattend.features.backbones import backbone_of
from askattend.features.spec import NONE
from askattend.files import make_folder, scratch_folder, whole_folder, write_whole
from askattend.files.manifest import Entry
from askattend.report.quality import Quality, quality_of
from askattend.runs.answerer import Answerer
from askattend.runs.answering import load_to_answer
from askattend.runs.run_folder import Run

Format = Literal["onnx", "web"]
FORMATS: tuple[Format, ...] = ("onnx", "web")
MANIFEST, README = "manifest.json", "README.md"


@dataclass(frozen=True)
class Export:
    """An export that was written.

    Attributes:
        folder: where it is.
        manifest: what its ``manifest.json`` holds.
    """

    folder: Path
    manifest: ExportManifest

    @property
    def size(self) -> int:
        """Bytes of all its files but the manifest."""
        return sum(entry.size for entry in self.manifest.files.values())

    def to_dict(self) -> dict[str, Any]:
        """Return what was written as plain dicts, lists, texts and numbers, ready for JSON."""
        told = ("run", "network", "weights", "accuracy", "remarks", "files")
        whole = msgspec.to_builtins(self.manifest)
        return {name: whole[name] for name in told}


def export(
    run: str | Path,
    out: str | Path,
    *,
    format: str = "onnx",
    weights: str = "float32",
    backbone: bool = True,
    onnxruntime_web: str | Path | None = None,
) -> Export:
    """Write a run as graphs in ONNX, or as a page that answers in the browser.

    Graphs are held against PyTorch before anything is written: no number is off by more than 1e-4.

    Args:
        run: a run folder, a packed run, or a name such as ``"demo"``.
        out: a folder to write, which must not exist or be empty.
        format: ``"onnx"``: graphs and a manifest; ``"web"``: a folder of static files beside them
            that answers in the browser.
        weights: ``"float32"``, or ``"int8"``: less than a third of the bytes, with its accuracy on
            the run's validation questions beside that of float32, where they are at hand.
        backbone: False for the network alone, which is given regions.
        onnxruntime_web: npm's package onnxruntime-web, its folder or its .tgz; by default it is
            fetched by npm once, into the user's cache.

    Raises:
        ConfigError: a package is missing, an option has no such value, or `out` is taken.
        RunError, FeatureError: the run, or its backbone, cannot be exported.
    """
    require_packages()
    _require_one_of("format", format, FORMATS)
    _require_one_of("weights", weights, ("float32", "int8"))
    if format == "web" and not backbone:
        remedy = "Leave out one of the two."
        raise ConfigError("a page cannot answer without the backbone", where="web", remedy=remedy)
    if format != "web" and onnxruntime_web is not None:
        remedy = "Leave it out, or add --format web."
        raise ConfigError("is for a page alone", where="onnxruntime-web", remedy=remedy)
    out = Path(out)
    _require_free(out)
    found = Run.load(run_folder(Path(run)))
    require_exportable(found, backbone=backbone and found.features.backbone != NONE)
    # First of all that is slow: it may have to be fetched.
    page = browser_files(onnxruntime_web) if format == "web" else {}
    chosen: Weights = msgspec.convert(weights, Weights)
    quality = quality_of(Path(run))
    return _write(found, out, page, chosen, quality, backbone=backbone)


def _write(
    run: Run,
    out: Path,
    page: Mapping[str, bytes],
    weights: Weights,
    quality: Quality | None,
    *,
    backbone: bool,
) -> Export:
    answerer = Answerer(run, load_to_answer(run, device="cpu", precision="float32"))
    editable = bool(page) and answerer.model.attends
    graphs = _graphs(answerer, backbone=backbone, web=bool(page))
    make_folder(out.absolute().parent)
    with scratch_folder(out.absolute()) as scratch:
        contents, accuracy, remark = _made(run, graphs, weights, scratch)
    files = {**{f"{name}.onnx": content for name, content in contents.items()}, **page}
    manifest = describe(
        answerer,
        graphs,
        weights=weights,
        editable=editable,
        accuracy=accuracy,
        quality=quality,
        remarks=[*_remarks(run), *remark],
        steps=describe_steps(answerer) if page else (),
        files={name: Entry.of(content) for name, content in files.items()},
    )
    note = readme(manifest, web=bool(page)).encode()
    with whole_folder(out) as unfinished:
        for name, content in {**files, README: note, MANIFEST: manifest.encode()}.items():
            make_folder((unfinished / name).parent)
            write_whole(unfinished / name, content)
    return Export(out, manifest)


def _made(
    run: Run, graphs: Sequence[Graph], weights: Weights, scratch: Path
) -> tuple[dict[str, bytes], Accuracy | None, tuple[str, ...]]:
    """Make and try the graphs; return them, their accuracy, or why that was not measured."""
    contents = {graph.name: to_onnx(graph, scratch) for graph in graphs}
    sessions = {name: Session(content) for name, content in contents.items()}
    for graph in graphs:
        require_equal(graph, sessions[graph.name], words=len(run.words))
    if weights == "float32":
        return contents, None, ()
    contents = {name: in_eight_bits(each, scratch) for name, each in contents.items()}
    rounded = {name: Session(content) for name, content in contents.items()}
    accuracy = _accuracy(run, rounded, sessions)
    if isinstance(accuracy, str):
        return contents, None, (f"its accuracy in 8 bits was not measured: {accuracy}",)
    return contents, accuracy, ()


def _graphs(answerer: Answerer, *, backbone: bool, web: bool) -> list[Graph]:
    """Make the graphs of a run: its backbone's, where it has one, its image's, its question's.

    A page's take edited maps and tell the ranges of all steps, too.
    """
    run, model, features = answerer.run, answerer.model, answerer.run.features
    graphs: list[Graph] = []
    if backbone and features.backbone != NONE:
        loaded = backbone_of(features, where=f"run {run.folder}")
        graphs.append(BackboneGraph(loaded.network.float(), loaded.spec))
    image = ImageGraph(model, features, answerer.likeness, ranges=web)
    taught, unknown, editable = answerer.calibration, run.words.unknown, web and model.attends
    question = QuestionGraph(model, features, taught, unknown, editable=editable, ranges=web)
    return [*graphs, image, question]


def _remarks(run: Run) -> Sequence[str]:
    """Say where an export answers otherwise than the run itself."""
    told = []
    if run.features.precision != "float32":
        told.append(
            f"its features were computed in {run.features.precision}; the exported backbone "
            "computes in float32: answers may differ a little"
        )
    if run.vectors is not None:
        told.append(
            "words that were in no training question are unknown to it, while the run itself looks "
            "them up in its word vectors"
        )
    return told


def _accuracy(
    run: Run, ours: Mapping[str, Session], floats: Mapping[str, Session]
) -> Accuracy | str:
    """Measure the accuracy of 8-bit weights beside that of floats, or say why it cannot be."""
    if "backbone" not in ours and run.features.backbone != NONE:
        return "regions cannot be computed without the backbone"
    questions = validation_questions(run)
    if isinstance(questions, str):
        return questions
    try:
        return compare(run, questions, ours, floats)
    except ImageError as error:  # questions without their pictures
        return reason_of(error)


def _require_one_of(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        remedy = did_you_mean(value, known)
        raise ConfigError(f"unknown {option} '{value}'", remedy=remedy)


def _require_free(out: Path) -> None:
    if out.exists() and not out.is_dir():
        problem = "is not a folder"
    elif (out / MANIFEST).exists() and any(out.glob("*.onnx")):
        problem = "holds an export already"
    elif out.exists() and any(out.iterdir()):
        problem = "is a folder of something else"
    else:
        return
    raise ConfigError(problem, where=out, remedy="Choose another --out.")
