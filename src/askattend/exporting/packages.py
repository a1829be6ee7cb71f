"""The packages that exporting needs, asked for before anything slow is done."""

from __future__ import annotations

from importlib.util import find_spec

import torch

from askattend.errors import ConfigError
from askattend.installation import pip_install

_NEEDED = ("onnx", "onnxruntime", "onnxscript")


def require_packages() -> None:
    """Refuse to export where the extra is not installed, or PyTorch is too old to write graphs.

    Raises:
        ConfigError: names what is missing, and the command that installs it.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"exporting needs {' and '.join(missing)}", remedy=f"Run: {pip_install('export')}"
        )
    if not hasattr(torch.onnx, "ops"):
        raise ConfigError(
            f"PyTorch {torch.__version__} cannot write these graphs",
            remedy="Install PyTorch 2.8 or newer.",
        )
