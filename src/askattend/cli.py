"""The command line: parse, one library call, print."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import tyro
from rich.console import Console
from tyro.conf import Positional

from askattend import drawing, experiment, importing_cli, tracing_cli
from askattend.checkpoint import CONFIG
from askattend.config import Config, presets, read_preset
from askattend.errors import AskAttendError, ConfigError, nearest
from askattend.evaluation import Metrics
from askattend.features.extraction import ExtractConfig
from askattend.features.store import FeatureStore
from askattend.models import MODELS, ModelConfig
from askattend.predictor import Answer, Predictor, Scene
from askattend.settings import Positive, check

M = TypeVar("M", bound=ModelConfig)

Flat = tyro.conf.arg(name="")  # options of this part take no prefix

USAGE = """\
usage: askattend COMMAND …

  extract SOURCE|FOLDER --out STORE       images → a store of region features
  train saaa|san --data SOURCE --out RUN  learn to answer questions
  evaluate RUN [--split test]             accuracy beside its floors, and report.html
  ask RUN IMAGE QUESTION …                answers, and where the model looked
  trace saaa|san                          a forward pass step by step, in the paper's symbols
  import pytorch-vqa|hdf5 FILE --out …    networks and features of pytorch-vqa

SOURCE is easy-vqa, daquar:DIR or table:FILE. Every command has --help."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; a user's mistake prints its message and exits with status 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        _dispatch(arguments)
        sys.stdout.flush()
    except AskAttendError as error:
        print(f"askattend: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read the output has had enough of it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written to
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"askattend: {where}{error.strerror or error}.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("askattend: interrupted", file=sys.stderr)
        sys.exit(130)


def _dispatch(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE)
        return
    name, *rest = arguments
    if name not in COMMANDS:
        raise ConfigError(f"unknown command '{name}'", remedy=nearest(name, COMMANDS))
    COMMANDS[name](rest)


def _parse(kind: Any, argv: list[str], name: str, **default: Any) -> Any:
    """The options of a command; a mistake in them prints what is wrong and exits with status 2."""
    return tyro.cli(kind, args=argv, prog=f"askattend {name}", **default)


def _progress() -> Console:
    """Notes and progress go to standard error: standard output holds results alone."""
    return Console(stderr=True, soft_wrap=True, markup=False)


def _json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


@dataclass(frozen=True)
class Extract:
    """Turn images into a store of region features."""

    source: Annotated[Positional[str], tyro.conf.arg(metavar="SOURCE|FOLDER")]
    """easy-vqa, daquar:DIR, table:FILE, or a folder of images."""
    out: Path
    """The store, a folder; an unfinished one is continued."""
    config: Annotated[ExtractConfig, Flat]
    strict: bool = False
    """Exit with status 1 if any image is broken."""


def _extract(argv: list[str]) -> None:
    options: Extract = _parse(Extract, argv, "extract")
    report = experiment.extract_features(
        options.source, options.out, options.config, console=_progress()
    )
    print(f"{len(report.store):,} images in {report.store.path}")
    for image, reason in report.broken.items():
        print(f"broken: {image}: {reason}", file=sys.stderr)
    if options.strict and report.broken:
        sys.exit(1)


@dataclass(frozen=True)
class Train(Generic[M]):
    """Train a network and leave a run folder that answers questions."""

    config: Annotated[Config[M], Flat]
    out: Path | None = None
    """The run folder; needed."""
    preset: str | None = None
    """Settings to start from: a name, or a TOML file; options given here come on top."""
    resume: bool = False
    """Go on where an earlier training of this folder stopped."""


def _train(argv: list[str]) -> None:
    networks = "|".join(MODELS)
    if not argv or argv[0] in ("-h", "--help"):
        print(f"usage: askattend train {networks} --data SOURCE --out RUN …\n")
        print(f"Presets: {', '.join(presets())}. All options: askattend train saaa --help")
        return
    network, *rest = argv
    if network not in MODELS:
        raise ConfigError(f"unknown network '{network}'", remedy=nearest(network, MODELS))
    config = _starting_config(network, rest)
    kind: Any = Train
    options: Train[Any] = _parse(
        kind[MODELS[network][0]], rest, f"train {network}", default=Train(config=config)
    )
    if options.out is None:
        raise ConfigError("no run folder named", remedy="Add --out RUN.")
    experiment.train(options.config, options.out, resume=options.resume, console=_progress())


def _starting_config(network: str, argv: list[str]) -> Config[Any]:
    """What the options come on top of: a preset, the run to be resumed, or the defaults."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    early.add_argument("--preset")
    early.add_argument("--resume", action="store_true")
    early.add_argument("--out", type=Path)
    try:
        given, _ = early.parse_known_args(argv)
    except argparse.ArgumentError:  # an option without its value: the real parser says so better
        return Config(model=MODELS[network][0]())
    if given.preset:
        return read_preset(given.preset, network)
    if given.resume and given.out and (given.out / CONFIG).is_file():
        return read_preset(str(given.out / CONFIG), network)
    return Config(model=MODELS[network][0]())


@dataclass(frozen=True)
class Evaluate:
    """Accuracy on a split beside its floors; leaves metrics, results and report in the run."""

    run: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run folder."""
    data: str | None = None
    """Question source; by default the one that the run was trained on."""
    split: str = "test"
    """Which of its splits: test, valid, train, or the source's own name."""
    features: Path | None = None
    """Feature store; by default the run's, or a cache beside the run."""
    backbone: str | None = None
    """The run's backbone, where it does not know it or knows it by another name."""
    json: bool = False
    """Print one JSON object."""


def _evaluate(argv: list[str]) -> None:
    options: Evaluate = _parse(Evaluate, argv, "evaluate")
    evaluation = experiment.evaluate_run(
        options.run,
        data=options.data,
        split=options.split,
        features=options.features,
        backbone=options.backbone,
        console=_progress(),
    )
    if options.json:
        _json(evaluation.metrics)
    else:
        print(_table(evaluation.metrics))
        print(f"report: {options.run / 'report.html'}")


FLOORS = {
    "majority": "floor: most common answer",
    "prefix": "floor: by the question's first words",
}


def _table(metrics: Metrics) -> str:
    lines = [f"{metrics.source}, {metrics.split}: {metrics.questions:,} questions"]
    if metrics.accuracy is None:
        return "\n".join([*lines, "the split has no answers: nothing to score"])
    assert metrics.coverage is not None
    rows = [
        (f"accuracy ({metrics.metric})", metrics.accuracy),
        *((f"  {name}", share.accuracy) for name, share in metrics.by_answer_type.items()),
        *((FLOORS[name], value) for name, value in (metrics.floors or {}).items()),
        ("most common answer in the vocabulary", metrics.coverage),
    ]
    return "\n".join([*lines, *(f"{name:<38}{value:>8.2%}" for name, value in rows)])


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
    json: bool = False
    """Print a JSON list, one object a question."""

    def __post_init__(self) -> None:
        check(self)


def _ask(argv: list[str]) -> None:
    options: Ask = _parse(Ask, argv, "ask")
    if not options.questions:
        raise ConfigError("no question asked", remedy="Add one after the image, in quotes.")
    _check_overlay(options)
    predictor = Predictor.load(options.run, backbone=options.backbone)
    scene, answers = _answers(predictor, options)
    for note in _notes(predictor, options.questions):
        print(f"note: {note}", file=sys.stderr)
    if options.json:
        _json([_as_json(options.image, answer) for answer in answers])
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


def _answers(predictor: Predictor, options: Ask) -> tuple[Scene | None, list[Answer]]:
    """What was looked at, unless features alone were, and the answers."""
    if options.features is not None:
        store = FeatureStore.open(options.features)
        asked = predictor.ask_stored(store, options.image, options.questions, top=options.top)
        return None, asked
    scene = predictor.look(options.image)
    return scene, scene.ask_all(options.questions, top=options.top)


def _notes(predictor: Predictor, questions: Sequence[str]) -> Iterator[str]:
    for question in questions:
        if remark := predictor.run.words.remark(question):
            yield remark
        if unknown := predictor.unknown_words(question):
            yield f"the model never saw: {', '.join(unknown)}"


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


def _as_json(image: str, answer: Answer) -> dict[str, Any]:
    glimpses, rows, columns = answer.attention.shape
    return {
        "image": image,
        "question": answer.question,
        "answer": answer.text,
        "probability": answer.probability,
        "top": [{"answer": text, "probability": p} for text, p in answer.top],
        "attention": {
            "glimpses": glimpses,
            "rows": rows,
            "columns": columns,
            "values": answer.attention.tolist(),
        },
    }


def _as_text(answer: Answer) -> str:
    others = ", ".join(f"{text} {p:.1%}" for text, p in answer.top[1:])
    best = f"{answer.question}\n  {answer.text}  {answer.probability:.1%}"
    return f"{best}   ({others})" if others else best


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "extract": _extract,
    "train": _train,
    "evaluate": _evaluate,
    "ask": _ask,
    "trace": lambda argv: tracing_cli.run(argv, as_json=_json),
    "import": lambda argv: importing_cli.run(argv, console=_progress()),
}
