"""Graphs written as ONNX."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.export import Dim

from askattend.exporting.graphs import Graph

# ONNX's version of operators: what onnxruntime 1.17 and its build for browsers already know.
OPSET = 18
# Lengths of the free axes while a graph is made: none of them is 1, which would count as fixed.
_LENGTHS = {"images": 2, "regions": 3, "questions": 5, "words": 4}


def to_onnx(graph: Graph) -> Any:
    """Trace a graph, and return it as ONNX's own message (``onnx.ModelProto``)."""
    free = {name: Dim(name) for name in _LENGTHS}
    shapes = tuple(
        {place: free[axis] for place, axis in enumerate(port.axes) if isinstance(axis, str)}
        for port in graph.inputs
    )
    with _quietly(), torch.no_grad():
        program = torch.onnx.export(
            graph.eval(),
            tuple(port.example(_LENGTHS) for port in graph.inputs),
            dynamo=True,
            dynamic_shapes={"tensors": shapes},
            input_names=[port.name for port in graph.inputs],
            output_names=[port.name for port in graph.outputs],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's remarks on itself, and on packages that it misses, from the terminal."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
