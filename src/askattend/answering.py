"""A network's outputs for one batch after another, without gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from askattend.batches import Batch
from askattend.data.vocab import PAD
from askattend.devices import Precision, computing
from askattend.models import Model, Output
from askattend.placement import onto

# Questions whose words are read together. The products of an LSTM are quicker the more questions
# there are, and more of them are asked twice: 512 of VQA v2's lengths take 0.81 times as long as
# four times 128, of which the images are then looked at one batch at a time.
READ_TOGETHER = 512


@torch.inference_mode()
def outputs(
    model: Model,
    batches: Iterable[Batch],
    device: torch.device,
    precision: Precision = "float32",
) -> Iterator[tuple[Batch, Output]]:
    """Each batch, on the device, and what the network answers to it, dropout off.

    The words of several batches are read together, so that an output can differ in its last bits
    from that of its batch alone; with filters that reach over a question's end (SAN's published
    CNN), it ends where the longest question of all of them does.

    Args:
        model: of any kind.
        batches: of any size.
        device: the network's.
        precision: what products are computed in; with ``"float32"``, what the weights are in.
    """
    model.eval()
    for group in _groups(onto(device, iter(batches))):
        with computing(precision, model):
            questions = _read(model, group)
        for batch, question in zip(group, questions, strict=True):
            with computing(precision, model):
                look: Any = model.look(batch.regions)  # a network's own Look comes back to it
                output = model.attend(look, question, batch.image_index)
            yield batch, output


def _groups(batches: Iterator[Batch]) -> Iterator[list[Batch]]:
    """Batches whose questions are read together: on a GPU, each by itself."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if batch.tokens.is_cuda or sum(map(len, group)) >= READ_TOGETHER:
            yield group
            group = []
    if group:
        yield group


def _read(model: Model, group: list[Batch]) -> Sequence[Tensor]:
    """Each batch's encoded questions."""
    longest = max(batch.tokens.shape[1] for batch in group)
    tokens = [pad(batch.tokens, (0, longest - batch.tokens.shape[1]), value=PAD) for batch in group]
    lengths = torch.cat([batch.lengths for batch in group])
    questions: Tensor = model.encode(torch.cat(tokens), lengths)
    return torch.split(questions, [len(batch) for batch in group])
