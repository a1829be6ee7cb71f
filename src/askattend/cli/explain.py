"""``askattend explain``: an answer, with the evidence for where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional, UseAppendAction

from askattend.cli.console import parse, print_json, print_notes
from askattend.cli.options import Attention, BackboneName, Device, Json, RunFolder, StoredFeatures
from askattend.cli.words import check_questions
from askattend.errors import ConfigError
from askattend.experiment.stopped import stopped_note
from askattend.explaining.explain import explain, explain_stored
from askattend.explaining.explanation import Explanation
from askattend.explaining.text import explanation_lines
from askattend.runs.predictor import Predictor
from askattend.settings import Seed, check

PAGES = (".html", ".htm")


@dataclass(frozen=True)
class Explain:
    """Answer one question about an image, with the evidence for where the answer comes from.

    Beside the attention: maps of the answer and of the next best one by gradient (Grad-CAM,
    gradient × input) and by occlusion, how far they agree, what becomes of the answer without the
    regions and words that they point at, and of the maps without what training taught.
    """

    run: RunFolder
    image: Annotated[Positional[str], tyro.conf.arg(metavar="IMAGE")]
    """The image file; with --features, an image's id in that store."""
    question: Annotated[Positional[str], tyro.conf.arg(metavar="QUESTION")]
    """The question, in quotes."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PAGE.html")] = None
    """Write a page that shows all of it, a single file."""
    reworded: Annotated[UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="QUESTION")] = ()
    """The same in other words, to see how far the maps move; may be given several times."""
    seed: Seed = 0
    """Chooses the random orders of regions, and the untrained networks."""
    features: StoredFeatures = None
    backbone: BackboneName = None
    attention: Attention = None
    device: Device = "auto"
    json: Json = False

    def __post_init__(self) -> None:
        check(self, "seed")


def run(argv: list[str]) -> None:
    """Parse the command's options, explain, print, and write the page."""
    options: Explain = parse(Explain, argv, "explain")
    check_questions((options.question, *options.reworded))
    _check_page(options)
    predictor = Predictor.load(
        options.run,
        device=options.device,
        backbone=options.backbone,
        attention=options.attention,
    )
    print_notes(stopped_note(predictor.run))
    explanation = _explain(predictor, options)
    print_notes(explanation.notes)
    print_notes(explanation.answer.notes)
    if options.out is not None:
        explanation.save(options.out)
    if options.json:
        print_json({"image": options.image, **explanation.to_dict()})
        return
    print("\n".join(explanation_lines(explanation)))
    if options.out is not None:
        print(f"\npage: {options.out}")


def _explain(predictor: Predictor, options: Explain) -> Explanation:
    image, question, other = options.image, options.question, options.reworded
    if options.features is None:
        return explain(predictor, image, question, reworded=other, seed=options.seed)
    store = options.features
    return explain_stored(predictor, store, image, question, reworded=other, seed=options.seed)


def _check_page(options: Explain) -> None:
    """Refuse a bad --out before any work is done."""
    page = options.out
    if page is not None and page.is_dir():
        raise ConfigError("is a folder", where=page, remedy="Name a file, such as page.html.")
    if page is not None and page.suffix.lower() not in PAGES:
        problem = f"'{page.suffix}' is not a page"
        raise ConfigError(problem, where=page, remedy="Name it ….html.")
