"""Graphs run by onnxruntime, held against the modules that they were made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from askattend.errors import RunError
from askattend.exporting.graphs import BackboneGraph, Graph
from askattend.features.storage import STEPS

# How far a number may be off: in itself, and where features are rounded to half precision, as a
# share of it.
TOLERANCE, ROUNDING = 1e-4, 2.0**-10
# Lengths of the free axes that a graph is tried with: some equal to 1, and all in another order.
_TRIED = (
    {"images": 1, "regions": 4, "questions": 1, "words": 1},
    {"images": 3, "regions": 2, "questions": 4, "words": 7},
)


class Session:
    """A graph that onnxruntime runs on the processor.

    Attributes:
        inputs: name → its axes' lengths, or their names.
        outputs: names.

    Args:
        content: of its file.
        threads: how many compute; by default onnxruntime's own choice.
    """

    def __init__(self, content: bytes, *, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, threads
        self._session: Any = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        self.inputs = {each.name: tuple(each.shape) for each in self._session.get_inputs()}
        self.outputs = tuple(each.name for each in self._session.get_outputs())

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Compute the outputs, by name; inputs that the graph does not have are left out."""
        feeds = {name: np.asarray(inputs[name]) for name in self.inputs}
        return dict(zip(self.outputs, self._session.run(None, feeds), strict=True))


def require_equal(graph: Graph, session: Session, *, words: int) -> None:
    """Try a graph on random inputs, and refuse it where onnxruntime computes something else.

    Args:
        graph: the modules that it was made of.
        session: the same as a graph.
        words: the size of the word vocabulary.

    Raises:
        RunError: names the output, and how far it is off.
    """
    for seed, lengths in enumerate(_TRIED):
        inputs = random_inputs(graph, lengths, words=words, seed=seed)
        with torch.no_grad():
            wanted = graph(*inputs.values())
        found = session.run({name: tensor.numpy() for name, tensor in inputs.items()})
        for port, tensor in zip(graph.outputs, wanted, strict=True):
            _require_near(graph, port.name, tensor, torch.from_numpy(found[port.name]))


def _require_near(graph: Graph, name: str, wanted: Tensor, found: Tensor) -> None:
    same = wanted.shape == found.shape
    wanted, found = wanted.double(), found.double()
    share, least = 0.0, TOLERANCE
    if isinstance(graph, BackboneGraph):  # a number beside the middle of two may go either way
        share = ROUNDING
        least += float(wanted.max() - wanted.min()) / STEPS if graph.spec.dtype == "int8" else 0.0
    if same and torch.allclose(wanted, found, rtol=share, atol=least):
        return
    off = f"{(wanted - found).abs().max():.2g}" if same else "of another shape"
    raise RunError(
        f"onnxruntime computes another '{name}' of its {graph.name} side ({off} off)",
        where=graph.made_of,
        remedy="Another version of onnxruntime may do: pip install --upgrade onnxruntime.",
    )


def random_inputs(
    graph: Graph, lengths: Mapping[str, int], *, words: int, seed: int
) -> dict[str, Tensor]:
    """Make random inputs of a graph: a padded batch of questions, about images in any order.

    Args:
        graph: has the inputs.
        lengths: of the free axes.
        words: the size of the word vocabulary.
        seed: the same one makes the same.
    """
    generator = torch.Generator().manual_seed(seed)
    made = {port.name: port.example(lengths) for port in graph.inputs}

    def whole(low: int, high: int, like: Tensor) -> Tensor:
        return torch.randint(low, high, like.shape, generator=generator, dtype=like.dtype)

    for name, ones in made.items():
        if ones.dtype == torch.float32:
            made[name] = torch.rand(ones.shape, generator=generator)
        elif ones.dtype == torch.bool:
            made[name] = torch.rand(ones.shape, generator=generator) < 0.5
        elif ones.dtype == torch.uint8:
            made[name] = whole(0, 256, ones)
    if "regions" in made:
        made["regions"][:, 0] = 0  # as a region beside a padded picture is
    if "tokens" in made:
        asked = made["lengths"] = whole(1, lengths["words"] + 1, made["lengths"])
        past = torch.arange(lengths["words"]) >= asked[:, None]
        made["tokens"] = whole(1, max(words, 2), made["tokens"]).masked_fill(past, 0)
        made["image_index"] = whole(0, lengths["images"], made["image_index"])
    return made
