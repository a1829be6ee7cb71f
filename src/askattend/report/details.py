"""Details of a run, as the end of its report and its model card tell them."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePath
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
    taught = run.config.get("seeds", 1) > 1 or run.config.get("train", {}).get("distil_floor", 0)
    return {
        f"{section}.{key}": value
        for section, defaults in paper.items()
        for key, value in run.config.get(section, {}).items()
        # Where it was computed is told with the time that it took.
        if value != defaults.get(key)
        and key != "device"
        # What teachers would be asked says nothing where there are none.
        and (taught or key != "distil_crossed")
    }


def repeating(
    run: Path,
    split: str,
    *,
    data: str | None = None,
    abstain_above_risk: float | None = None,
    abstention: bool = True,
) -> str:
    """Return the command that evaluates a run again, without folders of this machine.

    Args:
        run: as it was named.
        split: of its data.
        data: the source, where one was named that is not the run's own.
        abstain_above_risk, abstention: as they were named.
    """
    words = ["askattend", "evaluate", str(run) if _is_below(run) else run.name]
    words += [] if data is None else ["--data", portable(data)]
    words += ["--split", split]
    words += (
        [] if abstain_above_risk is None else ["--abstain-above-risk", f"{abstain_above_risk:g}"]
    )
    words += [] if abstention else ["--no-abstention"]
    where = "" if _is_below(run) else " (in the folder that holds it)"
    return shlex.join(words) + where


def _is_below(path: Path) -> bool:
    """Tell a path that is the same for whoever has the working directory, wherever that lies."""
    return not path.is_absolute() and ".." not in path.parts


def details_of(
    predictor: Predictor, metrics: Metrics, history: TrainingHistory, repeat: str
) -> dict[str, str]:
    """Describe what the network is, what it learnt from and how: name → value.

    Args:
        predictor: of the run.
        metrics: of the evaluation.
        history: of training.
        repeat: the command that evaluates it again.

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
        "Repeat with": repeat,
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
