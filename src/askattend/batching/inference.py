"""A network's outputs for one batch after another, without gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from askattend.batching.batches import Batch
from askattend.batching.device_placement import prefetch_to_device
from askattend.batching.graphed_forward import GraphedForward
from askattend.data.vocab import PADDING
from askattend.devices import PrecisionChoice, autocast
from askattend.models import Network, Output

# Questions encoded in one pass. An LSTM's products are quicker the more questions there are, and
# more of them are asked twice; images are encoded a batch at a time, since features take memory.
QUESTIONS_PER_PASS = 512


def outputs(
    model: Network,
    batches: Iterable[Batch],
    device: torch.device,
    precision: PrecisionChoice = "float32",
) -> Iterator[tuple[Batch, Output]]:
    """Yield each batch, on the device, with the network's output for it, dropout off.

    The questions of several batches are encoded together, so that an output can differ in its last
    bits from that of its batch alone.

    Args:
        model: of any kind.
        batches: of any size.
        device: the network's.
        precision: what products are computed in; with ``"float32"``, what the weights are in.

    Raises:
        ConfigError: as `autocast`.
        DataError: a length or a word of a question is out of range.
    """
    model.eval()
    on_device = prefetch_to_device(device, iter(batches))
    if device.type == "cuda" and not model.depends_on_padding:
        graphed = GraphedForward(model, precision)
        yield from ((batch, graphed(batch)) for batch in on_device)
        return
    for group in _groups(on_device, 1 if _one_by_one(model) else QUESTIONS_PER_PASS):
        # Not around the whole: what the caller does between two outputs keeps its own modes.
        # Weights are cast once for a group, which autocast does not do in inference mode.
        with torch.inference_mode(mode=False), torch.no_grad(), autocast(precision, model):
            questions = _encode_questions(model, group)
            answered = [
                model.answer(model.encode_image(batch.gathered()), question, batch.image_index)
                for batch, question in zip(group, questions, strict=True)
            ]
        yield from zip(group, answered, strict=True)


def _one_by_one(model: Network) -> bool:
    """Return True where batches are encoded one by one: a GPU has enough to do with one."""
    return next(model.parameters()).is_cuda or model.depends_on_padding


def _groups(batches: Iterator[Batch], questions: int) -> Iterator[list[Batch]]:
    """Gather batches one after the other, until a group has so many questions."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if sum(map(len, group)) >= questions:
            yield group
            group = []
    if group:
        yield group


def _encode_questions(model: Network, group: list[Batch]) -> Sequence[Tensor]:
    """Encode the questions of several batches in one pass; one tensor a batch comes back."""
    longest = max(batch.tokens.shape[1] for batch in group)
    tokens = [
        pad(batch.tokens, (0, longest - batch.tokens.shape[1]), value=PADDING) for batch in group
    ]
    lengths = torch.cat([batch.lengths for batch in group])
    questions = model.encode_question(torch.cat(tokens), lengths)
    return torch.split(questions, [len(batch) for batch in group])
