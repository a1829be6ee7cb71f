"""How weights begin."""

from __future__ import annotations

from torch import nn

from askattend.models.encoders import PADDING, PublishedLSTMQuestion


def initialise(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases for every linear layer below `module`."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def initialise_as_published(model: nn.Module) -> None:
    """Weights as the published code begins: embeddings uniform within ±0.5, other weights within
    ±0.01, biases 0 (but 1 for an LSTM's forget gate).
    """
    for name, parameter in model.named_parameters():
        if name.endswith("embedding.weight"):
            nn.init.uniform_(parameter[PADDING + 1 :], -0.5, 0.5)
        elif "bias" in name:
            nn.init.zeros_(parameter)
        else:
            nn.init.uniform_(parameter, -0.01, 0.01)
    for module in model.modules():
        if isinstance(module, PublishedLSTMQuestion):
            module.open_forget_gate()
