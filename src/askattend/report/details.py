"""Details of a run, as the end of its report and its model card tell them."""

from __future__ import annotations

import shlex
from pathlib import PurePath
from typing import Any

from askattend.environment.home import shortened
from askattend.environment.origin import read_origin
from askattend.evaluation.evaluate import Metrics
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from askattend.settings import to_mapping
from askattend.training.config import TrainConfig
from askattend.training.history import TrainingHistory
from askattend.training.summary import read_summary


def portable(source: str) -> str:
    """Return a source, or a backbone, without the folders that it lies in.

    >>> portable("daquar:/home/somebody/daquar,answers=single"), portable("hf:microsoft/resnet-152")
    ('daquar:daquar,answers=single', 'hf:microsoft/resnet-152')
    """
    name, colon, place = source.partition(":")
    if not place.startswith(("/", "~", ".")):
        return source
    return f"{name}{colon}{PurePath(place).name}"


def changed_settings(run: Run) -> dict[str, Any]:
    """List the settings of network and training that are not the paper's: name → value."""
    papers = {"model": type(run.model_config)(), "train": TrainConfig()}
    paper = {section: to_mapping(defaults) for section, defaults in papers.items()}
    return {
        f"{section}.{key}": value
        for section, defaults in paper.items()
        for key, value in run.config.get(section, {}).items()
        # Where it was computed is told with the time that it took.
        if value != defaults.get(key) and key != "device"
    }


def details_of(predictor: Predictor, metrics: Metrics, history: TrainingHistory) -> dict[str, str]:
    """Describe what the network is, what it learnt from and how: name → value.

    Raises:
        RunError: see `read_summary`.
    """
    run, features = predictor.run, predictor.run.features
    parameters = sum(p.numel() for p in predictor.model.parameters())
    origin = read_origin(run.folder)
    programs = {"Begun by": origin and origin.begun, "Evaluated by": metrics.made}
    return {
        "Network": run.config["network"].upper(),
        "Parameters": f"{parameters:,}",
        "Questions from": portable(metrics.source),
        **_training(run, history),
        "Words, answers": f"{len(run.words):,}, {len(run.answers):,}",
        "Backbone": shortened(features.label),
        "Regions": f"{features.rows} × {features.columns}, {features.region_dim:,} wide",
        **{name: str(program) for name, program in programs.items() if program},
        "Repeat with": f"askattend evaluate {shlex.quote(run.folder.name)} "
        f"--data {shlex.quote(portable(metrics.source))} --split {metrics.split}",
    }


def _training(run: Run, history: TrainingHistory) -> dict[str, str]:
    """Describe what it learnt from and how, as far as the run tells."""
    summary, done = read_summary(run.folder), history.epochs
    epochs, seconds = len(done), sum(epoch.seconds for epoch in done)
    # Of a run that goes on, the summary is of its last end; a packed run has no history.
    if not done and summary is not None:
        epochs, seconds = summary.epochs, summary.seconds
    details = {"Training": f"{epochs} epochs, {seconds:,.0f} s"}
    if summary is None:
        return details if done else {}
    size = f"{summary.data.train.questions:,} questions, {summary.data.train.images:,} images"
    changed = ", ".join(f"{name} {value}" for name, value in changed_settings(run).items())
    recipe = str(run.config.get("recipe", "paper"))
    return {
        "Learnt from": size,
        "Training": f"{details['Training']} on {summary.hardware}",
        "Recipe": f"{recipe}; not the paper's: {changed}" if changed else recipe,
    }
