"""A network's outputs for one batch after another, without gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from askattend.batching.batches import Batch
from askattend.batching.device_placement import onto
from askattend.data.vocab import PAD
from askattend.devices import Precision, computing
from askattend.models import Network, Output

# Questions whose words are read together. The products of an LSTM are quicker the more questions
# there are, and more of them are asked twice: 512 of VQA v2's lengths take 0.8 times as long as
# four times 128, of which the images are then looked at one batch at a time.
READ_TOGETHER = 512


def outputs(
    model: Network,
    batches: Iterable[Batch],
    device: torch.device,
    precision: Precision = "float32",
) -> Iterator[tuple[Batch, Output]]:
    """Each batch, on the device, and what the network answers to it, dropout off.

    The words of several batches are read together, so that an output can differ in its last bits
    from that of its batch alone.

    Args:
        model: of any kind.
        batches: of any size.
        device: the network's.
        precision: what products are computed in; with ``"float32"``, what the weights are in.

    Raises:
        ConfigError: as `computing`.
        DataError: a length or a word of a question is out of range.
    """
    model.eval()
    for group in _groups(onto(device, iter(batches)), 1 if _apart(model) else READ_TOGETHER):
        # Not around the whole: what is done between two outputs is not ours.
        with torch.inference_mode(), computing(precision, model):
            questions = _read(model, group)
        for batch, question in zip(group, questions, strict=True):
            with torch.inference_mode(), computing(precision, model):
                image = model.encode_image(batch.regions)
                output = model.answer(image, question, batch.image_index)
            yield batch, output


def _apart(model: Network) -> bool:
    """Whether a batch's questions are read by themselves; a GPU has enough to do with one batch."""
    return next(model.parameters()).is_cuda or model.depends_on_padding


def _groups(batches: Iterator[Batch], questions: int) -> Iterator[list[Batch]]:
    """Batches one after the other, until they have so many questions."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if sum(map(len, group)) >= questions:
            yield group
            group = []
    if group:
        yield group


def _read(model: Network, group: list[Batch]) -> Sequence[Tensor]:
    """Each batch's encoded questions."""
    longest = max(batch.tokens.shape[1] for batch in group)
    tokens = [pad(batch.tokens, (0, longest - batch.tokens.shape[1]), value=PAD) for batch in group]
    lengths = torch.cat([batch.lengths for batch in group])
    questions = model.encode_question(torch.cat(tokens), lengths)
    return torch.split(questions, [len(batch) for batch in group])
