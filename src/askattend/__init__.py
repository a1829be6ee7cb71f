"""askattend: small visual question answering whose attention you can see."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askattend.batching.batches import Batch
    from askattend.checking import CheckReport, check
    from askattend.errors import AskAttendError
    from askattend.models import SAAA, SAN, Output, SAAAConfig, SANConfig
    from askattend.models.published_san import published_names, san_from_published
    from askattend.models.symbols import record
    from askattend.runs.map_description import MapSummary, describe_map, summarise_map
    from askattend.runs.predictor import Answer, Predictor, Scene
    from askattend.runs.word_effects import WordEffect
    from askattend.serving.gradio_app import gradio_app
    from askattend.training.config import TrainConfig
    from askattend.training.step import compute_loss, make_optimizer, train_step

__all__ = [
    "SAAA",
    "SAN",
    "Answer",
    "AskAttendError",
    "Batch",
    "CheckReport",
    "MapSummary",
    "Output",
    "Predictor",
    "SAAAConfig",
    "SANConfig",
    "Scene",
    "TrainConfig",
    "WordEffect",
    "check",
    "compute_loss",
    "describe_map",
    "gradio_app",
    "make_optimizer",
    "published_names",
    "record",
    "san_from_published",
    "summarise_map",
    "train_step",
]

# Fetched when first asked for, so that NumPy's half (askattend.byhand) needs no PyTorch and
# ``askattend --help`` need not wait for it.
_HOME = {
    "askattend.batching.batches": ("Batch",),
    "askattend.checking": ("CheckReport", "check"),
    "askattend.errors": ("AskAttendError",),
    "askattend.models": ("SAAA", "SAN", "Output", "SAAAConfig", "SANConfig"),
    "askattend.models.published_san": ("published_names", "san_from_published"),
    "askattend.models.symbols": ("record",),
    "askattend.training.config": ("TrainConfig",),
    "askattend.training.step": ("compute_loss", "make_optimizer", "train_step"),
    "askattend.runs.map_description": ("MapSummary", "describe_map", "summarise_map"),
    "askattend.runs.predictor": ("Answer", "Predictor", "Scene"),
    "askattend.runs.word_effects": ("WordEffect",),
    "askattend.serving.gradio_app": ("gradio_app",),
}
_MODULES = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    """Fetch a public name from the module that it lives in."""
    if name == "__version__":
        from askattend.provenance import version

        return version()
    if name not in _MODULES:
        raise AttributeError(f"module 'askattend' has no attribute '{name}'")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
