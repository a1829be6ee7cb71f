"""askattend: small visual question answering whose attention you can see."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askattend.batching.batches import Batch
    from askattend.checking import CheckReport, check
    from askattend.errors import AskAttendError
    from askattend.evaluation.evaluate import Evaluation
    from askattend.experiment.from_python import evaluate, extract, train
    from askattend.experiment.rows import QASet, questions_from
    from askattend.explaining.explain import explain
    from askattend.explaining.explanation import Explanation
    from askattend.exporting.export import Export, export
    from askattend.features.own_backbone import own_backbone
    from askattend.models import SAAA, SAN, Output, SAAAConfig, SANConfig
    from askattend.models.published_san import published_names, san_from_published
    from askattend.models.symbols import record
    from askattend.runs.map_description import MapSummary, describe_map, summarise_map
    from askattend.runs.pipeline import VQAPipeline, pipeline
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
    "Evaluation",
    "Explanation",
    "Export",
    "MapSummary",
    "Output",
    "Predictor",
    "QASet",
    "SAAAConfig",
    "SANConfig",
    "Scene",
    "TrainConfig",
    "VQAPipeline",
    "WordEffect",
    "check",
    "compute_loss",
    "describe_map",
    "evaluate",
    "explain",
    "export",
    "extract",
    "gradio_app",
    "make_optimizer",
    "own_backbone",
    "pipeline",
    "published_names",
    "questions_from",
    "record",
    "san_from_published",
    "summarise_map",
    "train",
    "train_step",
]

# Fetched when first asked for, so that NumPy's half (askattend.byhand) needs no PyTorch and
# ``askattend --help`` need not wait for it.
_HOME = {
    "askattend.batching.batches": ("Batch",),
    "askattend.checking": ("CheckReport", "check"),
    "askattend.errors": ("AskAttendError",),
    "askattend.evaluation.evaluate": ("Evaluation",),
    "askattend.experiment.from_python": ("evaluate", "extract", "train"),
    "askattend.experiment.rows": ("QASet", "questions_from"),
    "askattend.explaining.explain": ("explain",),
    "askattend.explaining.explanation": ("Explanation",),
    "askattend.exporting.export": ("Export", "export"),
    "askattend.features.own_backbone": ("own_backbone",),
    "askattend.models": ("SAAA", "SAN", "Output", "SAAAConfig", "SANConfig"),
    "askattend.models.published_san": ("published_names", "san_from_published"),
    "askattend.models.symbols": ("record",),
    "askattend.training.config": ("TrainConfig",),
    "askattend.training.step": ("compute_loss", "make_optimizer", "train_step"),
    "askattend.runs.map_description": ("MapSummary", "describe_map", "summarise_map"),
    "askattend.runs.pipeline": ("VQAPipeline", "pipeline"),
    "askattend.runs.predictor": ("Answer", "Predictor", "Scene"),
    "askattend.runs.word_effects": ("WordEffect",),
    "askattend.serving.gradio_app": ("gradio_app",),
}
_MODULES = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    """Fetch a public name from the module that it lives in."""
    if name == "__version__":
        from askattend.environment.provenance import version

        return version()
    if name not in _MODULES:
        problem = f"module 'askattend' has no attribute '{name}'"
        # By both of these Python makes its own "Did you mean".
        raise AttributeError(problem, name=name, obj=sys.modules[__name__])
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """List the public names, and those that every module has."""
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
