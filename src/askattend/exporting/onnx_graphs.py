"""Graphs written as ONNX, folded, and without a trace of the machine that they were made on."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim

from askattend.errors import RunError, reason_of
from askattend.exporting.graphs import Graph
from askattend.files import read_whole

# The version of ONNX's operators, and of its files: both known to onnxruntime from 1.14 on.
OPSET, FILE_VERSION = 18, 8
# Lengths of the free axes while a graph is made: none of them is 1, which would count as fixed.
_LENGTHS = {"images": 2, "regions": 3, "questions": 5, "words": 4}
_LOGGERS = ("torch", "torch.onnx", "torch.export", "torch.fx", "onnxscript", "onnx_ir")


def to_onnx(graph: Graph, scratch: Path) -> bytes:
    """Trace a graph, fold what is constant, and return it as an ONNX file's content.

    Args:
        graph: in evaluation.
        scratch: a folder for what onnxruntime hands over as files.

    Raises:
        RunError: it has operations that ONNX has not.
    """
    free = {name: Dim(name) for name in _LENGTHS}
    shapes = tuple(
        {place: free[axis] for place, axis in enumerate(port.axes) if isinstance(axis, str)}
        for port in graph.inputs
    )
    try:
        with _quietly(), torch.no_grad():
            program: Any = torch.onnx.export(
                graph.eval(),
                tuple(port.example(_LENGTHS) for port in graph.inputs),
                dynamo=True,
                dynamic_shapes={"tensors": shapes},
                input_names=[port.name for port in graph.inputs],
                output_names=[port.name for port in graph.outputs],
                opset_version=OPSET,
                verbose=False,
            )
            model = program.model_proto
    except Exception as error:  # the exporter raises whatever a step of it raises
        raise RunError(
            f"no graph can be made of its {graph.name} side ({_cause(error)})",
            where=graph.made_of,
            remedy="Only what takes the same steps whatever the numbers can be exported.",
        ) from error
    return _folded(_anonymous(model), scratch / f"{graph.name}.onnx")


def _cause(error: BaseException) -> str:
    """Say in a line what an error of the exporter comes from, which it wraps in its own advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return reason_of(error).strip().splitlines()[0].rstrip(".")


def _anonymous(model: Any) -> Any:
    """Take out what a graph tells of the code that it came from: files of this machine."""
    for node in (*model.graph.node, *(n for f in model.functions for n in f.node)):
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.metadata_props[:], model.metadata_props[:]
    model.graph.name, model.producer_name, model.producer_version = "askattend", "askattend", ""
    return model


def _folded(model: Any, file: Path) -> bytes:
    """Compute what does not depend on the input, in operators that every runtime knows."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(file)
    options.log_severity_level = 3
    cpu = ["CPUExecutionProvider"]
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=cpu)
    folded = onnx.load_from_string(read_whole(file))
    del folded.graph.value_info[:]  # shapes between nodes are for each runtime to find
    used = {node.domain for node in folded.graph.node} | {""}
    domains = [each for each in folded.opset_import if each.domain in used]
    del folded.opset_import[:]  # of which onnxruntime lists all that it knows itself
    folded.opset_import.extend(domains)
    folded.ir_version = FILE_VERSION
    return bytes(folded.SerializeToString())


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's remarks on itself, and on packages that it misses, from the terminal."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
