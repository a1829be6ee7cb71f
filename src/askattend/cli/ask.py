"""``askattend ask``: answer questions about an image."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from askattend.cli.console import parse, print_json, print_notes
from askattend.cli.options import (
    REQUIRED,
    Attention,
    BackboneName,
    Device,
    RunFolder,
    StoredFeatures,
)
from askattend.cli.words import check_questions
from askattend.devices import AnsweringPrecision
from askattend.environment.verbosity import is_quiet
from askattend.errors import ConfigError
from askattend.experiment.stopped import stopped_note
from askattend.features.store import FeatureStore
from askattend.metrics.calibration import refuse_two_ways
from askattend.metrics.shares import percent
from askattend.runs.predictor import Answer, Predictor, Scene
from askattend.settings import Positive, Probability, check


@dataclass(frozen=True)
class Ask:
    """Answer questions about an image, and show where the model looked."""

    run: RunFolder
    image: Annotated[Positional[str], tyro.conf.arg(metavar="IMAGE")]
    """The image file; with --features, an image's id in that store."""
    questions: Annotated[
        Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="QUESTION ...", help_behavior_hint=REQUIRED),
    ]
    """One or more questions; the image is looked at once."""
    overlay: Path | None = None
    """Write a PNG of the image with a heat map for each glimpse or hop."""
    draw_as: Literal["auto", "cells", "smooth"] = "auto"
    """Way that --overlay draws maps: each region as the cell that it is, or smoothed; auto is cells
    for grids of up to 64 regions."""
    features: StoredFeatures = None
    backbone: BackboneName = None
    top: Positive = 5
    """Number of answers to list."""
    abstain_above_risk: Probability | None = None
    """Say "not sure" where more than this share of answers would be wrong, as on validation."""
    abstention: bool = True
    """With --no-abstention, no answer is judged by its probability, sure or not."""
    attention: Attention = None
    device: Device = "auto"
    precision: AnsweringPrecision | None = None
    """Type of weights and products; by default the run's."""
    json: bool = False
    """Print a JSON list, one object a question."""

    def __post_init__(self) -> None:
        check(self)
        refuse_two_ways(self.abstain_above_risk, abstention=self.abstention)


def run(argv: list[str]) -> None:
    """Parse the command's options, ask, and print the answers."""
    options: Ask = parse(Ask, argv, "ask")
    if not options.questions:
        raise ConfigError("no question asked", remedy="Add one after the image, in quotes.")
    check_questions(options.questions)
    _check_overlay(options)
    predictor = Predictor.load(
        options.run,
        device=options.device,
        precision=options.precision,
        backbone=options.backbone,
        attention=options.attention,
    )
    print_notes(stopped_note(predictor.run))
    predictor = predictor.knowing(options.questions)
    if options.abstain_above_risk is not None or not options.abstention:
        predictor.abstain_above(options.abstain_above_risk)
    scene, answers = _answers(predictor, options)
    for question in options.questions:
        of = f"“{question}”: " if len(options.questions) > 1 else ""
        print_notes([f"{of}{note}" for note in predictor.notes(question)])
    print_notes(dict.fromkeys(note for answer in answers for note in answer.notes))
    if options.json:
        print_json([{"image": options.image, **answer.to_dict()} for answer in answers])
    else:
        print("\n".join([*map(_as_text, answers), *predictor.unjudged(answers)]))
    if options.overlay is not None and scene is not None:
        _draw(options.overlay, scene, answers, options, maps_name=predictor.maps_name)


def _answers(predictor: Predictor, options: Ask) -> tuple[Scene | None, list[Answer]]:
    """Return the scene, unless features alone are read, and the answers."""
    if options.features is not None:
        store = FeatureStore.open(options.features)
        return None, predictor.ask_stored(store, options.image, options.questions, top=options.top)
    scene = predictor.look(options.image)
    return scene, scene.ask_all(options.questions, top=options.top)


def _draw(file: Path, scene: Scene, answers: list[Answer], options: Ask, *, maps_name: str) -> None:
    from askattend.drawing.fonts import font_hint
    from askattend.drawing.overlay import save_overlay

    cells = None if options.draw_as == "auto" else options.draw_as == "cells"
    save_overlay(file, scene.image, answers, maps_name=maps_name, seen=scene.seen, cells=cells)
    hint = font_hint([*options.questions, *(answer.text for answer in answers)])
    if hint and not is_quiet():
        print(f"askattend: {hint}", file=sys.stderr)


def _check_overlay(options: Ask) -> None:
    """Refuse a bad --overlay before any work is done, and before a photo is lost."""
    overlay = options.overlay
    if overlay is None and options.draw_as != "auto":
        remedy = "Name a picture: --overlay out.png."
        raise ConfigError("draws nothing by itself", where="--draw-as", remedy=remedy)
    if overlay is not None and options.features is not None:
        raise ConfigError(
            "a feature store holds no picture to draw on",
            where="--overlay",
            remedy="Leave out --features and name the image's file, or leave out --overlay.",
        )
    if overlay is not None and overlay.is_dir():
        raise ConfigError("is a folder", where=overlay, remedy="Name a file, such as out.png.")
    if overlay is not None and overlay.resolve() == Path(options.image).resolve():
        raise ConfigError(
            "is the image that is asked about", where=overlay, remedy="Name another --overlay."
        )
    if overlay is not None:
        # Loaded now: without a picture, nobody waits for matplotlib.
        from askattend.drawing.overlay import picture_format

        picture_format(overlay)


def _as_text(answer: Answer) -> str:
    others = ", ".join(f"{text} {percent(p)}" for text, p in answer.top[1:])
    best = f"{answer.question}\n  {answer.said}  {percent(answer.probability)}"
    return f"{best}   ({others})" if others else best
