"""Networks whose trained weights are lost, layer by layer: what a map does not need of training."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn

from askattend.models import Network
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run


def cascade(model: Network, fresh: Network) -> Iterator[tuple[str, Network]]:
    """Yield a network after each layer that it loses, from the answers down to the inputs.

    Cascading randomisation (Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3.1): a
    map that stays the same does not show what training taught those layers.

    Args:
        model: the trained network, which stays as it is.
        fresh: the same network as it is before training, from which lost layers are taken.

    Yields:
        the name of the layer just lost (``"itself"`` for parameters of the network's own), and one
        network, which loses the next afterwards.
    """
    losing = deepcopy(model)
    # Modules are listed in the order they are made in, inputs first.
    for name, layer in reversed(layers_of(losing)):
        with torch.no_grad():
            for own, parameter in layer.named_parameters(recurse=False):
                parameter.copy_(fresh.get_parameter(f"{name}.{own}".lstrip(".")))
        yield name or "itself", losing.eval()


def layers_of(model: Network) -> list[tuple[str, nn.Module]]:
    """List the modules with parameters of their own, by name."""
    return [
        (name, layer)
        for name, layer in model.named_modules()
        if any(True for _ in layer.parameters(recurse=False))
    ]


def trained_run(predictor: Predictor) -> Run:
    """Return a predictor's run with no words but those of training, as its weights have them."""
    words = replace(predictor.run.words, words=predictor.reader.trained)
    return replace(predictor.run, words=words)


def untrained(run: Run, seed: int) -> Network:
    """Build a run's network as it is before training; the same seed builds the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return run.new_model()
