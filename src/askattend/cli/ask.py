"""``askattend ask``: answer questions about an image."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from askattend.cli.console import parse, print_json
from askattend.errors import ConfigError
from askattend.features.geometry import Crop
from askattend.features.store import FeatureStore
from askattend.report import overlay as drawing
from askattend.runs.predictor import Answer, Predictor, Scene
from askattend.settings import Positive, Probability, check


@dataclass(frozen=True)
class Ask:
    """Answer questions about an image, and show where the model looked."""

    run: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run folder."""
    image: Annotated[Positional[str], tyro.conf.arg(metavar="IMAGE")]
    """The image file; with --features, an image's id in that store."""
    questions: Annotated[Positional[tuple[str, ...]], tyro.conf.arg(metavar="QUESTION ...")]
    """One or more questions; the image is looked at once."""
    overlay: Path | None = None
    """Write a PNG of the image with a heat map for each glimpse or hop."""
    features: Path | None = None
    """Answer from the features of this store; no picture is needed."""
    backbone: str | None = None
    """The run's backbone, where it does not know it or knows it by another name."""
    top: Positive = 5
    """How many answers to list."""
    abstain_above_risk: Probability | None = None
    """Say "not sure" where more than this share of answers would be wrong, as on validation."""
    device: str = "auto"
    """Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, …"""
    json: bool = False
    """Print a JSON list, one object a question."""

    def __post_init__(self) -> None:
        check(self)


def run(argv: list[str]) -> None:
    """Parse the command's options, ask, and print the answers."""
    options: Ask = parse(Ask, argv, "ask")
    if not options.questions:
        raise ConfigError("no question asked", remedy="Add one after the image, in quotes.")
    _check_overlay(options)
    predictor = Predictor.load(options.run, device=options.device, backbone=options.backbone)
    if options.abstain_above_risk is not None:
        predictor.abstain_above(options.abstain_above_risk)
    scene, seen, answers = _answers(predictor, options)
    for question in options.questions:
        for note in predictor.notes(question):
            print(f"note: {note}", file=sys.stderr)
    if options.json:
        print_json([_as_json(options.image, answer, seen) for answer in answers])
    else:
        print("\n".join(_as_text(answer) for answer in answers))
    if options.overlay is not None and scene is not None:
        drawing.save_overlay(
            options.overlay,
            scene.image,
            answers,
            maps_name=predictor.maps_name,
            seen=scene.seen,
        )
        if hint := drawing.font_hint([*options.questions, *(answer.text for answer in answers)]):
            print(f"askattend: {hint}", file=sys.stderr)


def _answers(predictor: Predictor, options: Ask) -> tuple[Scene | None, Crop | None, list[Answer]]:
    """What was looked at, unless features alone were; which part was seen; and the answers."""
    if options.features is not None:
        store = FeatureStore.open(options.features)
        asked = predictor.ask_stored(store, options.image, options.questions, top=options.top)
        return None, store.crop(options.image), asked
    scene = predictor.look(options.image)
    return scene, scene.seen, scene.ask_all(options.questions, top=options.top)


def _check_overlay(options: Ask) -> None:
    """Before any work is done, and before a photo is lost."""
    overlay = options.overlay
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


def _as_json(image: str, answer: Answer, seen: Crop | None) -> dict[str, Any]:
    glimpses, rows, columns = answer.attention.shape
    return {
        "image": image,
        "question": answer.question,
        "answer": answer.text,
        "probability": answer.probability,
        "sure": answer.sure,
        "top": [{"answer": text, "probability": p} for text, p in answer.top],
        "attention": {
            "glimpses": glimpses,
            "rows": rows,
            "columns": columns,
            "values": answer.attention.tolist(),
        },
        "seen": seen,
    }


def _as_text(answer: Answer) -> str:
    others = ", ".join(f"{text} {p:.1%}" for text, p in answer.top[1:])
    best = f"{answer.question}\n  {answer.said}  {answer.probability:.1%}"
    return f"{best}   ({others})" if others else best
